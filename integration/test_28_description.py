"""The API's description (app/openapi.yaml, served as /openapi.json): whole, and true of every answer."""
import gzip
import json
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import jsonschema
import pytest
import yaml

from atelier import catalogue
from atelier.build import ROOT
from atelier.process import run
from atelier.promises import check_any, check_problem, lasting

METHODS = {"get", "head", "options"}
HERE = ROOT / "integration"
SHOWN = 6000  # characters of what a tool has found


@pytest.fixture(scope="session")
def description():
    return yaml.safe_load((ROOT / "app" / "openapi.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def schemas(description):
    """validate(name, value), by the schema of that name."""
    def validate(name, value):
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": description["components"],
                  "$ref": f"#/components/schemas/{name}"}
        jsonschema.validate(value, schema, jsonschema.Draft202012Validator)
    return validate


def resolve(description, node):
    while "$ref" in node:
        found = description
        for word in node["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        node = found
    return node


def operations(description):
    for path, item in description["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


# ── served ──

def test_it_is_served_as_json_with_all_that_http_has_for_documents(client, description):
    plain, packed = client.get("/openapi.json"), client.get("/openapi.json", {"Accept-Encoding": "gzip"})
    assert plain.status == 200 and plain["content-type"] == "application/json; charset=utf-8"
    assert plain.json() == description
    check_any(plain)
    assert packed["content-encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3 and plain["etag"] != packed["etag"]
    head = client.head("/openapi.json")
    assert (head.body, lasting(head)) == (b"", lasting(plain))
    again = client.get("/openapi.json", {"If-None-Match": plain["etag"]})
    assert (again.status, again.body, again["etag"]) == (304, b"", plain["etag"])
    assert client.get("/openapi.json", {"If-None-Match": '"x"'}).status == 200
    check_problem(client.get("/openapi.json", {"Accept-Encoding": "*;q=0"}), 406, "not-acceptable")
    check_problem(client.request("PUT", "/openapi.json"), 405, "method-not-allowed")


# ── whole ──

def test_it_has_every_route_of_the_index_and_no_other(listeners, description):
    with listeners["r1-h1"].connect() as client:
        routes = client.get("/").json()["routes"]
    assert {route.split("{?")[0] for route in routes} == description["paths"].keys() - {"/"}
    parameters = {parameter["name"] for parameter in map(lambda node: resolve(description, node),
                                                         description["paths"]["/products"]["get"]["parameters"])}
    for route in routes:
        if "{?" in route:
            assert set(route.split("{?")[1].rstrip("}").split(",")) <= parameters


def test_every_route_has_every_method_and_every_operation_a_name_of_its_own(description):
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names))
    for path, item in description["paths"].items():
        assert METHODS <= item.keys(), path


@pytest.fixture(scope="session")
def tools():
    """The folder of programs from PyPI, which are fetched once."""
    done = run([HERE / "get-description-tools"], limit=280)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.mark.slow
@pytest.mark.limit(300)
def test_it_is_valid(tools):
    done = run([tools / "openapi-spec-validator", ROOT / "app" / "openapi.yaml"], limit=60)
    assert done.returncode == 0, done.stdout + done.stderr


# ── true ──

@pytest.mark.slow
@pytest.mark.limit(600)
def test_schemathesis_finds_no_deviation(stack, tools, own):
    """Requests made from the description, right ones and wrong ones, always the same: is each answer as described?"""
    done = run([tools / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", "--no-color", "--seed", 7,
                "--phases", "examples,coverage,fuzzing", "--max-examples", 30,
                f"http://127.0.0.1:{stack.replicas[1].clear}/openapi.json"], limit=280, cwd=own)
    assert done.returncode == 0, done.stdout[:SHOWN]
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 300, done.stdout


# ── in HTTP's own eyes ──

ROUTES = ["/", "/products", "/products?after=3&count=2", "/products?ids=3,1", "/products/11", "/products/12", "/products/11/styles",
          "/products/11/related", "/products/11/related/cards", "/products/12/full", "/openapi.json", "/docs", "/products/77",
          "/nothing"]  # not what is answered by 400: every 400 is a warning


def complaints(tools, url):
    """What redbot warns of, or worse, about this URL and what it asks of it besides."""
    done = run([tools / "redbot", "--output-format", "har", url], limit=60)
    entries = json.loads(done.stdout)["log"]["entries"]
    assert done.returncode == 0 and entries, done.stdout + done.stderr
    return [f"{entry['request']['url']}: {note['summary']}" for entry in entries for note in entry["_red_messages"]
            if note["level"] not in ("GOOD", "INFO")]


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_redbot_finds_nothing_wrong(stack, tools, route):
    """By way of NGINX, and of a replica itself."""
    for port in (stack.replicas[1].clear, stack.http.ports[0]):
        assert complaints(tools, f"http://127.0.0.1:{port}{route}") == []


class Careless(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        for name, value in (("Content-Type", "text/plain"), ("Content-Length", "2"), ("ETag", "none"), ("Vary", "accept encoding")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_redbot_finds_what_is_wrong(tools):
    """The test above is no formality."""
    with HTTPServer(("127.0.0.1", 0), Careless) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            assert len(complaints(tools, f"http://127.0.0.1:{server.server_port}/")) > 1
        finally:
            server.shutdown()
            thread.join()


def examples(description):
    """(request, status, what it must give) of every example; its summary is the request."""
    for _, _, operation in operations(description):
        for status, response in operation["responses"].items():
            for content in resolve(description, response).get("content", {}).values():
                for example in content.get("examples", {}).values():
                    method, target = example["summary"].split()
                    yield method, target, int(status), example["value"]


def test_its_examples_are_real_answers(client, description):
    seen = set()
    for method, target, status, value in examples(description):
        response = client.request(method, target)
        assert (response.status, response.json()) == (status, value), target
        seen.add(target)
    assert len(seen) > 12


NAMES = {"": "Product", "/styles": "Styles", "/related": "Related", "/full": "Full"}


def test_every_answer_keeps_to_its_schema(listeners, schemas, rows):
    ids = [row[0] for row in rows.execute("SELECT id FROM products")]
    with listeners["r1-h1"].connect() as client:
        for id in ids:
            for route, name in NAMES.items():
                schemas(name, client.get(f"/products/{id}{route}").json())
            for card in client.get(f"/products/{id}/related/cards").json():
                schemas("RelatedCard", card)
        for card in client.get("/products?count=1000").json():
            schemas("Card", card)
        for target in ("/products/x", "/products/77", "/nothing", "/products?page=0"):
            schemas("Problem", client.get(target).json())


def test_a_schema_refuses_what_is_not_of_its_kind(schemas, rows):
    """The test above is no formality."""
    product = catalogue.product(rows, 11)
    for wrong in (product | {"id": 0}, product | {"id": "11"}, product | {"default_price": 1},
                  {key: value for key, value in product.items() if key != "slogan"}, product | {"features": None}):
        with pytest.raises(jsonschema.ValidationError):
            schemas("Product", wrong)


def test_headers_of_answers_are_described(client, description):
    described = {name.lower() for name in description["components"]["headers"]}
    usual = {"content-type", "content-length", "date", "server", "connection", "accept-ranges"}
    for target in ("/products?page=2", "/products/11", "/products/12/full", "/products/77", "/products/x"):
        for name, _ in client.get(target, {"Accept-Encoding": "gzip"}).headers:
            assert name in described | usual, name
    assert re.match(description["components"]["headers"]["ETag"]["schema"]["pattern"], client.get("/products/11")["etag"])
