"""Replicas that load the catalogue at the same time: Postgres reads a few slices at once for all of them together."""
from contextlib import contextmanager

import pytest

from atelier.http1 import Http1
from atelier.process import stopped
from atelier.waiting import wait_until

MANY = 2000
PERMIT = "pg_try_advisory_lock(1635018092, 101)"
HELD = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1635018092 AND granted
          AND objid BETWEEN 101 AND 164"""
READING = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'atelierd/%/fetch' AND query LIKE 'COPY%'" \
          " AND backend_xmin IS NOT NULL"


def fill_many(owner):
    owner.execute(f"INSERT INTO products (id, name, default_price) SELECT n, 'Product ' || n, n FROM"
                  f" generate_series(1, {MANY}) AS n")
    owner.execute("ANALYZE products")


@contextmanager
def permit_held(stack):
    """The only permit is ours."""
    with stack.postgres.connect("atelier_reader") as holder:
        wait_until("the permit is free", lambda: holder.execute(f"SELECT {PERMIT}").fetchone()[0], 10)
        yield holder


@pytest.fixture
def stack(own_stack):
    """One permit, and slices so small that a load takes a while."""
    return own_stack(fill_many, with_nginx=False, options=["--loads-at-once", 1, "--slice", 20, "--wait-ms", 2000])


def load_of(replica):
    return replica.operation("/status").json()["load"]


def restart(replica):
    replica.stop()
    replica.start()
    wait_until(f"{replica.name} listens", lambda: replica.ready() == 503, 10)


def test_who_waits_for_a_permit_answers_and_says_that_it_waits(stack):
    replica = stack.replicas[0]
    with permit_held(stack):
        restart(replica)
        wait_until("its status says that it waits", lambda: load_of(replica)["waiting"], 10)
        with Http1(replica.clear) as client:
            assert client.get(f"/products/{MANY}").status == 200, "read through"
            assert client.get(f"/products/{MANY + 1}").status == 404, "that, too"
        wait_until("its log says that it waits", lambda: replica.logged("load_waits"), 10)
        assert replica.ready() == 503 and load_of(replica)["products"] == 0
    replica.wait_ready()
    load = load_of(replica)
    assert (load["running"], load["waiting"], load["products"], load["share"]) == (False, False, MANY, 1)


def test_three_that_start_together_keep_to_the_permits_and_all_become_ready(stack):
    for replica in stack.replicas:
        restart(replica)
    most = [0]
    with stack.postgres.connect("postgres") as admin:
        def all_ready():
            held, = admin.execute(HELD).fetchone()
            reading, = admin.execute(READING).fetchone()
            most[0] = max(most[0], held, reading)
            return all(replica.ready() == 200 for replica in stack.replicas)
        wait_until("all are ready", all_ready, 60, every=0.001)
    assert most[0] == 1


def wait_reading(stack, replica):
    """It holds the permit. Seen from outside it is at once out of date; so the tests below only begin like that."""
    with stack.postgres.connect("postgres") as admin:
        wait_until(f"{replica.name} reads a slice", lambda: admin.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory' AND objid = 101"
            " AND a.application_name = %s", [f"atelierd/{replica.name}/fetch"]).fetchone()[0], 20, every=0)


def test_one_that_is_killed_gives_its_permit_back(stack):
    victim, *others = stack.replicas
    for replica in stack.replicas:
        restart(replica)
    wait_reading(stack, victim)
    victim.kill()
    for replica in others:
        replica.wait_ready()


def test_one_that_is_stopped_gives_its_permit_back(stack):
    victim, *others = stack.replicas
    for replica in stack.replicas:
        restart(replica)
    wait_reading(stack, victim)
    with stopped(victim):
        for replica in others:
            replica.wait_ready(40)
    victim.wait_ready()


def test_progress_is_logged_and_in_status(stack):
    replica = stack.replicas[0]
    with permit_held(stack) as holder:
        restart(replica)
        wait_until("it waits", lambda: load_of(replica)["waiting"], 10)
        holder.execute("SELECT pg_advisory_unlock(1635018092, 101)")
        seen = wait_until("it is on its way", lambda: (lambda l: 0 < l["products"] < MANY and l)(load_of(replica)), 20,
                          every=0.001)
        assert 0 < seen["share"] < 1 and seen["running"]
    replica.wait_ready()
    *_, loaded = replica.logged("catalogue_loaded")  # one for each start
    assert loaded["products"] == MANY
