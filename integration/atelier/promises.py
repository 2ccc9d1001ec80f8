"""What the contract promises of every answer, whatever was asked."""
import re

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json"
ETAG = re.compile(r'^"[!#-~]+"$')
VERSION = re.compile(r"^(\d+)\.(\d+)$")
TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
EXPOSED = {"etag", "link", "catalogue-version", "cache-status", "x-request-id"}
METHODS = {"get", "head", "options"}


def check_any(response):
    """Every answer, an error too."""
    assert response["access-control-allow-origin"] == "*"
    assert response["x-request-id"]
    assert "accept-encoding" in response.listed("vary"), response
    assert "server" in response and "date" in response


def check_catalogue(response):
    """A 200 or 304 of the catalogue's routes, when nothing is out of the ordinary."""
    assert response.status in (200, 304)
    check_any(response)
    assert response["cache-control"] == "public, no-cache"
    assert EXPOSED <= response.listed("access-control-expose-headers")
    assert ETAG.match(response["etag"]), response["etag"]
    assert VERSION.match(response["catalogue-version"])
    assert TRACEPARENT.match(response["traceparent"])
    assert "cache-status" not in response


def check_json(response):
    """A 200 with a JSON body."""
    assert response.status == 200, response.body
    check_catalogue(response)
    assert response["content-type"] == JSON
    assert int(response["content-length"]) == len(response.body) > 0


def check_problem(response, status, slug):
    """An error of the table in the contract; its members."""
    assert response.status == status, response
    check_any(response)
    assert response["content-type"] == PROBLEM
    assert response["cache-control"] == "no-store"
    assert "etag" not in response
    problem = response.json()
    assert problem["type"] == f"urn:atelier:problem:{slug}"
    assert problem["status"] == status
    assert problem["title"] and problem["detail"] and "instance" in problem
    return problem


def version(response):
    """(era, V) of an answer."""
    era, v = VERSION.match(response["catalogue-version"]).groups()
    return int(era), int(v)


# What legitimately differs between two answers to the same request.
PASSING = {"date", "x-request-id", "traceparent", "catalogue-version", "connection", "keep-alive"}


def lasting(response):
    """The headers that two answers to the same request must have in common."""
    return {(name, value) for name, value in response.headers if name not in PASSING}
