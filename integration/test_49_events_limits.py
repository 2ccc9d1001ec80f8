"""Who follows too slowly, too many who follow, and replicas that go: streams of events are told to reload, refused, ended,
and cost little."""
import socket
from contextlib import ExitStack

import pytest

from atelier.following import MARKER, QUICK, Follower, Parser, Refused, mark, on, owner_of, touch
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.waiting import wait_until


def subscribers(replica):
    return replica.metrics().total("atelier_events_subscribers")


def rss(replica):
    with open(f"/proc/{replica.child.pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


def reading_slowly(replica):
    """A stream whose client takes nothing after the head."""
    client = Http1(replica.clear, receive_buffer=4096)
    client.send("GET", "/events")
    assert client._head()[0] == 200
    return client


@pytest.mark.limit(180)
def test_who_does_not_take_it_is_told_to_reload_and_nothing_is_kept_for_him(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=[*QUICK, "--events-stall-ms", 600000])
    replica, = stack.replicas
    with owner_of(stack) as owner, Follower(on(replica), ids=[21000, MARKER]) as follower:
        owner.execute("INSERT INTO products (id, name, default_price)"
                      " SELECT 20000 + n, 'Many', 1 FROM generate_series(1, 1000) n")
        follower.wait("a thousand", lambda f: f.products(), 20)
        slow = [reading_slowly(replica) for _ in range(20)]
        resident = rss(replica)
        for turn in range(300):  # beyond what the ring keeps
            owner.execute("UPDATE products SET slogan = %s WHERE id BETWEEN 20001 AND 21000", [f"{turn}"])
            follower.wait("all are told", lambda f: len(f.products()) >= turn + 2 or f.reloads(), 30)
        assert follower.reloads() == []
        assert rss(replica) - resident < 64 << 20
        mark(owner, follower)
        parser, chunks, told = Parser(), slow[0]._chunks(), []
        while not any(event.kind == "reload" for event in told):
            told += parser.feed(next(chunks))
        assert [event.data["reason"] for event in told if event.kind == "reload"] == ["behind"]
        touch(owner, MARKER)
        while not any(event.product == MARKER for event in told):
            told += parser.feed(next(chunks))
        for client in slow:
            client.close()


def test_who_takes_nothing_for_long_is_cut_off(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=[*QUICK, "--events-stall-ms", 500])
    replica, = stack.replicas
    with owner_of(stack) as owner, Follower(on(replica)) as follower:
        owner.execute("INSERT INTO products (id, name, default_price)"
                      " SELECT 20000 + n, 'Many', 1 FROM generate_series(1, 1000) n")
        slow = reading_slowly(replica)
        wait_until("both are there", lambda: subscribers(replica) == 2, 5)

        def cut_off():
            owner.execute("UPDATE products SET default_price = default_price + 1 WHERE id BETWEEN 20001 AND 21000")
            return replica.metrics().total("atelier_events_stalled_total") == 1
        wait_until("it is cut off", cut_off, 50, every=0.05)
        wait_until("it is gone", lambda: subscribers(replica) == 1, 5)
        mark(owner, follower)
        slow.close()


def test_only_so_many_streams(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=[*QUICK, "--events-max", 2])
    replica, = stack.replicas
    with Follower(on(replica)), Follower(on(replica)) as second:
        answer = replica.get("/events")
        assert answer.status == 503 and dict(answer.headers)["retry-after"]
        assert "--events-max" not in answer.body.decode() and "2 streams" in answer.body.decode()
        second.close()
        wait_until("there is room again", lambda: subscribers(replica) == 1, 10)
        with Follower(on(replica)):
            assert subscribers(replica) == 2


def test_streams_end_at_once_on_drain(own_stack):
    stack = own_stack(replicas=2, with_nginx=False, options=QUICK)
    leaving, staying = stack.replicas
    with owner_of(stack) as owner, ExitStack() as ending:
        one = ending.enter_context(Follower(on(leaving), on(staying)))
        two = ending.enter_context(Follower(lambda: Http2(leaving.clear), lambda: Http2(staying.clear)))
        stalled = reading_slowly(leaving)
        mark(owner, one, two)
        assert leaving.stop(limit=5) == 0, "although --drain-timeout-ms is 10 s"
        mark(owner, one, two)
        for follower in (one, two):
            assert follower.endings[0] is None, "in good form"
            assert follower.products() == [MARKER, MARKER] and follower.reloads() == []
        stalled.close()


def test_connections_that_are_old_enough_end_their_streams(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=[*QUICK, "--connection-age-max-s", 1])
    with owner_of(stack) as owner, Follower(on(stack.replicas[0])) as follower:
        for _ in range(40):
            mark(owner, follower)
            if follower.streams > 2:
                break
            follower.wait("time passes", lambda f, n=follower.parser.comments: f.parser.comments != n)
        assert follower.streams > 2 and set(follower.endings) == {None}
        assert follower.products() == [MARKER] * len(follower.products()) and follower.reloads() == []


def test_through_nginx_a_stream_may_be_silent_for_longer_than_a_request(own_stack):
    stack = own_stack(options=["--events-heartbeat-ms", 6500])  # proxy_read_timeout is 5 s elsewhere
    with owner_of(stack) as owner, ExitStack() as ending:
        followers = [ending.enter_context(Follower(stack.listeners()[name].connect, ids=[MARKER], again=False))
                     for name in ("http-h1", "edge-h2", "tls-h2")]
        for follower in followers:
            follower.wait("a heartbeat", lambda f: f.parser.comments > 1, 10)
        mark(owner, *followers)
        assert all(follower.endings == [] for follower in followers)


def test_a_replica_that_has_not_loaded_refuses(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    replica.stop()
    stack.postgres.stop()
    replica.start()
    wait_until("it listens", lambda: replica.ready() == 503, 5)
    assert replica.get("/events").status == 503
    with pytest.raises(AssertionError, match="not within"):
        with Follower(on(replica), again=False) as follower:
            follower.wait("never", lambda f: f.streams, 1)
    assert isinstance(follower.endings[0], Refused)
    stack.postgres.start()


# ── ten thousand ──

def h1_streams(replica, count):
    def connect():
        client = socket.create_connection(("127.0.0.1", replica.clear))
        client.sendall(b"GET /events?ids=%d HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n" % MARKER)
        return client
    return [connect() for _ in range(count)]


def h2_streams(replica, count):
    clients = [Http2(replica.clear) for _ in range(count // 100)]
    for client in clients:
        for _ in range(100):
            client.open("GET", f"/events?ids={MARKER}")
    return [client.socket for client in clients]


@pytest.mark.limit(180)
@pytest.mark.parametrize("open_streams", [h2_streams, h1_streams])
def test_ten_thousand_idle_followers(own_stack, open_streams):
    """At most 100 MiB more; each is told of a change, and the replica answers meanwhile."""
    stack = own_stack(replicas=1, with_nginx=False, options=["--events-heartbeat-ms", 2000,
                                                            "--connections-max", 11000])
    replica, = stack.replicas
    with owner_of(stack) as owner, Follower(on(replica)) as follower:
        mark(owner, follower)
        before = rss(replica)
        sockets = open_streams(replica, 9999 // 100 * 100)
        sockets += h1_streams(replica, 99)
        wait_until("all are there", lambda: subscribers(replica) == 10000, 60)
        sent = replica.metrics().total("atelier_events_sent_total")
        touch(owner, MARKER)
        wait_until("all are told", lambda: replica.metrics().total("atelier_events_sent_total") == sent + 10000, 60)
        assert replica.get("/products/11").status == 200
        grown = rss(replica) - before
        print(f"{open_streams.__name__}: 10,000 followers take {grown / 1048576:.1f} MiB")
        assert grown <= 100 << 20
        for client in sockets:
            client.close()
        wait_until("all are gone", lambda: subscribers(replica) <= 1, 60)
