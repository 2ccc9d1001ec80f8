"""Connections: TLS versions and ALPN, the PROXY protocol, keep-alive, flow control."""
import json
import ssl

import pytest

from atelier import catalogue
from atelier.http1 import ConnectionLost, Http1
from atelier.http2 import Http2
from atelier.replica import Replica
from atelier.waiting import wait_until

TLS_PORTS = {"replica": lambda stack: stack.replicas[0].tls, "passed through": lambda stack: stack.tls.ports[0],
             "edge": lambda stack: stack.http.ports[1]}


@pytest.fixture(params=TLS_PORTS)
def tls_port(request, stack):
    return TLS_PORTS[request.param](stack)


def context(stack, version):
    context = stack.certificates.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this side would refuse the old versions by itself
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("http", [Http1, Http2])
def test_tls_1_2_and_1_3_are_spoken(stack, tls_port, http, version):
    with http(tls_port, context(stack, version)) as client:
        assert client.get("/products/11").status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_tls_is_refused(stack, tls_port, version):
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION|EOF"):  # and not for a reason on this side
        Http1(tls_port, context(stack, version)).close()


def test_a_client_without_alpn_gets_http_1_1(stack, tls_port):
    context = stack.certificates.context()
    context.set_alpn_protocols = lambda _: None
    with Http1(tls_port, context) as client:
        assert client.socket.selected_alpn_protocol() is None
        assert client.get("/products/11").status == 200


def test_a_session_is_resumed(stack):
    port = stack.replicas[0].tls
    tls = context(stack, ssl.TLSVersion.TLSv1_2)
    with Http1(port, tls) as first:
        assert first.get("/products/11").status == 200
        wrap, session = tls.wrap_socket, first.socket.session
    tls.wrap_socket = lambda *words, **how: wrap(*words, session=session, **how)
    with Http1(port, tls) as second:
        assert second.socket.session_reused
        assert second.get("/products/11").status == 200


# ── the PROXY protocol: understood on the TLS port, not required; unknown elsewhere ──

PROXY = b"PROXY TCP4 192.0.2.77 192.0.2.1 56324 443\r\n"


def test_a_proxy_line_tells_the_replica_who_the_client_is(stack, own):
    with Replica("r4", own, stack.postgres, stack.certificates, ["--access-log-sample", 1]) as replica:
        replica.start_ready()
        with Http1(replica.tls, stack.certificates.context(), preface=PROXY) as client:
            assert client.get("/products/11", {"X-Request-Id": "by-proxy"}).status == 200
        replica.stop()
        line, = [line for line in replica.log_text().splitlines() if "by-proxy" in line]
    assert "192.0.2.77" in json.loads(line).values()


def test_a_proxy_line_is_no_request_on_the_clear_port(stack):
    with Http1(stack.replicas[0].clear, preface=PROXY) as client:
        with pytest.raises((ConnectionLost, ConnectionResetError, AssertionError)):
            assert client.get("/products/11").status == 200


# ── long lives and narrow pipes ──

def test_one_connection_serves_many_requests(listener, rows):
    body = catalogue.documents(rows, 11)["/products/11"]
    with listener.connect() as client:
        assert all(client.get("/products/11").body == body for _ in range(300))


def test_a_client_that_asks_to_close_is_obeyed(listeners):
    for name in ("r1-h1", "r2-tls-h1", "http-h1", "edge-h1", "tls-h1"):
        with listeners[name].connect() as client:
            response = client.get("/products/11", {"Connection": "close"})
            assert (response.status, response["connection"]) == (200, "close")
            assert client.is_closed()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_narrow_http2_window_is_respected(stack, rows, encrypted):
    replica = stack.replicas[1]
    body = catalogue.documents(rows, 12)["/products/12"]
    tls = stack.certificates.context() if encrypted else None
    with Http2(replica.tls if tls else replica.clear, tls, window=100) as client:
        stream = client.open("GET", "/products/12")
        quick = client.open("GET", "/products/7/related")
        assert client.finish(quick).body == b"[3,2,8]", "another stream does not wait for the blocked one"
        client.receive_until(lambda: len(client.streams[stream].body) == 100)
        while not client.streams[stream].ended:
            had = len(client.streams[stream].body)
            client.open_window(9000, stream)
            client.receive_until(lambda: len(client.streams[stream].body) == min(had + 9000, len(body)))
            if len(client.streams[stream].body) == len(body):
                break
        assert client.finish(stream).body == body


def test_clients_that_leave_half_way_leave_nothing_behind(stack):
    """In every state a connection can be in; afterwards the replica has as many connections as before."""
    replica = stack.replicas[1]
    before = replica.metrics().total("atelier_connections")
    for _ in range(20):
        for leave in (lambda: Http1(replica.clear), lambda: Http2(replica.clear),
                      lambda: Http1(replica.tls, stack.certificates.context())):
            leave().close()
        with Http1(replica.clear) as client:
            client.send_raw(b"GET /products/11 HTTP/1.1\r\nHost: lo")
        with Http1(replica.clear) as client:
            client.send("GET", "/products/12")
        with Http2(replica.clear, window=10) as client:
            client.open("GET", "/products/12")
        with Http1(replica.clear) as client:
            client.send("GET", "/products/11", {"Catalogue-At-Least": "xid=999999999"})
    wait_until("the connections are gone", lambda: replica.metrics().total("atelier_connections") <= before, 5)
    assert replica.get("/products/11").status == 200
