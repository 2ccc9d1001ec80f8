"""Answers that are assembled from pieces: /full and /related/cards (contract, section 2)."""
from contextlib import ExitStack

import pytest

from atelier import catalogue
from atelier.http1 import Http1
from atelier.metrics import Moves
from atelier.postgres import USER
from atelier.promises import check_catalogue, check_json, check_problem, lasting
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

ROUTES = ("/full", "/related/cards")
UNKNOWN = 77
NOTHING = {"original_price": None, "sale_price": None, "thumbnail_url": None}


def full(rows, id):
    return {"product": catalogue.product(rows, id), "styles": catalogue.styles(rows, id),
            "related": catalogue.related(rows, id)}


def related_card(rows, id):
    styles = catalogue.styles(rows, id)["results"]
    style = next((style for style in styles if style["default?"]), styles[0] if styles else None)
    shown = dict(NOTHING)
    if style:
        photo = style["photos"][0] if style["photos"] else NOTHING
        shown = {"original_price": style["original_price"], "sale_price": style["sale_price"],
                 "thumbnail_url": photo["thumbnail_url"]}
    return catalogue.product(rows, id) | shown


def related_cards(rows, id):
    return [related_card(rows, related) for related in catalogue.related(rows, id)]


EXPECTED = dict(zip(ROUTES, (full, related_cards)))


def expected(rows, *ids):
    """{target: body} of these products' assembled answers."""
    return {f"/products/{id}{route}": catalogue.body(made(rows, id)) for id in ids for route, made in EXPECTED.items()}


def ids_of(rows):
    return [row[0] for row in rows.execute("SELECT id FROM products ORDER BY id")]


# ── bytes ──

def test_every_assembled_answer_is_byte_for_byte_what_its_rows_say(client, rows, moves):
    wanted = expected(rows, *ids_of(rows))
    for target, body in wanted.items():
        response = client.get(target)
        check_json(response)
        assert response.body == body, target
    assert moves.of("atelier_http_requests_total", status=200) == len(wanted)
    assert moves.of("atelier_http_requests_total", status=200, route="full") == len(wanted) / 2
    assert moves.of("atelier_http_requests_total", status=200, route="related_cards") == len(wanted) / 2
    assert moves.of("atelier_postgres_fetches_total") == 0


def test_the_parts_of_full_are_exactly_their_own_routes_bodies(client):
    for id in (1, 2, 4, 7, 11, 12, catalogue.BIGGEST):
        parts = [client.get(f"/products/{id}{part}").body for part in ("", "/styles", "/related")]
        assert client.get(f"/products/{id}/full").body == b'{"product":%s,"styles":%s,"related":%s}' % tuple(parts)


def test_related_cards_look_as_the_contract_shows_them(client):
    """Written out once by hand, so that the expectation above is itself under test."""
    last, first = client.get("/products/11/related/cards").json()
    assert last == {
        "id": catalogue.BIGGEST, "name": "The last id", "slogan": "s", "description": "d", "category": "c",
        "default_price": "4.00", "features": [{"feature": "Last", "value": "id"}], "original_price": "4.00",
        "sale_price": None, "thumbnail_url": "id"}
    assert list(last) == [*"id name slogan description category default_price features".split(), *NOTHING]
    assert (first["original_price"], first["sale_price"]) == ("140.00", "100.00"), "of the default style, not the first"
    assert first["thumbnail_url"] == "https://img.example/4\\s"


def test_a_related_product_without_styles_or_photos_has_a_card_all_the_same(client, rows):
    cards = {card["id"]: card for card in client.get("/products/1/related/cards").json()}
    assert list(cards) == catalogue.related(rows, 1)
    assert {key: cards[7][key] for key in NOTHING} == NOTHING
    assert client.get("/products/4/related/cards").body == b"[]"


def test_without_a_default_style_the_first_one_stands_for_the_product(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    with stack.postgres.connect("atelier_owner") as owner:
        catalogue.insert(owner, "related_products", [(100, 4, 5), (101, 4, 6)])
        with Watch(stack.replicas) as watch:
            watch.seconds_until_shown(expected(owner, 4), 5)
    no_default, no_photo = stack.replicas[0].get("/products/4/related/cards").json()
    assert (no_default["original_price"], no_default["sale_price"]) == ("10.20", "9.99")
    assert (no_photo["original_price"], no_photo["thumbnail_url"]) == ("100.00", None)


# ── HTTP ──

@pytest.mark.parametrize("route", ROUTES)
def test_head_a_trailing_slash_and_a_query_change_nothing(client, route):
    target = f"/products/1{route}"
    head, get = client.head(target), client.get(target)
    assert (head.status, head.body, lasting(head)) == (200, b"", lasting(get))
    assert client.get(f"{target}/").body == client.get(f"{target}?utm_source=mail&page=x").body == get.body


@pytest.mark.parametrize("route", ROUTES)
def test_what_the_client_has_already_is_not_sent_again(client, route, moves):
    for method in ("GET", "HEAD"):
        first = client.get(f"/products/1{route}")
        for tag in (first["etag"], f"W/{first['etag']}", f'"x", {first["etag"]}', "*"):
            again = client.request(method, f"/products/1{route}", {"If-None-Match": tag})
            assert (again.status, again.body, again["etag"]) == (304, b"", first["etag"])
            check_catalogue(again)
        assert client.request(method, f"/products/1{route}", {"If-None-Match": '"x"'}).status == 200
    assert moves.of("atelier_http_requests_total", status=304) == 8


def test_etags_tell_products_and_routes_apart_and_are_the_same_everywhere(listeners):
    targets = [f"/products/{id}{route}" for id in (1, 7, 11) for route in ("", "/styles", "/related", *ROUTES)]
    seen = set()
    for listener in listeners.values():
        with listener.connect() as client:
            tags = tuple(client.get(target)["etag"] for target in targets)
            assert len(set(tags)) == len(tags)
            seen.add(tags)
    assert len(seen) == 1


@pytest.mark.parametrize("route", ROUTES)
def test_every_acceptable_coding_gives_the_same_bytes_and_none_is_406(client, route):
    plain = client.get(f"/products/1{route}")
    for accepted in ("gzip", "gzip, deflate", "identity", "*"):
        response = client.get(f"/products/1{route}", {"Accept-Encoding": accepted})
        check_json(response)
        assert response.get("content-encoding") in (None, "gzip", "br")
        assert response.identity() == plain.body
    check_problem(client.get(f"/products/1{route}", {"Accept-Encoding": "identity;q=0"}), 406, "not-acceptable")


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_wrong_with_an_id_is_said_as_for_a_document(client, route):
    check_problem(client.get(f"/products/{UNKNOWN}{route}"), 404, "unknown-product")
    check_problem(client.get(f"/products/{UNKNOWN}{route}", {"If-None-Match": "*"}), 404, "unknown-product")
    check_problem(client.get(f"/products/x{route}"), 400, "bad-parameter")
    check_problem(client.get(f"/products/1{route}/more"), 404, "no-route")
    check_problem(client.request("POST", f"/products/1{route}"), 405, "method-not-allowed")
    check_problem(client.get(f"/products/1{route}", {"Catalogue-At-Least": "soon"}), 400, "bad-header")


# ── freshness ──

@pytest.fixture(scope="module")
def small(module_stack):
    return module_stack(replicas=1, with_nginx=False)


@pytest.fixture
def writer(small):
    with small.postgres.connect("atelier_owner") as writer:
        yield writer


def test_a_change_of_any_piece_is_shown_and_has_another_etag(small, writer):
    """Product 11 has two related products, 1 among them."""
    changes = ["UPDATE products SET slogan = 'new' WHERE id = 1", "UPDATE features SET value = 'new' WHERE id = 1",
               "UPDATE styles SET sale_price = 1 WHERE id = 2", "UPDATE styles SET default_style = id = 1 WHERE product_id = 1",
               "UPDATE photos SET thumbnail_url = 'new' WHERE id = 1",
               "DELETE FROM related_products WHERE product_id = 11 AND related_product_id <> 1"]
    with Watch(small.replicas) as watch:
        tags = {small.replicas[0].get("/products/11/related/cards")["etag"]}
        for change in changes:
            writer.execute(change)
            watch.seconds_until_shown(expected(writer, 1, 11), 5)
            tags.add(small.replicas[0].get("/products/11/related/cards")["etag"])
    assert len(tags) == len(changes) + 1


def test_stock_moves_full_and_leaves_related_cards_as_they_were(small, writer):
    targets = ("/products/6/full", "/products/60/related/cards")
    catalogue.add_product(writer, 60)
    catalogue.insert(writer, "related_products", [(200, 60, 6)])
    with Watch(small.replicas) as watch:
        watch.seconds_until_shown(expected(writer, 6, 60), 5)
        before = [small.replicas[0].get(target)["etag"] for target in targets]
        writer.execute("UPDATE skus SET quantity = quantity - 1 WHERE style_id = 8 AND quantity > 0")
        watch.seconds_until_shown(expected(writer, 6), 5)
    after = [small.replicas[0].get(target)["etag"] for target in targets]
    assert before[0] != after[0] and before[1] == after[1]


def test_a_related_product_that_is_deleted_is_left_out(small, writer):
    catalogue.add_product(writer, 61)
    catalogue.add_product(writer, 62)
    catalogue.insert(writer, "related_products", [(210, 61, 62), (211, 61, 6)])
    with Watch(small.replicas) as watch:
        watch.seconds_until_shown(expected(writer, 61), 5)
        writer.execute("DELETE FROM products WHERE id = 62")
        watch.seconds_until_shown(expected(writer, 61), 5)
    assert [card["id"] for card in small.replicas[0].get("/products/61/related/cards").json()] == [6]


def test_read_your_writes_holds_for_assembled_answers(small, writer):
    for number in range(20):
        xid, = writer.execute("UPDATE products SET name = %s WHERE id = 1 RETURNING pg_current_xact_id()::text",
                              [f"Written {number}"]).fetchone()
        for target in ("/products/1/full", "/products/11/related/cards"):
            response = small.replicas[0].get(target, {"Catalogue-At-Least": f"xid={xid}"})
            check_json(response)
            assert f"Written {number}" in response.body.decode()


def check_marked(response):
    assert response.status in (200, 304) and "detail=marked" in response["cache-status"], response


def test_one_marked_piece_marks_the_whole(small, writer):
    """Product 1 changed, and cannot be read, because somebody keeps a table locked."""
    replica = small.replicas[0]
    moves = Moves([replica])
    with small.postgres.connect(USER) as locker, Http1(replica.clear) as client:
        locker.execute("BEGIN; LOCK TABLE features IN ACCESS EXCLUSIVE MODE")
        writer.execute("UPDATE products SET name = 'Marked' WHERE id = 1")
        wait_until("it is marked", lambda: moves.of("atelier_feed_changes_total") >= 1, 5)
        for target in ("/products/1/full", "/products/11/related/cards"):
            response = client.get(target)
            check_marked(response)
            check_marked(client.get(target, {"If-None-Match": response["etag"]}))
            check_marked(client.head(target))
            check_problem(client.get(target, {"Catalogue-At-Least": "xid=1"}), 503, "not-fresh")
        assert "cache-status" not in client.get("/products/11/full"), "it has not changed"
        locker.execute("ROLLBACK")
    with Watch(small.replicas) as watch:
        watch.seconds_until_shown(expected_of(writer, 1) | expected(writer, 1, 11), 10)


def test_what_had_to_be_read_first_says_so_once(own_stack):
    """A product is new, and cannot be read at first."""
    stack = own_stack(replicas=1, with_nginx=False, options=["--wait-ms", 9000])
    replica = stack.replicas[0]
    targets = ("/products/64", "/products/64/full", "/products/64/related/cards", "/products?ids=64")
    moves = Moves([replica])
    with stack.postgres.connect(USER) as locker, stack.postgres.connect("atelier_owner") as writer, ExitStack() as open:
        locker.execute("BEGIN; LOCK TABLE features IN ACCESS EXCLUSIVE MODE")
        catalogue.add_product(writer, 64)
        wait_until("it is known", lambda: moves.of("atelier_feed_changes_total") >= 1, 5)
        clients = [open.enter_context(Http1(replica.clear)) for _ in targets]
        for client, target in zip(clients, targets):
            client.send("GET", target)
        # The clients' requests are taken up in the order in which their connections were; this one's is the last.
        assert replica.get("/products/1").status == 200
        locker.execute("ROLLBACK")
        for client, target in zip(clients, targets):
            first = client.receive()
            assert (first.status, first["cache-status"]) == (200, "atelier; fwd=miss; collapsed"), target
            check_json(client.get(target))


def test_more_related_products_than_cards_are_made_of_is_an_error_that_says_so(small, writer):
    writer.execute("INSERT INTO products (id, name, default_price) SELECT id, 'Many', 1 FROM generate_series(20001, 21001) id")
    catalogue.add_product(writer, 63)
    writer.execute("INSERT INTO related_products (id, product_id, related_product_id)"
                   " SELECT id, 63, id FROM generate_series(20001, 21000) id")
    with Watch(small.replicas) as watch:
        watch.seconds_until_shown(expected(writer, 63), 10)
        writer.execute("INSERT INTO related_products (id, product_id, related_product_id) VALUES (21001, 63, 21001)")
        watch.seconds_until_shown({"/products/63/full": catalogue.body(full(writer, 63))}, 10)
    problem = check_problem(small.replicas[0].get("/products/63/related/cards"), 503, "unavailable")
    assert "1001" in problem["detail"] and "1000" in problem["detail"]
