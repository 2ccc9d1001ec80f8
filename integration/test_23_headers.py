"""The other headers (contract, section 3): CORS, request ids, freshness, caching."""
import re

import pytest

from atelier import catalogue
from atelier.promises import METHODS, TRACEPARENT, VERSION, check_any, check_catalogue, check_problem, version

TARGETS = ["/products/11", "/products/11/styles", "/products/11/related", "/products?page=2"]
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


# ── CORS ──

@pytest.mark.parametrize("target", TARGETS)
def test_a_preflight_lets_a_browser_app_through(client, target):
    response = client.request("OPTIONS", target, {
        "Origin": "https://shop.example", "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,if-none-match"})
    assert response.status in (200, 204) and response.body == b""
    check_any(response)
    assert {"authorization", "content-type", "if-none-match", "catalogue-at-least"} \
        <= response.listed("access-control-allow-headers")
    assert METHODS <= response.listed("access-control-allow-methods")
    assert int(response["access-control-max-age"]) > 0


def test_options_without_an_origin_names_the_methods(client):
    response = client.request("OPTIONS", "/products/11")
    assert response.status in (200, 204)
    assert METHODS <= response.listed("allow")


def test_any_origin_may_read_the_answer(client):
    response = client.get("/products/11", {"Origin": "https://shop.example"})
    check_catalogue(response)
    assert "access-control-allow-credentials" not in response


def test_an_old_front_end_s_authorization_and_cookies_are_ignored(client):
    headers = {"Authorization": "ghp_0123456789", "Cookie": "session=1", "Content-Type": "application/json"}
    assert client.get("/products/11", headers).body == client.get("/products/11").body


# ── request ids ──

@pytest.mark.parametrize("target", ["/products/11", "/products/77", "/products/x", "/nothing"])
def test_a_request_id_is_taken_and_echoed(client, target):
    response = client.get(target, {"X-Request-Id": "order-7_A.1", "traceparent": PARENT})
    assert response["x-request-id"] == "order-7_A.1"
    assert response["traceparent"] == PARENT


def test_without_a_request_id_each_request_gets_one_of_its_own(client):
    answers = [client.get("/products/11") for _ in range(5)]
    assert len({answer["x-request-id"] for answer in answers}) == 5
    assert len({answer["traceparent"] for answer in answers}) == 5
    assert all(TRACEPARENT.match(answer["traceparent"]) for answer in answers)


@pytest.mark.parametrize("id", ["x" * 1000, "a b", "a\x80b"])
def test_a_request_id_that_cannot_be_one_is_replaced(client, id):
    response = client.get("/products/11", {"X-Request-Id": id})
    assert response.status == 200
    assert re.match(r"^[0-9a-f]{32}$", response["x-request-id"])


@pytest.mark.parametrize("parent", [
    "x", PARENT[:-1], PARENT.replace("4bf92f", "4BF92F"), "ff" + PARENT[2:], "00-" + "0" * 32 + PARENT[35:],
    PARENT[:36] + "0" * 16 + "-01", PARENT + "-more"])
def test_a_traceparent_that_cannot_be_one_is_replaced(client, parent):
    response = client.get("/products/11", {"traceparent": parent})
    assert response.status == 200 and response["traceparent"] != parent
    assert TRACEPARENT.match(response["traceparent"])


# ── freshness ──

def test_an_answer_tells_its_catalogue_version_which_only_rises(client, owner):
    seen = []
    for number in range(5):
        owner.execute("UPDATE products SET slogan = %s WHERE id = 101", [str(number)])
        seen.append(client.get("/products/101", {"Catalogue-At-Least": at_least(owner)}))
    assert len({version(answer)[0] for answer in seen}) == 1
    numbers = [version(answer)[1] for answer in seen]
    assert numbers == sorted(numbers)


def at_least(connection):
    """What a writer asks for who wants to read what it has just written."""
    xid, = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
    return f"xid={xid}"


def test_a_writer_reads_its_own_write(client, owner, rows):
    """Without any waiting of its own: the request says what it has to see."""
    for number in range(10):
        with owner.transaction():
            owner.execute("UPDATE products SET name = %s WHERE id = 102", [f"Mine {number}"])
            seen = at_least(owner)
        response = client.get("/products/102", {"Catalogue-At-Least": seen})
        assert response.status == 200
        assert response.body == catalogue.documents(rows, 102)["/products/102"]


def test_a_version_seen_on_one_replica_is_met_by_the_others(stack, listeners, owner, rows):
    for number in range(10):
        with owner.transaction():
            owner.execute("UPDATE products SET name = %s WHERE id = 103", [f"Told {number}"])
            seen = at_least(owner)
        told = stack.replicas[0].get("/products/103", {"Catalogue-At-Least": seen})["catalogue-version"]
        for replica in stack.replicas:
            response = replica.get("/products/103", {"Catalogue-At-Least": f"version={told}"})
            assert response.status == 200
            assert response.json()["name"] == f"Told {number}"


def test_an_earlier_era_is_satisfied(client):
    era, _ = version(client.get("/products/11"))
    assert client.get("/products/11", {"Catalogue-At-Least": f"version={era - 1}.999999999"}).status == 200


@pytest.mark.parametrize("target, wish", [
    ("/products/11", "version={0}.{2}"), ("/products", "version={1}.1"), ("/products/77", "xid={2}")])
def test_a_version_that_does_not_come_is_refused_in_time_and_before_if_none_match(client, target, wish):
    era, v = version(client.get("/products/11"))
    response = client.get(target, {"Catalogue-At-Least": wish.format(era, era + 1, v + 1000000), "If-None-Match": "*"})
    check_problem(response, 503, "not-fresh")
    assert int(response["retry-after"]) >= 0


@pytest.mark.parametrize("wish", [
    "", "x", "xid", "xid=", "xid=a", "xid=-1", "xid=1.5", f"xid={2**64}", "version=", "version=1", "version=1.",
    "version=.1", "version=a.b", "version=1.2.3", "time=1", f"version=1.{2**64}", "xid=1, xid=2"])
def test_a_malformed_wish_is_a_client_error(client, wish):
    problem = check_problem(client.get("/products/11", {"Catalogue-At-Least": wish}), 400, "bad-header")
    assert "catalogue-at-least" in problem["detail"].lower() and "xid=" in problem["detail"]


def test_the_era_is_the_same_on_every_replica(stack):
    eras = {VERSION.match(replica.get("/products/11")["catalogue-version"])[1] for replica in stack.replicas}
    assert len(eras) == 1
