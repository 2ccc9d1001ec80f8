"""The three documents of a product (contract, section 1): exact bytes, on every listener."""
import gzip

import httpx
import pytest

from atelier import catalogue
from atelier.promises import check_json, lasting


def test_every_document_is_byte_for_byte_what_its_rows_say(listener, rows, moves):
    expected = catalogue.all_documents(rows)
    with listener.connect() as client:
        for target, body in expected.items():
            response = client.get(target)
            assert response.body == body, target
            check_json(response)
    assert moves.of("atelier_http_requests_total", status=200) == len(expected)
    assert moves.of("atelier_postgres_fetches_total") == 0


def test_the_documents_look_as_the_contract_shows_them(client):
    """Written out once by hand, so that the expectation above is itself under test."""
    assert client.get("/products/11").body.decode() == (
        '{"id":11,"name":"Air Minis 250","slogan":"Full court support",'
        '"description":"This optimized air cushion pocket…","category":"Basketball Shoes","default_price":"0.00","features":[{"feature":"Sole","value":"Rubber"},'
        '{"feature":"Material","value":"FullControlSkin"}]}')
    assert client.get("/products/6/styles").body.decode() == (
        '{"product_id":"6","results":[{"style_id":8,"name":"One","original_price":"100.00","sale_price":null,'
        '"default?":true,"photos":[],"skus":{"37":{"quantity":5,"size":"7"},"38":{"quantity":3,"size":"7"},'
        '"39":{"quantity":2147483647,"size":"7.5"}}}]}')
    assert client.get("/products/7/related").body.decode() == "[3,2,8]"


def test_what_is_empty_is_empty_and_never_null(client):
    assert client.get("/products/4").json()["features"] == []
    assert client.get("/products/4/styles").json() == {"product_id": "4", "results": []}
    assert client.get("/products/4/related").json() == []
    style = client.get("/products/5/styles").json()["results"][0]
    assert (style["photos"], style["skus"], style["default?"]) == ([], {}, False)


def test_null_stays_null_and_empty_text_stays_empty(client):
    assert client.get("/products/8").json() == {
        "id": 8, "name": "Nulls", "slogan": None, "description": None, "category": None, "default_price": "0.00",
        "features": [{"feature": "", "value": ""}]}
    assert client.get("/products/6").json()["features"] == [{"feature": "Sole", "value": None}] * 2


def test_sixty_four_bits_survive(client):
    id = catalogue.BIGGEST
    assert client.get(f"/products/{id}").json()["id"] == id
    style, = client.get(f"/products/{id}/styles").json()["results"]
    assert (style["style_id"], list(style["skus"])) == (id, [str(id)])
    assert client.get("/products/11/related").json() == [id, 1]


@pytest.mark.parametrize("target", ["/products/11/", "/products/11/styles/", "/products/11/related/"])
def test_a_trailing_slash_changes_nothing(client, target):
    with_slash, without = client.get(target), client.get(target[:-1])
    assert (with_slash.status, with_slash.body, lasting(with_slash)) == (200, without.body, lasting(without))


@pytest.mark.parametrize("query", ["?", "?utm_source=mail&utm_source=web", "?page=abc", "?x=%zz&&==&%", "?a[]=1&b=ü"])
def test_parameters_that_a_route_does_not_know_are_ignored(client, query):
    query = query.encode().decode("latin-1")
    assert client.get(f"/products/11{query}").body == client.get("/products/11").body


def test_head_is_get_without_the_body(client, moves):
    for target in ("/products/11", "/products/12", "/products/1/styles", "/products/4/related"):
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            head, get = client.head(target, headers), client.get(target, headers)
            assert (head.status, head.body, lasting(head)) == (200, b"", lasting(get))
    assert moves.of("atelier_http_requests_total", status=200) == 16


def test_many_streams_at_once_each_get_their_own_answer(listeners, rows):
    expected = catalogue.all_documents(rows)
    for name in ("r1-h2c", "r2-tls-h2", "edge-h2", "tls-h2"):
        with listeners[name].connect() as client:
            targets = list(expected)[:90]
            opened = {target: client.open("GET", target) for target in targets}
            assert {target: client.finish(stream).body for target, stream in opened.items()} \
                == {target: expected[target] for target in targets}


def test_pipelined_requests_are_answered_in_order(listeners, rows):
    expected = catalogue.all_documents(rows)
    for name in ("r1-h1", "r2-tls-h1", "http-h1", "tls-h1"):
        with listeners[name].connect() as client:
            targets = list(expected)[:20]
            for target in targets:
                client.send("GET", target)
            assert [client.receive().body for _ in targets] == [expected[target] for target in targets]


def test_an_everyday_client_understands_every_listener(stack, rows):
    """httpx, as somebody would use it: it asks for gzip and decodes it, and checks the certificate."""
    expected = catalogue.documents(rows, 12)
    context = stack.certificates.context()
    for base, http2, version in (
            (f"http://localhost:{stack.http.ports[0]}", False, "HTTP/1.1"),
            (f"https://localhost:{stack.http.ports[1]}", True, "HTTP/2"),
            (f"https://localhost:{stack.tls.ports[0]}", True, "HTTP/2"),
            (f"https://localhost:{stack.tls.ports[0]}", False, "HTTP/1.1")):
        with httpx.Client(base_url=base, http2=http2, verify=context, trust_env=False, timeout=10) as client:
            for target, body in expected.items():
                response = client.get(target)
                assert (response.status_code, response.http_version, response.content) == (200, version, body)


def test_gzip_is_the_same_document(client, rows):
    for target, body in catalogue.documents(rows, 2).items() | catalogue.documents(rows, 12).items():
        response = client.get(target, {"Accept-Encoding": "gzip"})
        check_json(response)
        assert gzip.decompress(response.body) == body if "content-encoding" in response else response.body == body
    assert client.get("/products/12", {"Accept-Encoding": "gzip"})["content-encoding"] == "gzip"
