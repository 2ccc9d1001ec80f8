"""Forms made in the background once somebody has asked for them: brotli, and gzip of /full (contract, section 3)."""
import brotli
import pytest

from atelier import catalogue
from atelier.http1 import Http1
from atelier.metrics import Moves
from atelier.promises import check_catalogue, check_json, lasting
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

GZIP = {"Accept-Encoding": "gzip"}
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}
TARGETS = ["/products/12", "/products/1/styles", "/products/1/full", "/products/12/full"]
LIMIT = 10  # seconds


def coding(response):
    return response.get("content-encoding") or "identity"


def until_coded(client, target, accepted, expected):
    """The first answer in this coding."""
    found = []

    def is_made():
        found[:] = [client.get(target, accepted)]
        return coding(found[0]) == expected
    wait_until(f"{target} is there in {expected}", is_made, LIMIT)
    return found[0]


def until_brotli(client, target):
    return until_coded(client, target, BROWSER, "br")


@pytest.mark.parametrize("target", TARGETS)
def test_asked_for_it_is_made_and_is_the_same_document(client, target):
    plain = client.get(target)
    packed = until_brotli(client, target)
    check_json(packed)
    assert brotli.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
    assert packed["etag"] == plain["etag"][:-1] + '-br"'
    assert packed["vary"].lower() == "accept-encoding"
    assert client.get(target).body == plain.body, "identity is still there for who does not take it"


@pytest.mark.parametrize("id", [1, 12])
def test_full_has_gzip_for_those_who_take_nothing_better(client, id):
    target = f"/products/{id}/full"
    plain = client.get(target)
    packed = until_coded(client, target, GZIP, "gzip")
    check_json(packed)
    assert packed.identity() == plain.body and len(packed.body) < len(plain.body)
    assert packed["etag"] == plain["etag"][:-1] + '-gzip"'
    again = client.get(target, GZIP | {"If-None-Match": packed["etag"]})
    assert (again.status, again["etag"]) == (304, packed["etag"])
    assert "content-encoding" not in client.get(target)


def test_weights_decide_between_what_there_is(client):
    until_brotli(client, "/products/12")
    for accepted, codings in (("br;q=0.5, gzip", {"gzip"}), ("br;q=0", {"identity"}), ("br, gzip;q=0.5", {"br", "gzip"}),
                              ("br;q=0, *", {"gzip"}), ("identity, br;q=0.1", {"identity"})):
        assert coding(client.get("/products/12", {"Accept-Encoding": accepted})) in codings, accepted


def fill_longer(owner):
    """Short documents are never coded."""
    catalogue.fill(owner)
    owner.execute("UPDATE products SET description = repeat(name || ' is good. ', 20) WHERE id BETWEEN 100 AND 110")


@pytest.fixture(scope="module")
def one(module_stack):
    return module_stack(fill_longer, replicas=1, with_nginx=False).replicas[0]


def test_nobody_asks_and_nothing_is_made(one):
    moves = Moves([one])
    for accepted in (None, "gzip", "identity", "br;q=0", "br;q=0.5, gzip", "gzip, *;q=0"):
        one.get("/products/11/styles", {"Accept-Encoding": accepted} if accepted else {})
    assert moves.of("atelier_coder_made_total") == 0


def test_of_full_only_the_form_that_is_most_welcome_is_made(one):
    with Http1(one.clear) as client:
        for id, accepted, form in ((107, "gzip, br", "br"), (108, "gzip, br;q=0.5", "gzip"), (109, "*", "br")):
            moves = Moves([one])
            until_coded(client, f"/products/{id}/full", {"Accept-Encoding": accepted}, form)
            assert moves.of("atelier_coder_made_total", kept="yes") == 1


def test_until_it_is_made_gzip_is_the_best_answer_and_then_it_is_brotli_for_good(one):
    """One replica, so what it has once it has."""
    moves = Moves([one])
    with Http1(one.clear) as client:
        assert coding(client.get("/products/103", BROWSER)) in ("gzip", "br")
        until_brotli(client, "/products/103")
        for _ in range(5):
            assert coding(client.get("/products/103", BROWSER)) == "br"
        head = client.head("/products/103", BROWSER)
        assert (coding(head), head.body) == ("br", b"")
        assert lasting(head) == lasting(client.get("/products/103", BROWSER))
    assert moves.of("atelier_coder_made_total", kept="yes") == 1
    assert one.metrics().total("atelier_coder_bytes") > 0


def test_what_a_client_has_in_another_welcome_coding_is_not_sent_again(one):
    """Made on one replica and not yet on another, brotli must not cost the clients their caches."""
    with Http1(one.clear) as client:
        packed = client.get("/products/104", {"Accept-Encoding": "gzip"})["etag"]
        made = packed.replace("-gzip", "-br")
        for tag in (packed, made):
            again = client.get("/products/104", BROWSER | {"If-None-Match": tag})
            assert (again.status, again["etag"], again.body) == (304, tag, b"")
            check_catalogue(again)
        until_brotli(client, "/products/104")
        for tag in (packed, made):
            assert client.get("/products/104", BROWSER | {"If-None-Match": tag})["etag"] == tag
        assert client.get("/products/104", {"Accept-Encoding": "gzip", "If-None-Match": made}).status == 200
        assert client.get("/products/104", {"If-None-Match": packed}).status == 200


def test_after_a_change_nothing_old_is_left(one, module_stack):
    stack = module_stack(fill_longer, replicas=1, with_nginx=False)
    replica = stack.replicas[0]
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch, Http1(replica.clear) as client:
        for number in range(5):
            until_brotli(client, "/products/105")
            until_brotli(client, "/products/105/full")
            owner.execute("UPDATE products SET description = %s WHERE id = 105", [f"Number {number} " * 50])
            watch.seconds_until_shown(expected_of(owner, 105), 5)
            assert brotli.decompress(until_brotli(client, "/products/105").body) == catalogue.body(
                catalogue.product(owner, 105))
            assert f"Number {number} " in brotli.decompress(until_brotli(client, "/products/105/full").body).decode()
            assert f"Number {number} " in until_coded(client, "/products/105/full", GZIP, "gzip").identity().decode()


def test_with_no_room_for_it_there_is_none(own_stack):
    replica = own_stack(replicas=1, with_nginx=False, options=["--brotli-max-bytes", 0]).replicas[0]
    for _ in range(20):
        assert coding(replica.get("/products/12", BROWSER)) == "gzip"
        assert coding(replica.get("/products/12/full", BROWSER)) == "identity"
    assert replica.metrics().total("atelier_coder_made_total") == 0
