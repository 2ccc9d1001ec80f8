"""GET /events: every change once, on any replica, whoever goes away in between."""
import random
import threading
from contextlib import ExitStack

import pytest

from atelier import catalogue
from atelier.following import MARKER, QUICK, Follower, mark, on, owner_of, touch
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.sessions import Threads
from atelier.waiting import wait_until


@pytest.fixture
def two(own_stack):
    """Two replicas with quick heartbeats."""
    return own_stack(replicas=2, with_nginx=False, options=QUICK)


# ── what a stream says ──

def test_a_change_is_told_once_on_every_listener(stack, listener, owner):
    with Follower(listener.connect, again=False) as follower:
        with owner.transaction(force_rollback=True):
            touch(owner, 102)
        with owner.transaction():
            touch(owner, 103)
            with owner.transaction(force_rollback=True):
                touch(owner, 104)
            touch(owner, 101, 103)
        mark(owner, follower)
        assert follower.products() == [101, 103, MARKER]
        assert follower.reloads() == []
        headers = follower.headers
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-store"
        assert headers["access-control-allow-origin"] == "*"
        assert "etag" not in headers and "content-encoding" not in headers


def test_what_is_told_can_be_read_at_once(stack, owner):
    """Here without waiting; anywhere with the version that was told."""
    with Follower(on(stack.replicas[0]), ids=[105]) as follower:
        for turn in range(30):
            name = f"Turn {turn} {random.random()}"
            owner.execute("UPDATE products SET name = %s WHERE id = 105", [name])
            event = follower.wait("the change is told", lambda f: len(f.events) > turn and f.events[turn])
            here = stack.replicas[0].get("/products/105")
            assert name in here.body.decode() and "cache-status" not in dict(here.headers)
            for replica in stack.replicas:
                there = replica.get("/products/105", {"Catalogue-At-Least": f"version={event.data['version']}"})
                assert there.status == 200 and name in there.body.decode()


def test_several_changes_of_a_product_in_one_transaction_are_one_event(stack, owner):
    with Follower(on(stack.replicas[1])) as follower:
        with owner.transaction():
            for feature in range(7001, 7006):
                touch(owner, 106)
                owner.execute("INSERT INTO features (id, product_id, feature) VALUES (%s, 106, 'x')", [feature])
        mark(owner, follower)
        assert follower.products() == [106, MARKER]
        owner.execute("DELETE FROM features WHERE product_id = 106")


def test_ids_narrow(stack, owner):
    with Follower(on(stack.replicas[0]), ids=[108, 107, MARKER, 999999]) as narrow, \
         Follower(on(stack.replicas[0])) as wide:
        touch(owner, 107, 109, 110)
        touch(owner, 109)
        mark(owner, narrow, wide)
        assert narrow.products() == [107, MARKER]
        assert set(wide.products()) == {107, 109, 110, MARKER}
        assert wide.products().count(109) in (1, 2), "once, if one log read found both changes"
        assert all(wide.products().count(id) == 1 for id in (107, 110))


def test_added_and_deleted_products_are_told(stack, owner):
    with Follower(on(stack.replicas[0])) as follower:
        catalogue.add_product(owner, 7001)
        follower.wait("the new product is told", lambda f: 7001 in f.products())
        assert stack.replicas[0].get("/products/7001").status == 200
        owner.execute("DELETE FROM products WHERE id = 7001")
        follower.wait("and that it is gone", lambda f: f.products().count(7001) == 2)
        assert stack.replicas[0].get("/products/7001").status == 404


def test_head_and_options(listener, client):
    head = client.head("/events")
    assert head.status == 200 and head.body == b""
    assert dict(head.headers)["content-type"] == "text/event-stream"
    assert client.request("OPTIONS", "/events").status == 204
    assert client.request("DELETE", "/events").status == 405
    assert client.get("/products/11").status == 200  # the connection is none the worse


BAD = [
    ("/events", {"Last-Event-ID": "7"}, "bad-header"),
    ("/events", {"Last-Event-ID": "7-1.2-"}, "bad-header"),
    ("/events", {"Last-Event-ID": "0-1.2"}, "bad-header"),
    ("/events", {"Last-Event-ID": "1-" + "1." * 3000 + "1"}, "bad-header"),
    ("/events?ids=", {}, "bad-parameter"),
    ("/events?ids=0", {}, "bad-parameter"),
    ("/events?ids=1,x", {}, "bad-parameter"),
    ("/events?ids=1&ids=2", {}, "bad-parameter"),
    ("/events?ids=" + ",".join(map(str, range(1, 102))), {}, "bad-parameter"),
]


@pytest.mark.parametrize("target, headers, slug", BAD, ids=range(len(BAD)))
def test_what_is_not_accepted_is_named(client, target, headers, slug):
    answer = client.get(target, headers)
    assert answer.status == 400 and f"urn:atelier:problem:{slug}" in answer.body.decode()
    name, value = ("last-event-id", headers["Last-Event-ID"]) if headers else ("ids", target.split("ids=", 1)[-1][:20])
    assert name in answer.body.decode() and value[:20].split("&")[0] in answer.body.decode()


def test_other_parameters_are_ignored(stack, owner):
    def connect():
        return Http1(stack.replicas[0].clear)

    follower = Follower(connect)
    follower.target = "/events/?utm_source=x&page=0&ids=111"
    with follower:
        touch(owner, 111, 112)
        follower.wait("the change is told", lambda f: f.products() == [111])


# ── going on ──

def arrive(replica, where):
    """A new one has nothing but the log to go on from."""
    if where == "a new one":
        replica.stop()
        replica.start_ready()


def check_arrival(replica, where):
    if where != "another":  # whether its batches happen to be the same is up to chance
        source = "ring" if where == "the same" else "log"
        assert replica.metrics().total("atelier_events_resumes_total", **{"from": source}) > 0


def test_heartbeats_keep_a_silent_stream_and_move_its_position(two):
    with owner_of(two) as owner, Follower(on(two.replicas[0]), ids=[101]) as follower:
        first = follower.last_id
        assert first, "a stream begins by telling where it stands"
        for _ in range(3):
            touch(owner, 102)
        follower.wait("the position moves, though nothing is told", lambda f: f.last_id != first and f.parser.comments)
        assert follower.events == []


@pytest.mark.parametrize("where", ["the same", "another", "a new one"])
def test_goes_on_where_it_was(two, where):
    here, there = two.replicas[0], two.replicas[0 if where == "the same" else 1]
    with owner_of(two) as owner:
        with Follower(on(here)) as follower:
            mark(owner, follower)
            seen = follower.last_id
        for ids in ([101], [102, 101], [103]):
            touch(owner, *ids)
        arrive(there, where)
        with Follower(on(there), last_id=seen) as follower:
            mark(owner, follower)
            told = follower.products()
            assert set(told) == {101, 102, 103, MARKER} and told.count(MARKER) == 1 and follower.reloads() == []
            again = follower.last_id
        with Follower(on(there), last_id=again) as follower:
            mark(owner, follower)
            assert follower.products() == [MARKER], "what was told is not told again"
        check_arrival(there, where)


@pytest.mark.parametrize("where", ["the same", "another", "a new one"])
def test_goes_on_in_the_middle_of_a_batch(two, where):
    here, there = two.replicas[0], two.replicas[0 if where == "the same" else 1]
    with owner_of(two) as owner:
        with Follower(on(here)) as follower:
            touch(owner, *range(101, 121))
            follower.wait("the batch is told", lambda f: len(f.products()) == 20)
            assert follower.products() == list(range(101, 121)), "in ascending order"
            middle = follower.events[6].id
        touch(owner, 105, 150)
        arrive(there, where)
        with Follower(on(there), last_id=middle) as follower, \
             Follower(on(there), ids=[101, 105, 109], last_id=middle) as narrow:
            follower.wait("the rest and what came after", lambda f: 150 in f.products())
            mark(owner, follower)
            assert follower.products() == [*range(108, 121), 105, 150, MARKER]
            assert narrow.products() == [109, 105]
        check_arrival(there, where)


def test_a_late_commit_is_not_missed_by_who_was_away(two):
    """It began before the position that was told, and commits after it."""
    with owner_of(two) as owner, owner_of(two) as late:
        with late.transaction():
            touch(late, 120)
            with Follower(on(two.replicas[0])) as follower:
                mark(owner, follower)
                seen = follower.last_id
        arrive(two.replicas[1], "a new one")
        for replica in two.replicas:
            with Follower(on(replica), last_id=seen) as follower:
                follower.wait("the late one is told", lambda f: 120 in f.products())
                mark(owner, follower)
                assert follower.products().count(120) == 1 and set(follower.products()) == {120, MARKER}
        check_arrival(two.replicas[1], "a new one")


@pytest.mark.limit(120)
def test_nothing_is_lost_while_replicas_are_killed_under_eight_writers(own_stack):
    """Every committed change is followed by an event that covers it; and no event is of something that was not."""
    stack = own_stack(replicas=3, with_nginx=False, options=QUICK)
    lock, committed = threading.Lock(), []  # (product, xid)
    touched_only_in_vain = set(range(141, 149))

    def writer(number):
        choice = random.Random(number)
        with owner_of(stack) as connection:
            while threads.running:
                ids = choice.sample(range(101, 141), choice.choice([1, 1, 2, 5]))
                try:
                    with connection.transaction():
                        xid = int(connection.execute("SELECT pg_current_xact_id()::text").fetchone()[0])
                        with connection.transaction(force_rollback=True):
                            touch(connection, 141 + number)
                        touch(connection, *sorted(ids))
                        if choice.random() < 0.1:
                            connection.execute("SELECT pg_sleep(0.05)")
                        if choice.random() < 0.1:
                            connection.execute("SELECT 1 / 0")
                except Exception as problem:
                    assert type(problem).__name__ in ("DivisionByZero", "DeadlockDetected"), problem
                    continue
                with lock:
                    committed.extend((id, xid) for id in ids)

    with ExitStack() as ending:
        followers = [ending.enter_context(Follower(*(on(stack.replicas[(first + i) % 3]) for i in range(3))))
                     for first in range(3)]
        followers += [ending.enter_context(Follower(*[lambda r=r: Http2(r.clear) for r in stack.replicas]))]
        threads = ending.enter_context(Threads([lambda n=n: writer(n) for n in range(8)]))
        for victim in (stack.replicas[0], stack.replicas[1], stack.replicas[0]):
            count = len(committed)
            wait_until("the writers go on", lambda: len(committed) > count + 300, 30)
            victim.kill()
            wait_until("the writers go on", lambda: len(committed) > count + 500, 30)
            victim.start_ready()
        threads.stop()
        with owner_of(stack) as owner:
            mark(owner, *followers)
        assert sum(len(follower.endings) for follower in followers) >= 4
        for follower in followers:
            check_covered(committed, follower, touched_only_in_vain)


def check_covered(committed, follower, in_vain):
    """xid < xmax of an event's position is what its version covers, if it is no longer running there."""
    told = {}
    for event in follower.events:
        assert event.kind == "change", f"{event} though nothing was too much"
        told.setdefault(event.product, []).append(covers(event.id))
    assert not in_vain & told.keys()
    for product, xid in committed:
        assert any(sees(xid) for sees in told.get(product, ())), f"{xid} of product {product} was not told"
    for product, positions in told.items():
        if product != MARKER:
            new = {xid for p, xid in committed if p == product}
            first = [next(i for i, sees in enumerate(positions) if sees(xid)) for xid in new]
            assert set(first) == set(range(len(positions))), f"an event of product {product} told nothing new"


def covers(id):
    """xid → whether the position of this id sees it."""
    snapshot = id.split("-")[2 if id.count("-") == 3 else 1]
    xmin, span, *steps = map(int, snapshot.split("."))
    running, at = set(), xmin
    for step in steps:
        at += step
        running.add(at)
    return lambda xid: xid < xmin or (xid < xmin + span and xid not in running)


# ── told to reload ──

def test_truncate_and_bulk_changes_are_reloads(two):
    with owner_of(two) as owner, Follower(on(two.replicas[0])) as follower, \
         Follower(on(two.replicas[1]), ids=[1]) as narrow:
        catalogue.fill(owner)
        for f in (follower, narrow):
            f.wait("everything is announced", lambda f: f.reloads() and set(f.reloads()) == {"everything"}, 20)
        owner.execute("INSERT INTO products (id, name, default_price)"
                      " SELECT 20000 + n, 'Bulk', 1 FROM generate_series(1, 1001) n")
        follower.wait("a bulk change is announced", lambda f: f.reloads()[-1] == "bulk", 20)
        wait_until("all of it is told", lambda: two.replicas[0].metrics().total("atelier_refresh_backlog") == 0, 20)
        mark(owner, follower)
        assert follower.products() == [MARKER], "one by one nothing of it was told"
        assert len(follower.last_id) > 0
        seen = follower.last_id
        with Follower(on(two.replicas[1]), last_id=seen) as other:
            mark(owner, other)
            assert other.reloads() == [], "who has been told is not told again"
        owner.execute("DELETE FROM products WHERE id > 20000 AND id <= 21000")
        follower.wait("a thousand are told one by one", lambda f: len(f.products()) >= 1000, 20)


def test_who_was_away_for_too_long_reloads(two):
    with owner_of(two) as owner:
        with Follower(on(two.replicas[0])) as follower:
            mark(owner, follower)
            seen = follower.last_id
        owner.execute("INSERT INTO products (id, name, default_price)"
                      " SELECT 20000 + n, 'Bulk', 1 FROM generate_series(1, 800) n")
        with Follower(on(two.replicas[1]), last_id=seen) as follower:
            follower.wait("800 are told", lambda f: len(f.products()) == 800)
        owner.execute("DELETE FROM products WHERE id > 20000 AND id <= 20400")
        owner.execute("INSERT INTO products (id, name, default_price)"
                      " SELECT 21000 + n, 'Bulk', 1 FROM generate_series(1, 800) n")
        restarted = two.replicas[1]
        restarted.stop()
        restarted.start_ready()  # its ring begins anew
        with Follower(on(restarted), last_id=seen) as follower:
            follower.wait("it is too much", lambda f: f.reloads() == ["behind"])
            mark(owner, follower)
            assert follower.products() == [MARKER]
        two.postgres.prune()
        for replica in two.replicas:
            replica.stop()
            replica.start_ready()
        with Follower(on(restarted), last_id=seen) as follower:
            follower.wait("the log does not reach back", lambda f: f.reloads() == ["pruned"])
            mark(owner, follower)


def is_settled(replica):
    status = replica.operation("/status").json()
    return status["feed"]["proven"] and not status["load"]["running"]


def test_another_life_of_postgres_is_a_reload(two):
    first, second = two.replicas
    with owner_of(two) as owner, Follower(on(first)) as stayed, Follower(on(second)) as other:
        mark(owner, stayed, other)
        seen = stayed.last_id
        two.postgres.stop()
        two.postgres.start()
        two.postgres.wait_up()
        for follower in (stayed, other):
            follower.wait("who stayed is told", lambda f: f.reloads(), 20)
        for replica in two.replicas:  # what a reload takes in is not told one by one
            wait_until("all is loaded again", lambda: is_settled(replica), 20)
        with owner_of(two) as again:
            mark(again, stayed, other)
            with Follower(on(second), last_id=seen) as late:
                late.wait("who comes from before is told", lambda f: f.reloads()[:1] == ["era"], 20)
                mark(again, late)
                assert late.products() == [MARKER]


def test_a_position_that_nobody_has_reached_is_waited_for_and_given_up(two):
    with owner_of(two) as owner, Follower(on(two.replicas[0])) as follower:
        mark(owner, follower)
        era, snapshot = follower.last_id.split("-")[:2]
        xmin, span = map(int, snapshot.split(".")[:2])
        with Follower(on(two.replicas[0]), last_id=f"{era}-{xmin + 1000000}.{span}") as ahead:
            ahead.wait("it is given up", lambda f: f.reloads() == ["unknown"], 10)
            mark(owner, ahead)
