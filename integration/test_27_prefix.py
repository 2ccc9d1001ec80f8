"""A path prefix, for front ends that were written against another address: --path-prefix."""
import pytest

from atelier import catalogue
from atelier.build import program
from atelier.process import run
from atelier.promises import check_json, check_problem

PREFIX = "/api/fec2/hr-rfp"
TARGETS = ["/products", "/products/?count=2", "/products?page=2&count=2", "/products?ids=3,1", "/products/11",
           "/products/11/", "/products/11/styles", "/products/11/related", "/products/11/related/cards",
           "/products/11/full", "/openapi.json"]
INVALID = ["/", "v1", "/v1/", "//v1", "/a//b", "/.", "/a/../b", "/a b", "/a?b", "/%61", "/products", "/products/v1",
           "/" + "x" * 128, "/ä"]


@pytest.fixture(scope="module")
def prefixed(module_stack):
    return module_stack(options=["--path-prefix", PREFIX])


@pytest.fixture
def clients(prefixed):
    """One connection to each listener."""
    opened = [listener.connect() for listener in prefixed.listeners().values()]
    yield opened
    for client in opened:
        client.close()


def test_every_route_answers_under_the_prefix_as_without_it(clients):
    for client in clients:
        for target in TARGETS:
            with_prefix, without = client.get(PREFIX + target), client.get(target)
            assert (with_prefix.status, with_prefix.body) == (200, without.body), target
            assert with_prefix["etag"] == without["etag"]


def test_links_stay_where_the_client_is(clients, prefixed):
    for client in clients:
        for start in ("", PREFIX):
            found, target = [], f"{start}/products?count=40"
            while target:
                assert target.startswith(f"{start}/products?")
                response = client.get(target)
                found += [card["id"] for card in response.json()]
                target = response.links().get("next")
            assert len(found) == len(catalogue.PRODUCTS)
        for relation, target in client.get(f"{PREFIX}/products?after=3").links().items():
            assert target.startswith(f"{PREFIX}/products?after="), relation


def test_the_index_names_the_routes_of_where_it_was_asked_for(clients):
    for path in ("", "/"):
        routes = clients[0].get(PREFIX + path).json()["routes"]
        assert f"{PREFIX}/products/{{id}}/styles" in routes
        assert all(route.startswith(PREFIX) for route in routes)
    assert "/products/{id}/styles" in clients[0].get("/").json()["routes"]


def test_an_old_front_end_s_token_and_preflight_are_no_obstacle(clients):
    headers = {"Authorization": "ghp_0123456789", "Origin": "https://shop.example"}
    for client in clients:
        check_json(client.get(f"{PREFIX}/products/11", headers))
        preflight = client.request("OPTIONS", f"{PREFIX}/products/11", {
            "Origin": "https://shop.example", "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization"})
        assert preflight.status in (200, 204) and "authorization" in preflight.listed("access-control-allow-headers")


def test_errors_under_the_prefix_name_the_whole_path(clients):
    client = clients[0]
    problem = check_problem(client.get(f"{PREFIX}/products/x"), 400, "bad-parameter")
    assert problem["instance"] == f"{PREFIX}/products/x"
    check_problem(client.get(f"{PREFIX}/products/77"), 404, "unknown-product")
    for target in (f"{PREFIX}x/products", f"{PREFIX}{PREFIX}/products", "/api/fec2/products", f"{PREFIX}/cart", f"{PREFIX}//x",
                   "/API/fec2/hr-rfp/products"):
        check_problem(client.get(target), 404, "no-route")


def test_without_the_option_there_is_no_such_path(client):
    check_problem(client.get(f"{PREFIX}/products"), 404, "no-route")


@pytest.mark.parametrize("prefix", INVALID)
def test_a_prefix_that_is_none_is_a_usage_error(built, prefix):
    done = run([program("atelierd"), "--postgres", "dbname=nowhere", "--path-prefix", prefix, "--listen", ""], limit=10)
    assert done.returncode == 2 and "--path-prefix" in done.stderr and "accepted" in done.stderr
