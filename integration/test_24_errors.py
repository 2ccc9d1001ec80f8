"""Every row of the contract's table of errors, and that nothing wrong is ever answered by an empty 200."""
import re
import socket

import pytest

from atelier import catalogue
from atelier.http1 import ConnectionLost, Http1
from atelier.load import LOST
from atelier.promises import METHODS, check_json, check_problem, lasting

PARTS = ["", "/styles", "/related"]
BAD_IDS = ["abc", "0", "-1", "01", "+1", "1.5", "1e3", "0x1", "9223372036854775808", "18446744073709551617", "9" * 100,
           "%D9%A1", "1%20", "null", "undefined", "NaN", "1,2", "*"]
UNKNOWN_IDS = [77, 2**53, catalogue.BIGGEST - 1]

BAD_PARAMETERS = [  # query, the parameter that is to blame, what came
    ("page=0", "page", "0"), ("page=-1", "page", "-1"), ("page=abc", "page", "abc"), ("page=", "page", ""),
    ("page", "page", ""), ("page=1.5", "page", "1.5"), ("page=%00", "page", ""),
    ("page=9223372036854775808", "page", "9223372036854775808"), ("page=1%2B1", "page", "1"),
    ("count=0", "count", "0"), ("count=1001", "count", "1001"), ("count=-5", "count", "-5"), ("count=", "count", ""),
    ("count=abc&page=1", "count", "abc"), ("count=99999999999999999999", "count", "99999999999999999999"),
    ("after=-1", "after", "-1"), ("after=", "after", ""), ("after=abc", "after", "abc"),
    ("after=9223372036854775808", "after", "9223372036854775808"), ("after=1&count=0", "count", "0"),
    ("ids=", "ids", ""), ("ids", "ids", ""), ("ids=a", "ids", "a"), ("ids=1,,2", "ids", ""), ("ids=1,", "ids", ""),
    ("ids=,1", "ids", ""), ("ids=0", "ids", "0"), ("ids=1,-2", "ids", "-2"), ("ids=1,01", "ids", "01"),
    ("ids=1%2C", "ids", ""), ("ids=1;2", "ids", "1;2"), ("ids=1,9223372036854775808", "ids", "9223372036854775808"),
    ("ids=" + ",".join(map(str, range(1, 102))), "ids", "1,2,3,4"),
    ("page=1&page=1", "page", ""), ("page=1&page=2", "page", ""), ("count=5&count=5", "count", ""),
    ("after=1&after=1", "after", ""), ("ids=1&ids=2", "ids", ""),
    ("page=1&after=1", "after", ""), ("page=1&ids=1", "ids", ""), ("after=1&ids=1", "ids", ""),
    ("page=1&count=5&after=1", "after", ""),
]
NO_ROUTES = ["/product/1", "/Products/1", "/products/1/foo", "/products/1/styles/2", "/products/1/related/x/y",
             "/products/1/style", "/products//1", "/cart", "/reviews?product_id=1", "/reviews/meta", "/interactions",
             "/qa/questions", "/favicon.ico", "/.env", "/metrics", "/readyz", "/status", "/healthz"]


@pytest.mark.parametrize("id", BAD_IDS)
def test_an_id_that_is_none_is_a_client_error(client, id, moves):
    for part in PARTS:
        problem = check_problem(client.get(f"/products/{id}{part}"), 400, "bad-parameter")
        assert "id" in problem["detail"]
    assert moves.of("atelier_http_requests_total", status=400) == len(PARTS)


def test_the_detail_says_what_came_and_what_is_accepted(client):
    problem = check_problem(client.get("/products/abc/styles"), 400, "bad-parameter")
    assert "abc" in problem["detail"] and "9223372036854775807" in problem["detail"]
    assert problem["instance"] == "/products/abc/styles"
    assert "1000" in check_problem(client.get("/products?count=1001"), 400, "bad-parameter")["detail"]


@pytest.mark.parametrize("id", UNKNOWN_IDS)
def test_an_unknown_id_is_not_found(client, id, moves):
    for part in PARTS:
        problem = check_problem(client.get(f"/products/{id}{part}"), 404, "unknown-product")
        assert str(id) in problem["detail"]
    assert moves.of("atelier_http_requests_total", status=404) == len(PARTS)


@pytest.mark.parametrize("query, parameter, came", BAD_PARAMETERS)
def test_a_bad_parameter_is_a_client_error_that_says_which(client, query, parameter, came, moves):
    problem = check_problem(client.get(f"/products?{query}"), 400, "bad-parameter")
    assert parameter in problem["detail"] and came in problem["detail"]
    assert moves.of("atelier_http_requests_total", status=400) == 1


@pytest.mark.parametrize("target", NO_ROUTES)
def test_a_path_that_is_no_route_is_not_found_and_names_the_index(client, target):
    problem = check_problem(client.get(target), 404, "no-route")
    index = client.get(re.search(r"(/\S*) lists", problem["detail"])[1])
    assert index.status == 200 and "/products/{id}/styles" in index.body.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"])
@pytest.mark.parametrize("target", ["/products", "/products/11/styles"])
def test_a_method_that_is_not_allowed_is_refused_with_those_that_are(client, listener, method, target):
    if listener.proxied and method == "get":
        pytest.skip("NGINX refuses a method in small letters as a bad request")
    response = client.request(method, target)
    check_problem(response, 405, "method-not-allowed")
    assert METHODS <= response.listed("allow")


def test_head_of_an_error_is_its_head(client):
    for target in ("/products/77", "/products/x", "/nothing", "/products?page=0"):
        head, get = client.head(target), client.get(target)
        assert (head.status, head.body, lasting(head)) == (get.status, b"", lasting(get))


# ── sizes ──

def padded(length):
    """A target of exactly this many bytes that asks for product 11."""
    return "/products/11?utm_source=".ljust(length, "x")


def test_a_long_url_is_accepted_up_to_two_kibibytes(client):
    assert client.get(padded(2048)).status == 200
    check_problem(client.get(padded(2049)), 414, "uri-too-long")


@pytest.mark.parametrize("length", [2100, 8000, 15000])
def test_a_url_that_is_too_long_is_refused(client, length):
    check_problem(client.get(padded(length)), 414, "uri-too-long")


def test_headers_are_accepted_up_to_a_limit(client):
    headers = {f"X-{number}": "x" * 100 for number in range(50)}
    assert client.get("/products/11", headers).status == 200


@pytest.mark.parametrize("headers", [
    {"X-Long": "x" * 20000}, {f"X-{number}": "x" * 1000 for number in range(20)}, {"Cookie": "x" * 30000}])
def test_headers_over_the_limit_are_refused(client, headers):
    try:
        check_problem(client.get("/products/11", headers), 431, "headers-too-large")
    except LOST:
        pass  # "or the connection closed where the protocol says so"


def test_more_header_lines_than_libh2o_takes_in_are_refused(client):
    """Over HTTP/1.1 its parser answers by itself, before anything of ours runs."""
    response = client.get("/products/11", {f"X-{number}": "x" for number in range(120)})
    assert response.status in (200, 400, 431)


@pytest.mark.parametrize("size", [0, 1, 4096])
def test_a_small_body_is_ignored(client, rows, size):
    response = client.request("GET", "/products/11", {"Content-Type": "application/json"}, b"x" * size)
    check_json(response)
    assert response.body == catalogue.documents(rows, 11)["/products/11"]
    assert client.get("/products/11").status == 200  # the connection is still in step


@pytest.mark.parametrize("size", [4097, 60000])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_large_body_is_refused(client, method, size):
    check_problem(client.request(method, "/products/11", body=b"x" * size), 413, "body-too-large")


def test_a_huge_body_is_refused_or_cut_off(listener):
    """libh2o does not read it to the end: whether its answer arrives is left to chance. The next client is served."""
    with listener.connect() as client:
        try:
            check_problem(client.request("POST", "/products/11", body=b"x" * 1000000), 413, "body-too-large")
        except LOST:
            pass
    with listener.connect() as client:
        assert client.get("/products/11").status == 200


def test_a_chunked_body_is_ignored_or_refused_just_so(listeners):
    for name in ("r1-h1", "r2-tls-h1", "http-h1", "tls-h1"):
        for chunks, status in ((1, 200), (50, 413)):
            with listeners[name].connect() as client:
                client.send_raw(b"GET /products/11 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + b"400\r\n" + b"x" * 1024 + b"\r\n")
                client.send_raw((b"400\r\n" + b"x" * 1024 + b"\r\n") * (chunks - 1) + b"0\r\n\r\n")
                assert client.receive().status == status, name


def test_a_client_that_expects_to_be_asked_for_its_body_is_answered(listeners):
    for name in ("r1-h1", "http-h1", "tls-h1"):
        with listeners[name].connect() as client:
            client.send_raw(b"GET /products/11 HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                            b"Content-Length: 2\r\n\r\n{}")
            assert client.receive().status == 200, name


# ── what is not HTTP, or only just ──

@pytest.mark.parametrize("data", [
    b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /products/11 HTTP/9.9\r\nHost: x\r\n\r\n", b"\x00" * 64 + b"\r\n\r\n",
    b"GET /products/11 HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 64])
@pytest.mark.parametrize("name", ["r1-h1", "r1-tls-h1", "http-h1", "tls-h1"])
def test_what_is_no_request_gets_an_error_or_a_closed_connection(listeners, name, data):
    """And the next client is served."""
    with listeners[name].connect() as client:
        client.send_raw(data)
        socket.socket.shutdown(client.socket, socket.SHUT_WR)  # ssl's own would end the decoding of the answer, too
        try:
            status = client.receive().status
        except (ConnectionLost, ConnectionResetError):
            status = None
        assert status in (None, 400, 404, 405, 505)
    with listeners[name].connect() as client:
        assert client.get("/products/11").status == 200


def test_an_http_1_0_client_is_served(stack):
    for port in (stack.replicas[0].clear, stack.http.ports[0]):
        with Http1(port) as client:
            client.send_raw(b"GET /products/11 HTTP/1.0\r\n\r\n")
            assert client.receive().status == 200
            assert client.is_closed()


@pytest.mark.parametrize("target", ["/products/11/..", "/products/../products/11", "/./products/11", "/%70roducts/11",
                                    "/products/%31%31", "/products/11%2Fstyles", "/products/11;v=1", "/products\\11",
                                    "/products/11?" + "&" * 500, "/products?" + "x=1&" * 400, "/products/\x80",
                                    "/products/%00", "/products/11%00", "/products?page=1%00", "*"])
def test_an_odd_target_gets_a_definite_answer(listener, target):
    with listener.connect() as client:
        response = client.get(target)
    assert response.status in (200, 400, 404)
    assert response.body
    with listener.connect() as client:
        assert client.get("/products/11").status == 200
