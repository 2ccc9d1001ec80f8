"""Replicas start early, die, are stopped, are told to end: nobody but the one who had to notices."""
import os
import signal
import socket
import time

import pytest

from atelier import catalogue
from atelier.http1 import ConnectionLost, Http1
from atelier.http2 import Http2
from atelier.load import Load
from atelier.promises import check_problem
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

DRAIN_MS = 3000


def big_catalogue(connection):
    """A list of 1,000 cards is 20 MB: more than any socket buffer takes in, so an answer can be caught half way."""
    catalogue.insert(connection, "products",
                     [(id, f"Big {id}", "s", "text " * 4000, "c", "1.00") for id in range(1, 1001)])


BIG = "/products?count=1000"


# ── starting ──

def test_a_replica_started_before_postgres_waits_and_says_so(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    replica.stop()
    stack.postgres.stop()
    replica.start()
    wait_until("the replica answers", lambda: replica.ready() == 503, 5)
    assert replica.operation("/healthz").status == 200
    for target in ("/products/11", "/products/77/styles", "/products", "/products?ids=1"):
        asked = time.monotonic()
        response = replica.get(target)
        check_problem(response, 503, "not-loaded")
        assert int(response["retry-after"]) >= 0
        assert time.monotonic() - asked < 2, "an answer within the time-out, never a hang"
    check_problem(replica.get("/products/x"), 400, "bad-parameter")

    stack.postgres.start()
    stack.postgres.wait_up()
    replica.wait_ready(limit=5)
    with stack.postgres.connect("atelier_reader") as rows, Watch(stack.replicas) as watch:
        watch.seconds_until_shown(catalogue.all_documents(rows), 1)


def test_an_empty_catalogue_is_ready_and_empty(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, fill=None)
    replica, = stack.replicas
    assert replica.get("/products").body == b"[]"
    check_problem(replica.get("/products/1"), 404, "unknown-product")
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        catalogue.add_product(owner, 1)
        watch.seconds_until_shown(expected_of(owner, 1))


# ── dying ──

@pytest.fixture(scope="module")
def whole(module_stack):
    """Three replicas behind NGINX, which these tests kill and stop."""
    return module_stack()


@pytest.fixture
def expected(whole):
    """The whole stack, all of it running, and what it must answer."""
    for replica in whole.replicas:
        if not replica.running:
            replica.start_ready()
    with whole.postgres.connect("atelier_reader") as rows:
        return whole, catalogue.all_documents(rows)


def kill_each_in_turn(stack, load):
    """Each replica is killed under the load and started again, and the load goes on for a while in between."""
    for replica in stack.replicas:
        answered = load.answered
        wait_until("the load runs", lambda: load.answered > answered + 200, 10)
        replica.kill()
        answered = load.answered
        wait_until("the load goes on", lambda: load.answered > answered + 200, 10)
        replica.start_ready()


@pytest.mark.parametrize("name", ["http-h1", "edge-h2"])
def test_killing_a_replica_fails_no_request_through_nginx_s_http_listeners(expected, name):
    stack, documents = expected
    with Load(stack.listeners()[name].connect, documents) as load:
        kill_each_in_turn(stack, load)
    assert (load.wrong, load.lost) == ([], [])


@pytest.mark.parametrize("name", ["tls-h1", "tls-h2"])
def test_killing_a_replica_costs_a_tls_client_a_new_connection_and_no_more(expected, name):
    stack, documents = expected
    with Load(stack.listeners()[name].connect, documents) as load:
        kill_each_in_turn(stack, load)
    assert load.wrong == []
    assert max(load.waits) < 3, "who reconnects is served"


def test_a_replica_that_is_stopped_is_passed_by(expected):
    """It accepts connections (the kernel does) and answers nothing: NGINX goes on to another."""
    stack, documents = expected
    stopped = stack.replicas[0]
    stopped.send(signal.SIGSTOP)
    try:
        with Load(stack.listeners()["http-h1"].connect, documents, threads=2) as load:
            wait_until("each of many requests is answered", lambda: load.answered > 500, 25)
    finally:
        stopped.send(signal.SIGCONT)
    assert (load.wrong, load.lost) == ([], [])


def test_a_replica_that_was_stopped_catches_up(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        for pruned in (False, True):
            replica.send(signal.SIGSTOP)
            owner.execute("UPDATE products SET name = name || '!' WHERE id IN (1, 101)")
            owner.execute("DELETE FROM products WHERE id = %s", [150 + pruned])
            if pruned:
                stack.postgres.prune()
            replica.send(signal.SIGCONT)
            watch.seconds_until_shown(expected_of(owner, 1, 101, 150, 151), 2)
            cards = catalogue.body(catalogue.cards(owner))
            watch.seconds_until_shown({"/products?count=1000": cards}, 2)


# ── being told to end ──

@pytest.fixture(scope="module")
def big_stack(module_stack):
    """One replica with a big catalogue and a short deadline for draining; each test may end it."""
    return module_stack(replicas=1, with_nginx=False, fill=big_catalogue, options=["--drain-timeout-ms", DRAIN_MS])


@pytest.fixture
def replica(big_stack):
    replica, = big_stack.replicas
    if not replica.running:
        replica.start_ready()
    yield replica
    replica.kill()


def half_way_http1(replica):
    """A client that has asked for the big list and taken in only the beginning of the answer."""
    client = Http1(replica.clear, receive_buffer=4096)
    client.send("GET", BIG)
    wait_until("the answer begins", lambda: client.socket.recv(1, socket.MSG_PEEK), 5)
    return client


def half_way_http2(replica, tls=None):
    client = Http2(replica.tls if tls else replica.clear, tls, window=1000)
    stream = client.open("GET", BIG)
    client.receive_until(lambda: len(client.streams[stream].body) == 1000)
    return client, stream


def wait_draining(replica):
    wait_until("new connections are refused", lambda: not accepts(replica.clear), DRAIN_MS / 1000)


def accepts(port):
    try:
        with Http1(port, limit=1) as client:
            return client.get("/products/1").status == 200
    except (OSError, ConnectionLost):
        return False


def test_sigterm_ends_an_idle_replica_at_once(replica):
    started = time.monotonic()
    assert replica.stop() == 0
    assert time.monotonic() - started < DRAIN_MS / 1000


def test_sigterm_lets_an_http1_request_finish(replica):
    body = replica.get(BIG).body
    assert len(body) > 2 * 10**7
    with half_way_http1(replica) as client:
        replica.send(signal.SIGTERM)
        wait_draining(replica)
        assert replica.running
        response = client.receive()
        assert (response.status, response.body) == (200, body)
        assert client.is_closed()
    assert replica.wait(5) == 0


@pytest.mark.parametrize("encrypted", [False, True])
def test_sigterm_sends_goaway_and_lets_http2_streams_finish(big_stack, replica, encrypted):
    body = replica.get(BIG).body
    client, stream = half_way_http2(replica, big_stack.certificates.context() if encrypted else None)
    with client:
        replica.send(signal.SIGTERM)
        client.receive_until(lambda: client.goaway)
        assert client.goaway.error == 0 and client.goaway.last_stream >= stream
        client.open_window(len(body), stream)
        assert client.finish(stream).body == body
        assert client.is_closed()
    assert replica.wait(5) == 0


def test_sigterm_closes_idle_connections_while_others_finish(replica):
    with Http1(replica.clear) as idle, Http2(replica.clear) as idle2, half_way_http1(replica) as busy:
        assert idle.get("/products/1").status == idle2.get("/products/1").status == 200
        replica.send(signal.SIGTERM)
        assert idle.is_closed()
        assert idle2.is_closed() and idle2.goaway
        assert replica.running, "the busy connection keeps it"
        assert busy.receive().status == 200
    assert replica.wait(5) == 0


def test_a_draining_replica_is_alive_but_not_ready(replica):
    with half_way_http1(replica) as busy:
        replica.send(signal.SIGTERM)
        wait_until("not ready", lambda: replica.ready() == 503, 2)
        assert replica.operation("/healthz").status == 200
        busy.receive()
    assert replica.wait(5) == 0


def test_a_client_that_never_reads_cannot_hold_the_replica_beyond_the_deadline(replica):
    with half_way_http1(replica):
        replica.send(signal.SIGTERM)
        started = time.monotonic()
        assert replica.wait(DRAIN_MS / 1000 + 3) == 0
        assert time.monotonic() - started > DRAIN_MS / 1000 - 0.5, "it has been given its time"


def test_no_connection_that_waits_to_be_accepted_is_reset_by_a_drain(replica):
    """They are many and connect just before the signal: each is served, or closed in order; none hangs."""
    clients = [Http1(replica.clear) for _ in range(100)]
    for client in clients:
        client.send("GET", "/products/1")
    replica.send(signal.SIGTERM)
    answered = [client.receive().status for client in clients]
    assert answered == [200] * 100
    assert replica.wait(5) == 0


def test_a_second_sigterm_does_no_harm(replica):
    with half_way_http1(replica) as busy:
        replica.send(signal.SIGTERM)
        wait_draining(replica)
        os.kill(replica.pid, signal.SIGTERM)
        assert busy.receive().status == 200
    assert replica.wait(5) == 0
