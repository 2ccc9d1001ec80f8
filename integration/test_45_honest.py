"""A replica that cannot know says so, everywhere; and one that was stopped neither lies when it goes on, nor does it harm
to Postgres or to those who write meanwhile."""
import signal
import time

import pytest

from atelier import catalogue
from atelier.http1 import Http1
from atelier.metrics import Moves
from atelier.postgres import USER
from atelier.process import stopped
from atelier.promises import check_problem
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

READY_MS = 1500  # --ready-unproven-max-ms
TCP_LIMIT = 8  # seconds until Postgres has cut off a client that reads nothing: 5, and its timers
STOPPED = 12  # seconds that a replica is stopped
LONG = 60
QUEUE = 0.001  # of pg_notification_queue_usage()


@pytest.fixture(scope="module")
def pair(module_stack):
    return module_stack(replicas=2, with_nginx=False)


@pytest.fixture
def owner(pair):
    with pair.postgres.connect("atelier_owner") as owner:
        yield owner


def status(replica):
    return replica.operation("/status").json()["feed"]


# ── a change is known, and what it changed cannot be read ──

@pytest.fixture
def marked(pair, owner):
    """Product 101 has changed, 102 was deleted, 6000 is new, 6001 is unknown but was asked for and changed as well; all
    of that stays to be fetched, because somebody keeps a table locked. Yields when each replica knows."""
    for replica in pair.replicas:
        assert replica.get("/products/6001").status == 404
    moves = [Moves([replica]) for replica in pair.replicas]
    with pair.postgres.connect(USER) as locker:
        locker.execute("BEGIN; LOCK TABLE features IN ACCESS EXCLUSIVE MODE")
        owner.execute("UPDATE products SET name = 'Marked' WHERE id = 101")
        for id in (6000, 6001):
            catalogue.add_product(owner, id)
        for move in moves:
            wait_until("it is marked", lambda: move.of("atelier_feed_changes_total") >= 3, 5)
        yield pair
        locker.execute("ROLLBACK")
    owner.execute("DELETE FROM products WHERE id IN (6000, 6001)")
    with Watch(pair.replicas) as watch:
        watch.seconds_until_shown(expected_of(owner, 101, 6000, 6001), 10)


def check_says(response, detail):
    assert response.status in (200, 304), response
    words = [word.strip() for word in response["cache-status"].split(";")]
    assert words[:2] == ["atelier", "hit"] and f"detail={detail}" in words
    assert int(dict(word.split("=") for word in words[2:])["ttl"]) < 0


def test_every_answer_that_shows_a_marked_product_says_so(marked):
    for replica in marked.replicas:
        moves = Moves([replica])
        with Http1(replica.clear) as client:
            targets = ["/products/101", "/products/101/styles", "/products/101/related", "/products?ids=101,103",
                       "/products?after=100&count=3"]
            for target in targets:
                response = client.get(target)
                check_says(response, "marked")
                check_says(client.get(target, {"If-None-Match": response["etag"]}), "marked")
                check_says(client.head(target), "marked")
                check_says(client.get(target, {"Accept-Encoding": "gzip"}), "marked")
            assert "cache-status" not in client.get("/products/103"), "it has not changed"
            assert moves.of("atelier_http_marked_total") == 4 * len(targets)
            check_problem(client.get("/products/101", {"Catalogue-At-Least": "xid=1"}), 503, "not-fresh")
            for id in (6000, 6001):  # they are there: whoever says 404 must say that it may not be so
                response = client.get(f"/products/{id}")
                assert response.status == 503 or "marked" in response["cache-status"], response


def test_status_and_metrics_say_how_much_is_marked(marked):
    """Also what is just being fetched counts: the fetch may hang."""
    for replica in marked.replicas:
        wait_until(f"{replica.name}'s metrics say so", lambda: replica.metrics().total("atelier_refresh_backlog") >= 3, 2)
        assert status(replica)["backlog"] >= 3


# ── Postgres is away ──

def test_status_and_metrics_say_for_how_long_nothing_was_proven(pair):
    pair.postgres.stop()
    try:
        for replica in pair.replicas:
            wait_until(f"{replica.name} is not sure", lambda: not status(replica)["proven"], 5)
            first, again = status(replica), status(replica)
            assert not first["connected"] and 250 <= first["unproven_ms"] <= again["unproven_ms"]
            assert replica.metrics().total("atelier_feed_unproven_seconds") > 0.25
            assert replica.metrics().total("atelier_feed_connected") == 0
            moves = Moves([replica])
            for target in ("/products/101", "/products?count=3", "/products?ids=1,101"):
                check_says(replica.get(target), "unproven")
            assert moves.of("atelier_http_unproven_total") == 3
    finally:
        pair.postgres.start()
        pair.postgres.wait_up()
    for replica in pair.replicas:
        wait_until(f"{replica.name} is sure again", lambda: status(replica)["proven"], 5)
        assert replica.metrics().total("atelier_feed_unproven_seconds") < 0.25


def test_readiness_ends_past_an_age_if_that_was_asked_for(own_stack):
    asked = own_stack(replicas=1, with_nginx=False, options=["--ready-unproven-max-ms", READY_MS])
    replica, = asked.replicas
    asked.postgres.stop()
    gone = time.monotonic()
    wait_until("its answers say so", lambda: "cache-status" in replica.get("/products/1"), 2)
    wait_until("it is not ready", lambda: replica.ready() == 503, READY_MS / 1000 + 2)
    assert time.monotonic() - gone > READY_MS / 1000 - 0.3, "not before that age"
    assert b"--ready-unproven-max-ms" in replica.operation("/readyz").body
    assert replica.metrics().total("atelier_ready") == 0
    assert not replica.operation("/status").json()["ready"]
    assert replica.get("/products/1").status == 200, "whoever asks is still answered"
    asked.postgres.start()
    asked.postgres.wait_up()
    replica.wait_ready(limit=5)
    assert replica.operation("/readyz").body == b"ready\n"


def test_a_warm_replica_stays_ready_otherwise(pair):
    pair.postgres.stop()
    try:
        for replica in pair.replicas:
            wait_until("it has been away for a while", lambda: status(replica)["unproven_ms"] > 2 * READY_MS, 10)
            assert replica.ready() == 200
    finally:
        pair.postgres.start()
        pair.postgres.wait_up()


# ── a replica is stopped, and goes on ──

ROUNDS = 10


def test_a_replica_that_goes_on_does_not_answer_as_fresh_before_its_first_proof(pair, owner):
    """The requests wait in its sockets, so that they are the first thing it sees."""
    for number in range(ROUNDS):
        clients = [Http1(replica.clear) for replica in pair.replicas for _ in range(8)]
        for client in clients:
            client.get("/products/104")
        with stopped(*pair.replicas):
            owner.execute("UPDATE products SET name = %s WHERE id = 104", [f"Meanwhile {number}"])
            expected = expected_of(owner, 104)["/products/104"]
            time.sleep(0.3)  # longer than an answer may rest on an old proof: this is what it is about
            for client in clients:
                client.send("GET", "/products/104")
        for client in clients:
            response = client.receive()
            assert response.body == expected or "cache-status" in response, "it claims to be fresh, and is not"
            client.close()
        with Watch(pair.replicas) as watch:
            watch.seconds_until_shown({"/products/104": expected}, 2)


def shout(postgres, megabytes):
    """Notifications on the replicas' channel, more than any socket's buffers take."""
    with postgres.connect("atelier_owner") as connection:
        for number in range(megabytes):
            connection.execute("SELECT count(pg_notify('atelier_changes', repeat('x', 7000) || %s::text || n))"
                               " FROM generate_series(1, 150) AS n", [number])


HELD = """SELECT application_name, state, query FROM pg_stat_activity WHERE usename = 'atelier_reader'
          AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL OR state <> 'idle')
          AND (now() - xact_start > interval '1 second' OR now() - state_change > interval '1 second')"""


def check_no_harm(postgres, seconds):
    """After Postgres had the time to notice: nothing is held open, the queue is empty, what is dead can be removed."""
    began = time.monotonic()
    with postgres.connect(USER) as admin:
        shout(postgres, 40)
        worst = 0
        wait_until("nothing of theirs is open", lambda: not admin.execute(HELD).fetchall(), TCP_LIMIT)
        while True:
            usage, = admin.execute("SELECT pg_notification_queue_usage()").fetchone()
            worst = max(usage, worst)
            if usage < QUEUE and time.monotonic() - began > seconds:
                break
            assert usage < QUEUE or time.monotonic() - began < TCP_LIMIT, f"the queue is filled to {usage}"
            assert time.monotonic() - began < TCP_LIMIT or not admin.execute(HELD).fetchall()
            shout(postgres, 1)
            time.sleep(0.1)
        admin.execute("UPDATE products SET slogan = slogan || '!'")
        admin.execute("VACUUM products")
        dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'products'"
        wait_until("the vacuum horizon has moved", lambda: admin.execute(dead).fetchone()[0] == 0, 2)
    print(f"the queue was filled to {worst:.4%} at most")


def big(connection):
    """COPY of it is more than sockets' buffers take."""
    catalogue.insert(connection, "products",
                     [(id, f"Big {id}", "s", f"{id} text " * 4000, "c", "1.00") for id in range(1, 1501)])


def stop_in_the_middle_of_a_copy(postgres, replica):
    """Starts it, and stops it while Postgres waits for it to take more of a COPY."""
    waiting = ("SELECT 1 FROM pg_stat_activity WHERE usename = 'atelier_reader' AND query LIKE '%%COPY%%'"
               " AND state = 'active' AND wait_event = 'ClientWrite' AND application_name LIKE %s")
    copying = waiting.replace("AND wait_event = 'ClientWrite' ", "")
    with postgres.connect(USER) as admin:
        for _ in range(10):
            replica.kill()
            replica.start()
            wait_until("it copies", lambda: admin.execute(copying, [f"%/{replica.name}/%"]).fetchone(), 10, every=0.001)
            replica.send(signal.SIGSTOP)
            try:
                wait_until("Postgres waits for it", lambda: admin.execute(waiting, [f"%/{replica.name}/%"]).fetchone(), 1)
                return
            except AssertionError:
                replica.send(signal.SIGCONT)  # all of it was in the buffers already: once more
    pytest.fail("the COPY was never caught in the middle")


@pytest.mark.parametrize("seconds", [
    pytest.param(STOPPED, marks=pytest.mark.limit(90)),
    pytest.param(LONG, marks=[pytest.mark.long, pytest.mark.limit(200)])])
def test_stopped_replicas_do_no_harm_to_postgres(own_stack, seconds):
    """One is stopped while it listens, one in the middle of a COPY; others write and notify as much as they like."""
    stack = own_stack(big, replicas=2, with_nginx=False, options=["--slice", 100_000])
    listening, loading = stack.replicas
    stop_in_the_middle_of_a_copy(stack.postgres, loading)
    with stopped(listening, loading):
        check_no_harm(stack.postgres, seconds)
    loading.wait_ready(limit=20)
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        owner.execute("UPDATE products SET name = 'Going on' WHERE id = 7")
        watch.seconds_until_shown(expected_of(owner, 7, 1500), 5)
