"""Postgres stops, crashes, forgets, hangs: warm reads go on and say so, and what is shown afterwards is right."""
import itertools
import os
import signal
import threading
import time

import psycopg
import pytest

from atelier import catalogue
from atelier.crash import ForgetfulCrash
from atelier.http1 import Http1
from atelier.process import stopped
from atelier.promises import check_json, check_problem, version
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of, milliseconds

BACK = 1.0  # seconds until a replica is fresh again, once Postgres answers
UNPROVEN = 5.0  # … until it says that it cannot know, once Postgres is gone


@pytest.fixture(scope="module")
def two_replicas(module_stack):
    return module_stack(replicas=2, with_nginx=False)


@pytest.fixture
def stack(two_replicas):
    """Two replicas and a Postgres that each test may shake; what the one before has left behind is put right."""
    postgres = two_replicas.postgres
    if not postgres.running:
        postgres.start()
        postgres.wait_up()
    with postgres.connect("atelier_reader") as rows, Watch(two_replicas.replicas) as watch:
        watch.seconds_until_shown(catalogue.documents(rows, 11), 5)
    return two_replicas


def cache_status(response):
    """The parameters of `Cache-Status: atelier; hit; ttl=-3; detail=unproven`, or {} without the header."""
    words = [word.strip() for word in (response.get("cache-status") or "").split(";")]
    return dict(word.partition("=")[::2] for word in words if word)


def wait_unproven(replica):
    wait_until(f"{replica.name} says that it is unproven",
               lambda: cache_status(replica.get("/products/11")).get("detail") == "unproven", UNPROVEN)


def test_warm_reads_go_on_without_postgres_and_say_so(stack):
    with stack.postgres.connect("atelier_reader") as rows:
        expected = catalogue.all_documents(rows)
    moves = stack.moves()
    stack.postgres.stop()

    for replica in stack.replicas:
        wait_unproven(replica)
        with Http1(replica.clear) as client:
            for target, body in expected.items():
                response = client.get(target)
                assert (response.status, response.body) == (200, body)
                status = cache_status(response)
                assert status["detail"] == "unproven" and "hit" in status and int(status["ttl"]) < 0
            check_problem(client.get("/products/77"), 404, "unknown-product")
            check_problem(client.get("/products/11", {"Catalogue-At-Least": "xid=999999999"}), 503, "not-fresh")
        assert replica.ready() == 200 and replica.operation("/healthz").status == 200
        assert replica.metrics().total("atelier_feed_unproven_seconds") > 0

    stack.postgres.start()
    stack.postgres.wait_up()
    back = time.monotonic()
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        owner.execute("UPDATE products SET name = 'Back again' WHERE id = 11")
        print(milliseconds(watch.seconds_until_shown(expected_of(owner, 11), BACK, since=back)))
        for client in watch.clients.values():
            check_json(client.get("/products/11"))  # which includes that there is no Cache-Status
    assert moves.of("atelier_feed_reconnects_total") >= 2


def test_changes_made_while_postgres_is_restarted_are_all_shown(stack):
    """A writer that never gives up, three restarts under it; in the end every replica shows what is there."""
    stop = threading.Event()
    written = []

    def write():
        numbers = itertools.count()
        while not stop.is_set():
            try:
                with stack.postgres.connect("atelier_owner") as owner:
                    while not stop.is_set():
                        owner.execute("UPDATE products SET slogan = slogan || '.' WHERE id = %s",
                                      [101 + next(numbers) % 9])
                        written.append(1)
            except psycopg.OperationalError:
                stop.wait(0.01)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for _ in range(3):
        before = len(written)
        wait_until("the writer writes", lambda: len(written) > before + 50, 10)
        stack.postgres.stop()
        stack.postgres.start()
        stack.postgres.wait_up()
    stop.set()
    writer.join(10)
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        watch.seconds_until_shown(expected_of(owner, *range(101, 110)), BACK)


# ── connections that break or hang ──

def test_feed_connections_that_are_cut_are_made_again(stack):
    with stack.postgres.connect("postgres") as admin, Watch(stack.replicas) as watch:
        for number in range(5):
            cut, = admin.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                 " WHERE usename = 'atelier_reader'").fetchone()
            assert cut >= 1
            admin.execute("UPDATE products SET name = %s WHERE id = 101", [f"Cut {number}"])
            watch.seconds_until_shown(expected_of(admin, 101), BACK)


def test_a_postgres_that_hangs_is_noticed_and_forgiven(stack):
    """Its processes are stopped, not ended: connections stay open and nothing answers."""
    stopped = [stack.postgres.pid, *stack.postgres.backends("pid <> pg_backend_pid()")]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for replica in stack.replicas:
            wait_unproven(replica)
            assert replica.get("/products/11").status == 200 and replica.ready() == 200
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        owner.execute("UPDATE products SET name = 'Forgiven' WHERE id = 101")
        watch.seconds_until_shown(expected_of(owner, 101), 2 * BACK)


def test_no_replica_leaves_a_transaction_open(stack):
    """For two seconds, at every look: nothing idles in a transaction, nothing holds a snapshot for long."""
    with stack.postgres.connect("postgres") as admin:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            held = admin.execute("SELECT pid, state, query FROM pg_stat_activity WHERE usename = 'atelier_reader' AND"
                                 " (state LIKE 'idle in transaction%' OR xact_start < now() - interval '1 s')")
            assert held.fetchall() == []


def test_every_connection_has_a_name(stack):
    with stack.postgres.connect("postgres") as admin:
        names = {name for name, in admin.execute(
            "SELECT application_name FROM pg_stat_activity WHERE usename = 'atelier_reader'"
            " AND application_name NOT IN ('', 'psql')")}
    for replica in stack.replicas:
        assert any(replica.name in name and "atelierd" in name for name in names)


# ── crashes that hand out the same transaction ids again ──

CRASHES = {"postgres": ForgetfulCrash.crash, "one of its processes": ForgetfulCrash.crash_backends}
BURNT = 500  # transactions that a crash forgets: more than are needed to reach the replicas' last snapshot again


def wait_seen(replicas, xid):
    """Until every replica has read the log in a snapshot that sees transactions up to xid."""
    for replica in replicas:
        wait_until(f"{replica.name} has seen {xid}", lambda: version(replica.get("/products/11"))[1] >= xid, 5)


def next_xid(connection):
    return int(connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()[0])


def wait_old(replica):
    """What was published in the ten seconds before a crash is looked at again in any case: that must not help."""
    wait_until("the catalogue was loaded long ago",
               lambda: replica.metrics().total("atelier_uptime_seconds") > 12, 15)


@pytest.mark.parametrize("kind", CRASHES)
def test_commits_under_reused_transaction_ids_are_shown(stack, kind):
    """Rule 11: whoever trusts the kept snapshot takes these commits for old ones, and hides them for ever.

    The replicas are stopped meanwhile, so that the commits are certainly there before they connect again. A
    replica that happens to prune the log after the burning commits, and the crash forgets nothing: such a round does
    not count.
    """
    wait_old(stack.replicas[-1])
    era, _ = version(stack.replicas[0].get("/products/11"))
    forgetful = 0
    with Watch(stack.replicas) as watch:
        for round in range(8):
            id = 110 + 10 * list(CRASHES).index(kind) + round  # nobody has changed it yet
            crash = ForgetfulCrash(stack.postgres)
            seen = crash.burn(BURNT)
            wait_seen(stack.replicas, seen)
            with stopped(*stack.replicas):
                CRASHES[kind](crash)
                owner = stack.postgres.connect("atelier_owner")
                forgot = next_xid(owner) < seen - BURNT / 2
                owner.execute("UPDATE products SET name = %s WHERE id = %s", [f"At once {round}", id])
            with owner:
                print(milliseconds(watch.seconds_until_shown(expected_of(owner, id), BACK)))
                owner.execute("UPDATE skus SET quantity = quantity + 1 WHERE id = 1")
                owner.execute("DELETE FROM features WHERE product_id = 6")
                owner.execute("INSERT INTO features (id, product_id, feature) VALUES (7000, 6, %s)", [f"{round}"])
                watch.seconds_until_shown(expected_of(owner, 1, 6), BACK)
                forgetful += forgot and next_xid(owner) < seen
            eras = {version(client.get("/products/11"))[0] for client in watch.clients.values()}
            assert len(eras) == 1 and min(eras) > era
            era = min(eras)
            if forgetful == 3:
                return
    pytest.fail(f"{forgetful} of 8 crashes have forgotten something: the schedule is wrong")


def crash_after_commit(stack, watch, kind):
    """A commit that everybody sees, then a crash that takes it back: what is shown must be what was there before.

    None if this crash took nothing back: a replica's pruning had brought the commit to the disk just then.
    """
    with stack.postgres.connect("atelier_owner") as owner:
        before = expected_of(owner, 101, 5000)
        stack.postgres.prune()  # or the log would name every product once more after the crash
        crash = ForgetfulCrash(stack.postgres)
        with owner.transaction():
            owner.execute("SET LOCAL synchronous_commit = off")
            owner.execute("UPDATE products SET name = name || ' undone' WHERE id = 101")
            catalogue.add_product(owner, 5000, "Undone")
        watch.seconds_until_shown(expected_of(owner, 101, 5000), BACK)
        CRASHES[kind](crash)
    with stack.postgres.connect("atelier_owner") as owner:
        undone = expected_of(owner, 101, 5000) == before
        if not undone:
            owner.execute("DELETE FROM products WHERE id = 5000")
    return before if undone else None


@pytest.mark.parametrize("kind", CRASHES)
def test_a_commit_that_a_crash_has_undone_is_no_longer_shown(stack, kind):
    """With synchronous_commit off a crash may take back what everybody has already seen."""
    with Watch(stack.replicas) as watch:
        tries = (crash_after_commit(stack, watch, kind) for _ in range(5))
        before = next(filter(None, tries), None)
        assert before, "none of five crashes has undone anything: the schedule is wrong"
        print(milliseconds(watch.seconds_until_shown(before, BACK)))
        for client in watch.clients.values():
            assert 5000 not in [card["id"] for card in client.get("/products?count=1000").json()]
