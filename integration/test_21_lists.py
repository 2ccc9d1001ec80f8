"""Lists of cards: pages, `after`, `ids`, and their links (contract, sections 1 and 2)."""
from urllib.parse import parse_qsl, urlsplit

import pytest

from atelier import catalogue
from atelier.promises import check_json, lasting


@pytest.fixture(scope="module")
def cards(rows):
    """All cards, in the order of the list."""
    return catalogue.cards(rows)


def query(target):
    """(path, parameters) of a link, whether it is absolute or relative."""
    parts = urlsplit(target)
    return parts.path, {key: int(value) for key, value in parse_qsl(parts.query)}


PAGES = [  # query, page, count
    ("", 1, 5), ("?", 1, 5), ("?page=1", 1, 5), ("?page=2", 2, 5), ("?count=7", 1, 7), ("?page=3&count=10", 3, 10),
    ("?count=10&page=3", 3, 10), ("?count=1", 1, 1), ("?count=1000", 1, 1000), ("?page=74&count=1", 74, 1),
    ("?page=2&count=37", 2, 37), ("?page=2&utm_source=mail", 2, 5), ("?page=%32", 2, 5),
]


@pytest.mark.parametrize("words, page, count", PAGES)
def test_a_page_has_its_cards_in_ascending_order(client, cards, words, page, count, moves):
    response = client.get(f"/products{words}")
    check_json(response)
    assert response.body == catalogue.body(cards[(page - 1) * count:page * count])
    assert moves.of("atelier_http_requests_total", status=200) == 1


@pytest.mark.parametrize("words, page, count", PAGES)
def test_a_page_links_to_its_neighbours(client, cards, words, page, count):
    links = {relation: query(target) for relation, target in client.get(f"/products{words}").links().items()}
    last = -(-len(cards) // count)
    expected = {"first": 1, "last": last}
    if page > 1:
        expected["prev"] = page - 1
    if page < last:
        expected["next"] = page + 1
    assert links.keys() == expected.keys()
    for relation, number in expected.items():
        path, parameters = links[relation]
        assert (path, parameters["page"], parameters.get("count", 5)) == ("/products", number, count), relation


@pytest.mark.parametrize("words", [
    "?page=75&count=1", "?page=16", "?page=1000000", f"?page={2**31}&count=1000", f"?page={2**62}&count=4",
    f"?page={2**63 - 1}&count=1000", f"?page={2**63 // 1000 + 1}&count=1000", f"?page={2**61 + 1}&count=8"])
def test_a_page_past_the_end_is_empty(client, words):
    response = client.get(f"/products{words}")
    check_json(response)
    assert response.body == b"[]"
    assert "next" not in response.links() and "first" in response.links()


def test_following_next_by_page_meets_every_card_once(client, cards):
    found, target = [], "/products?count=9"
    while target:
        response = client.get(target)
        found += response.json()
        target = response.links().get("next")
    assert found == cards


@pytest.mark.parametrize("after", [0, 1, 5, 50, 159, 160, 2**53, catalogue.BIGGEST - 1, catalogue.BIGGEST])
def test_an_after_page_has_the_cards_after_that_id(client, cards, after):
    expected = [card for card in cards if card["id"] > after]
    for count in (1, 5, 1000):
        response = client.get(f"/products?after={after}&count={count}")
        check_json(response)
        assert response.body == catalogue.body(expected[:count])
        links = {relation: query(target) for relation, target in response.links().items()}
        wanted = {"first": ("/products", {"after": 0, "count": count})}
        if len(expected) > count:
            wanted["next"] = ("/products", {"after": expected[count - 1]["id"], "count": count})
        assert links == wanted


def test_following_next_by_after_meets_every_card_once(client, cards):
    found, target = [], "/products?after=0&count=9"
    while target:
        response = client.get(target)
        found += response.json()
        target = response.links().get("next")
    assert found == cards


@pytest.mark.parametrize("words, ids", [
    ("3,1,2", [3, 1, 2]), ("1", [1]), ("3%2C1", [3, 1]), ("3%2c1", [3, 1]), ("77", []), ("3,77,1,78", [3, 1]),
    (f"{catalogue.BIGGEST},1", [catalogue.BIGGEST, 1]), (f"{catalogue.BIGGEST - 1}", []),
    (",".join(map(str, range(160, 60, -1))), list(range(160, 100, -1)))])
def test_ids_give_those_cards_in_the_asked_order(client, cards, words, ids):
    response = client.get(f"/products?ids={words}")
    check_json(response)
    by_id = {card["id"]: card for card in cards}
    assert response.body == catalogue.body([by_id[id] for id in ids])


def test_a_percent_encoded_name_is_the_same_name(client):
    """RFC 3986, 6.2.2.2: a proxy may rewrite one into the other."""
    assert client.get("/products?%70age=2").body == client.get("/products?page=2").body


def test_a_trailing_slash_changes_nothing(client):
    assert client.get("/products/?page=2").body == client.get("/products?page=2").body


def test_head_is_get_without_the_body(client):
    for target in ("/products", "/products?page=2&count=50", "/products?page=99", "/products?after=3",
                   "/products?ids=3,1"):
        head, get = client.head(target), client.get(target)
        assert (head.status, head.body, lasting(head)) == (200, b"", lasting(get))


def test_a_list_is_revalidated_like_a_document(client):
    for target in ("/products", "/products?page=2&count=50", "/products?after=3", "/products?ids=3,1"):
        first = client.get(target)
        again = client.get(target, {"If-None-Match": first["etag"]})
        assert (again.status, again.body, again["etag"]) == (304, b"", first["etag"])
        assert again.all("link") == first.all("link")
    assert client.get("/products?ids=1,3")["etag"] != client.get("/products?ids=3,1")["etag"]


def test_a_list_in_gzip_is_the_same_list(client):
    for accepted in ("gzip", "gzip, deflate, br", "br"):
        response = client.get("/products?count=50", {"Accept-Encoding": accepted})
        assert response.identity() == client.get("/products?count=50").body
