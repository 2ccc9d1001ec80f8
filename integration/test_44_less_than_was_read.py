"""A Postgres that came back with less than was read from it: restored, promoted, crashed, or told by its statistics to be
another. What was never committed there is no longer shown, and until then every answer that shows it says so.
"""
import time

import pytest

from atelier import catalogue
from atelier.crash import ForgetfulCrash
from atelier.http1 import Http1
from atelier.postgres import BIN, USER
from atelier.process import run_checked, stopped
from atelier.promises import version
from atelier.proxy import behind_proxies
from atelier.sessions import Threads
from atelier.stamps import FRESH
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of, milliseconds

EXACT = 10  # seconds to wait for what should take one, and one warm-up
RECENT = 10  # what was published so many seconds before a loss is looked at again in any case: that must not help
CHANGED = (101, 102, 5000, 110)  # two changed products, a new one, a deleted one


@pytest.fixture
def pair(own_stack):
    """Two replicas, and a log that does not name everything any more, as it does after the catalogue was filled: or
    whoever reads it again would load all for that reason alone."""
    stack = own_stack(replicas=2, with_nginx=False)
    stack.postgres.prune()
    return stack


def change_what_will_be_lost(owner):
    for id in (101, 102):
        owner.execute("UPDATE products SET name = 'Lost' WHERE id = %s", [id])
    catalogue.add_product(owner, 5000, "Lost")
    owner.execute("DELETE FROM products WHERE id = 110")


class Judges(Threads):
    """One reader a replica. From gone() on, whoever shows what is lost must say that it may not be so."""

    def __init__(self, replicas):
        super().__init__([lambda replica=replica: self._run(replica) for replica in replicas])
        self.moment = None
        self.asked, self.silent, self.problems = 0, [], []

    def __exit__(self, *_):
        self.stop()
        assert self.problems == [] and self.asked > 100

    def gone(self):
        """Postgres ends, and with it what is lost."""
        self.moment = time.monotonic()

    def _run(self, replica):
        try:
            with Http1(replica.clear, limit=60) as client:
                while self.running:
                    self._judge(replica.name, client)
        except Exception as problem:  # kept for the end
            self.problems.append(problem)

    def _judge(self, name, client):
        for target in ("/products/101", "/products?after=100&count=2", "/products?ids=5000", "/products/110"):
            asked = time.monotonic()
            response = client.get(target)
            lost = b'"Lost"' in response.body or (target == "/products/110" and response.status == 404)
            if lost and "cache-status" not in response and self.moment and asked > self.moment + FRESH:
                self.silent.append((name, target, asked - self.moment))
            self.asked += 1
            time.sleep(0.002)


def wait_exact(stack, since):
    """Every document, every list; and the next change is shown as well."""
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        expected = catalogue.all_documents(owner) | expected_of(owner, *CHANGED)
        expected["/products?count=1000"] = catalogue.body(catalogue.cards(owner))
        print("exact again:", milliseconds(watch.seconds_until_shown(expected, EXACT, since)))
        owner.execute("UPDATE products SET name = 'Next' WHERE id = 101")
        watch.seconds_until_shown(expected_of(owner, 101), 1)


def swap_data(postgres, other):
    """`other` takes the place of the cluster's folder; Postgres is stopped."""
    postgres.data.rename(postgres.folder / "lost")
    other.rename(postgres.data)


def overtake(postgres):
    """So many transactions that their number says nothing any more."""
    with postgres.connect("atelier_owner") as owner:
        for _ in range(300):
            owner.execute("SELECT pg_current_xact_id()")
        owner.execute("UPDATE products SET name = 'Only now' WHERE id = 120")


def test_a_restored_copy_of_the_files_is_noticed(pair):
    """The same system identifier, the same timeline: only what is in it tells. What was lost was read long ago, and
    was little; and when the replicas come back, others have written more than that."""
    postgres = pair.postgres
    postgres.stop()
    copy = postgres.folder / "copy"
    run_checked(["cp", "-a", postgres.data, copy])
    postgres.start()
    postgres.wait_up()
    with postgres.connect("atelier_owner") as owner, Watch(pair.replicas) as watch:
        change_what_will_be_lost(owner)
        watch.seconds_until_shown(expected_of(owner, *CHANGED), EXACT)
        postgres.psql("atelier_reader", "SELECT feed.prune('1 hour')")  # as the replicas do every 10 to 20 s
    shown = time.monotonic()
    wait_until("it was published long ago", lambda: time.monotonic() > shown + RECENT + 1, RECENT + 2)
    with Judges(pair.replicas) as judges:
        postgres.stop()
        judges.gone()
        swap_data(postgres, copy)
        with stopped(*pair.replicas):
            postgres.start()
            postgres.wait_up()
            overtake(postgres)
        wait_exact(pair, time.monotonic())
    assert judges.silent == []


def test_a_promoted_standby_that_lacks_the_last_commits_is_noticed(pair):
    postgres = pair.postgres
    standby = postgres.folder / "standby"
    run_checked([BIN / "pg_basebackup", "-D", standby, "-X", "stream", "-c", "fast", "-d", postgres.conninfo(USER)])
    (standby / "standby.signal").touch()
    run_checked(["chown", "-R", f"--reference={postgres.data}", standby])
    with postgres.connect("atelier_owner") as owner, Watch(pair.replicas) as watch:
        change_what_will_be_lost(owner)
        watch.seconds_until_shown(expected_of(owner, *CHANGED), EXACT)
    with Judges(pair.replicas) as judges:
        postgres.stop()
        judges.gone()
        swap_data(postgres, standby)
        postgres.start()
        postgres.wait_up()
        for replica in pair.replicas:
            wait_until(f"{replica.name} refuses a standby",
                       lambda: any("standby" in line["error"] or "read-only" in line["error"]
                                   for line in replica.logged("feed_lost")), 5)
            assert "unproven" in replica.get("/products/101")["cache-status"]
        with postgres.connect(USER) as admin:
            assert admin.execute("SELECT pg_promote()").fetchone()[0]
        wait_exact(pair, time.monotonic())
    assert judges.silent == []


def undone_by_a_crash(pair, proxies, judges):
    """A commit that everybody sees, a crash that takes it back, and for the replicas Postgres is away. False if this
    crash took nothing back: something had brought the commit to the disk just then."""
    postgres = pair.postgres
    with postgres.connect("atelier_owner") as owner, Watch(pair.replicas) as watch:
        before = expected_of(owner, *CHANGED)
        postgres.prune()  # or the log would name every product once more after the crash
        crash = ForgetfulCrash(postgres)
        owner.execute("SET synchronous_commit = off")
        change_what_will_be_lost(owner)
        watch.seconds_until_shown(expected_of(owner, *CHANGED), 1)
        for proxy in proxies:
            proxy.refuse()
        judges.gone()
        crash.crash()
    with postgres.connect("atelier_owner") as owner:
        if expected_of(owner, *CHANGED) == before:
            return True
        judges.moment = None
        catalogue.fill(owner)
        return False


@pytest.mark.limit(120)
def test_a_commit_that_a_crash_has_undone_is_no_longer_shown_however_long_postgres_was_away(pair):
    """What was published lately is looked at again: lately is before the loss, not before the return."""
    with behind_proxies(pair.replicas, pair.postgres) as proxies, Judges(pair.replicas) as judges:
        for _ in range(5):
            undone = undone_by_a_crash(pair, proxies, judges)
            if undone:
                since = time.monotonic()
                wait_until("Postgres was away for long", lambda: time.monotonic() > since + RECENT + 1, RECENT + 2)
            for proxy in proxies:
                proxy.accept()
            wait_exact(pair, time.monotonic())
            if undone:
                break
        else:
            pytest.fail("none of five crashes has undone anything: the schedule is wrong")
        assert judges.silent == []


# ── an era ends without a loss: somebody resets the statistics that it is told by ──

def reset_statistics(stack):
    with stack.postgres.connect(USER) as admin:
        admin.execute("SELECT pg_stat_reset_shared('bgwriter')")


def test_changes_are_shown_after_the_statistics_were_reset(pair):
    reset_statistics(pair)
    with pair.postgres.connect("atelier_owner") as owner, Watch(pair.replicas) as watch:
        for number in range(20):
            owner.execute("UPDATE products SET name = %s WHERE id = 101", [f"{number}"])
            seconds = watch.seconds_until_shown(expected_of(owner, 101), 1 if number == 0 else None)
            if number == 0:
                print("the first change:", milliseconds(seconds))


def test_a_version_of_a_replica_that_knows_of_the_reset_is_understood_by_one_that_did_not_notice(pair):
    """Nothing is written, so nothing but the reset itself can tell the others."""
    reset_statistics(pair)
    late, other = pair.replicas
    other.stop()
    other.start_ready()
    era, v = version(other.get("/products/1"))
    since = time.monotonic()
    wait_until("the other replica is in that era too", lambda: late.get(
        "/products/1", {"Catalogue-At-Least": f"version={era}.{v}"}).status == 200, 2)
    print(f"{(time.monotonic() - since) * 1000:.0f} ms")
