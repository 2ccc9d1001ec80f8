"""What the runbook tells to do while everything runs: a schema change, a backup, a restore. Readers and writers go on meanwhile."""
import re
import subprocess
import time

import pytest

from atelier.build import ROOT
from atelier.http1 import Http1
from atelier.load import Load
from atelier.sessions import Threads
from atelier.waiting import wait_until

BOUND = 0.25  # seconds after which an answer shows a commit, or says that it may be old
STEPS = ("expand", "migrate", "contract")
REPLICAS = ("r1", "r2", "r3")


def some_sku(stack, from_product):
    """(product, sku)"""
    return stack.sql(f"SELECT product_id, id FROM skus WHERE product_id >= {from_product} ORDER BY product_id, id LIMIT 1").split("|")


def shown_everywhere(stack, product, sku, quantity, limit):
    stack.sql(f"UPDATE skus SET quantity = {quantity} WHERE id = {sku}")
    for name in REPLICAS:
        wait_until(f"{name} shows it", lambda: stack.quantity(name, product, sku) == quantity, limit)


class Counting(Threads):
    """A writer that counts a sku up, and a reader a replica that must see it, or be told."""

    def __init__(self, stack, limit=100):
        self.stack, self.end = stack, time.monotonic() + limit
        self.product, self.sku = some_sku(stack, 7)
        self.acknowledged, self.stale, self.problems, self.reads, self.slowest = [(0.0, 0)], [], [], 0, 0.0
        super().__init__([self._write, *(lambda name=name: self._read(name) for name in REPLICAS)])

    def _write(self):
        psql = self.stack.script("psql", "-X", "-q", stdin=subprocess.PIPE)
        for number in range(1, 1_000_000):
            if not self.running or time.monotonic() > self.end:
                break
            begun = time.monotonic()
            psql.stdin.write(f"UPDATE skus SET quantity = {number} WHERE id = {self.sku};\n\\echo {number}\n")
            psql.stdin.flush()
            if psql.stdout.readline() != f"{number}\n":
                self.problems.append(psql.communicate(timeout=5))
                break
            self.acknowledged.append((time.monotonic(), number))
            self.slowest = max(self.slowest, time.monotonic() - begun)
            time.sleep(0.01)
        psql.communicate(timeout=5)

    def _read(self, name):
        with Http1(self.stack.ports[name]) as client:
            while self.running and time.monotonic() < self.end:
                due = next(number for at, number in reversed(self.acknowledged) if at < time.monotonic() - BOUND or not at)
                response = client.get(f"/products/{self.product}/styles")
                shown = re.search(rf'"{self.sku}":{{"quantity":(\d+)'.encode(), response.body)
                self.reads += 1
                if not shown or int(shown[1]) < due and "cache-status" not in response:
                    self.stale.append((name, response.status, response.body[:300], due))
                time.sleep(0.005)


@pytest.mark.long
def test_a_column_is_widened_while_everybody_reads_and_writes(managed):
    """infra/expand-contract: three steps, none of which anybody notices."""
    managed.up("--products", 2000).ok()
    bodies = {target: managed.get("http", target).body for id in range(100, 160) for target in [f"/products/{id}/styles"]}
    with Counting(managed) as counting, Load(lambda: managed.client("http"), bodies, limit=100) as load:
        wait_until("both are at work", lambda: len(counting.acknowledged) > 20 and load.answered > 100, 20)
        for step in STEPS:
            begun, before = time.monotonic(), load.answered
            said = managed.run("psql", "-X", "-f", ROOT / "infra/expand-contract" / f"{step}.sql").ok()
            print(f"{step}: {time.monotonic() - begun:.2f} s, {said.err.strip()}")
            wait_until("the load goes on", lambda: load.answered > before + 100, 20)
    print(f"{load.answered} reads through NGINX, {counting.reads} judged, {len(counting.acknowledged)} writes,"
          f" the slowest {counting.slowest:.3f} s")
    assert not (load.lost or load.wrong or counting.stale or counting.problems) and counting.reads > 500
    assert managed.sql("SELECT data_type, is_nullable FROM information_schema.columns"
                       " WHERE table_name = 'skus' AND column_name LIKE 'quantity%'") == "bigint|NO"
    shown_everywhere(managed, *some_sku(managed, 8), 3000000000, 2)
    assert "skus_quantity_check" in managed.run("psql", "-c", "UPDATE skus SET quantity = -1").err


def restore(stack, file):
    return subprocess.run([ROOT / "infra/restore", "--var", stack.folder], stdin=file, timeout=60, capture_output=True, text=True)


@pytest.mark.long
def test_a_backup_takes_the_place_of_the_database_and_replicas_notice(managed, folder):
    managed.up("--products", 40).ok()
    old = {id: managed.get("http", f"/products/{id}").body for id in (5, 6)}
    backup = folder / "backup"
    with open(backup, "wb") as file:
        subprocess.run([ROOT / "infra/backup", "--var", managed.folder], stdout=file, check=True, timeout=60)
    managed.sql("UPDATE products SET name = 'Since' WHERE id = 5; DELETE FROM products WHERE id = 6;"
                " INSERT INTO products (id, name, default_price) VALUES (900, 'Since', 1)")
    wait_until("it is shown", lambda: b"Since" in managed.get("http", "/products/5").body, 2)
    with open(backup, "rb") as file:
        done = restore(managed, file)
    assert done.returncode == 0 and "atelier_before" in done.stdout
    for name in REPLICAS:
        with Http1(managed.ports[name]) as client:
            wait_until(f"{name} shows the backup", lambda: all(client.get(f"/products/{id}").body == old[id] for id in old)
                       and client.get("/products/900").status == 404, 10)
    shown_everywhere(managed, *some_sku(managed, 7), 77, 5)


@pytest.mark.long
def test_a_restore_that_fails_changes_nothing(managed, folder):
    managed.up("--products", 7).ok()
    backup = folder / "backup"
    backup.write_text("dear reader, this is none")
    refused(managed, backup, "does not appear to be a valid archive")
    with open(backup, "wb") as file:
        subprocess.run([ROOT / "infra/backup", "--var", managed.folder], stdout=file, check=True, timeout=60)
    # a database in which a prepared transaction waits cannot be renamed
    managed.sql("SET atelier.notify = off; BEGIN; UPDATE products SET name = 'Prepared' WHERE id = 1; PREPARE TRANSACTION 'here'")
    refused(managed, backup, "is being accessed")
    managed.sql("COMMIT PREPARED 'here'")
    wait_until("it is shown", lambda: b"Prepared" in managed.get("http", "/products/1").body, 5)
    assert managed.sql("SELECT count(*) FROM products") == "7"
    managed.run("status").ok()


def refused(stack, backup, why):
    with open(backup, "rb") as file:
        done = restore(stack, file)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and why in done.stderr, done.stderr
