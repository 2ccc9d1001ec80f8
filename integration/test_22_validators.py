"""Validators and content codings (contract, section 3): ETag, If-None-Match, Accept-Encoding, Vary."""
import itertools

import pytest

from atelier import catalogue
from atelier.promises import check_catalogue, check_json, check_problem, lasting

DOCUMENT, LONG = "/products/11", "/products/12"

ACCEPTED = [  # Accept-Encoding, the codings of a long document that are a right answer
    ("gzip", {"gzip"}),  # br, where it is named beside others, may or may not have been made by now
    ("GZIP", {"gzip"}),
    ("gzip;q=1.0", {"gzip"}),
    ("gzip;q=0.001", {"gzip", "identity"}),
    (" gzip ; q=0.5 , identity;q=0.4", {"gzip"}),
    ("gzip;q=0.4, identity;q=0.5", {"identity"}),
    ("gzip, deflate, br, zstd", {"gzip", "br"}),
    ("br;q=1.0, gzip;q=0.8, *;q=0.1", {"gzip", "br"}),
    ("br", {"identity", "br"}),
    ("deflate, zstd", {"identity"}),
    ("*", {"gzip", "identity", "br"}),
    ("", {"identity"}),
    ("identity", {"identity"}),
    ("gzip;q=0", {"identity"}),
    ("gzip;q=0.000", {"identity"}),
    ("gzip;q=0, *", {"identity", "br"}),
    ("gzip, identity;q=0", {"gzip"}),
    ("identity;q=0, *;q=0.5", {"gzip", "br"}),
    ("gzip, *;q=0", {"gzip"}),
    ("*;q=0, identity", {"identity"}),
    ("*;q=0, identity;q=0.1", {"identity"}),
    ("gzipped", {"identity"}),
    (",,gzip,,", {"gzip"}),
]
REFUSED = ["identity;q=0", "*;q=0", "deflate, *;q=0", "gzip;q=0, identity;q=0", "zstd, identity;q=0.0"]
MALFORMED = ["gzip;q=abc", "gzip;q=2", "gzip;q=-1", "gzip;q=", "gzip;;q=1", ";q=0", "=", ";,;,;", "gzip;q=0.0000001",
             "q=0", "\x80gzip", "gzip" * 500]


def coding(response):
    return response.get("content-encoding") or "identity"


@pytest.mark.parametrize("accepted, codings", ACCEPTED)
def test_the_best_acceptable_coding_is_chosen(client, rows, accepted, codings):
    response = client.get(LONG, {"Accept-Encoding": accepted})
    check_json(response)
    assert coding(response) in codings
    assert response.identity() == catalogue.documents(rows, 12)[LONG]


def test_several_header_lines_are_one_list(client):
    lines = [("Accept-Encoding", "identity;q=0.5"), ("Accept-Encoding", "gzip")]
    assert coding(client.get(LONG, lines)) == "gzip"


def test_nothing_is_coded_for_who_does_not_ask(client, rows):
    response = client.get(LONG)
    assert "content-encoding" not in response
    assert response.body == catalogue.documents(rows, 12)[LONG]


@pytest.mark.parametrize("accepted", REFUSED)
def test_when_nothing_acceptable_is_left_the_answer_is_406(client, accepted, moves):
    check_problem(client.get(LONG, {"Accept-Encoding": accepted}), 406, "not-acceptable")
    assert client.head(LONG, {"Accept-Encoding": accepted}).status == 406
    assert moves.of("atelier_http_requests_total", status=406) == 2


@pytest.mark.parametrize("accepted", MALFORMED)
def test_a_malformed_wish_is_no_reason_to_fail(client, rows, accepted):
    response = client.get(LONG, {"Accept-Encoding": accepted})
    check_json(response)
    assert response.identity() == catalogue.documents(rows, 12)[LONG]


@pytest.mark.parametrize("target", [DOCUMENT, LONG, "/products/1/styles", "/products/7/related", "/products"])
def test_every_coding_has_its_own_strong_etag(client, target):
    plain, packed = client.get(target), client.get(target, {"Accept-Encoding": "gzip"})
    assert (plain["etag"] != packed["etag"]) == (coding(packed) == "gzip")
    assert client.get(target)["etag"] == plain["etag"]


def test_different_documents_have_different_etags(client):
    targets = [f"/products/{id}{part}" for id in (1, 7, 11) for part in ("", "/styles", "/related")]
    assert len({client.get(target)["etag"] for target in targets}) == len(targets)


def test_bytes_and_etags_are_the_same_everywhere(listeners, rows):
    targets = [*catalogue.documents(rows, 2), *catalogue.documents(rows, 12), "/products?count=50", "/products?ids=3,1"]
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        seen = set()
        for listener in listeners.values():
            with listener.connect() as client:
                answers = [client.get(target, headers) for target in targets]
                seen.add(tuple((answer["etag"], answer.identity()) for answer in answers))
        assert len(seen) == 1


MATCHES = ["{}", "W/{}", "*", " * ", '"x", {}', '{}, "x"', '"x" , W/{} ,"y"', '"a,b",{}', '"", {}', ",{},"]
MISSES = ['"x"', 'W/"x"', "", '"*"', "x", "{}x", '"', '"{}', "W/", "w/{}"]


@pytest.mark.parametrize("form", MATCHES)
def test_what_the_client_has_already_is_not_sent_again(client, form, moves):
    for method, accepted in itertools.product(("GET", "HEAD"), ("identity", "gzip")):
        first = client.get(LONG, {"Accept-Encoding": accepted})
        headers = {"Accept-Encoding": accepted, "If-None-Match": form.format(first["etag"])}
        again = client.request(method, LONG, headers)
        assert (again.status, again.body) == (304, b"")
        check_catalogue(again)
        missing = {name for name, _ in lasting(first) - lasting(again)}
        assert missing <= {"content-length", "content-type", "content-encoding"}
    assert moves.of("atelier_http_requests_total", status=304) == 4


@pytest.mark.parametrize("form", MISSES)
def test_what_the_client_has_not_is_sent(client, form, rows):
    tag = client.get(LONG)["etag"]
    response = client.get(LONG, {"If-None-Match": form.replace("{}", tag)})
    check_json(response)
    assert response.body == catalogue.documents(rows, 12)[LONG]


def test_the_other_coding_s_etag_is_a_miss(client):
    plain, packed = client.get(LONG), client.get(LONG, {"Accept-Encoding": "gzip"})
    assert client.get(LONG, {"If-None-Match": packed["etag"]}).status == 200
    assert client.get(LONG, {"If-None-Match": plain["etag"], "Accept-Encoding": "gzip"}).status == 200


def test_several_if_none_match_lines_are_one_list(client, listener):
    if listener.proxied:
        pytest.skip("NGINX refuses a second If-None-Match line with 400")
    tag = client.get(LONG)["etag"]
    assert client.get(LONG, [("If-None-Match", '"x"'), ("If-None-Match", tag)]).status == 304


def test_a_condition_does_not_hide_an_error(client):
    check_problem(client.get("/products/77", {"If-None-Match": "*"}), 404, "unknown-product")
    check_problem(client.get("/products/x", {"If-None-Match": "*"}), 400, "bad-parameter")
