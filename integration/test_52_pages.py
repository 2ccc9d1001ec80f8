"""The pages and their files: what `/` answers whom, names that carry the content, codings, validators, policy."""
import gzip
import hashlib
import re

import brotli
import pytest

from atelier.promises import check_any, check_problem, lasting

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = ["/", "/docs"]
NAMES = re.compile(rb"/assets/[a-z]+\.[0-9a-f]{12}\.(?:js|css|svg)")
DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress}


@pytest.fixture
def files(client):
    """What the pages name."""
    found = {name.decode() for page in PAGES for name in NAMES.findall(client.get(page, BROWSER).body)}
    assert len(found) > 10
    return sorted(found)


def test_the_index_is_a_page_for_browsers_and_json_for_all_others(client, moves):
    page = client.get("/", BROWSER)
    assert page.status == 200 and page["content-type"] == "text/html; charset=utf-8" and b"<title>Atelier" in page.body
    for accept in ({}, {"accept": "*/*"}, {"accept": "application/json, text/html;q=0.5"}):
        index = client.get("/", accept)
        assert index.status == 200 and index["content-type"].startswith("application/json")
        assert "/products/{id}/full" in index.json()["routes"]
        assert index.listed("vary") == page.listed("vary") == {"accept", "accept-encoding"}
    assert moves.of("atelier_http_requests_total", status=200, route="index") == 4


def test_the_index_has_all_that_http_has_for_documents(client):
    index = client.get("/")
    assert index["content-type"] == "application/json; charset=utf-8" and index["cache-control"] == "public, no-cache"
    check_any(index)
    head = client.head("/")
    assert (head.body, lasting(head)) == (b"", lasting(index))
    again = client.get("/", {"If-None-Match": index["etag"]})
    assert (again.status, again.body, again["etag"]) == (304, b"", index["etag"])
    assert client.get("/", {"If-None-Match": client.get("/", BROWSER)["etag"]}).status == 200
    check_problem(client.get("/", {"Accept-Encoding": "*;q=0"}), 406, "not-acceptable")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_looked_at_anew_and_runs_nothing_but_our_files(client, path):
    page = client.get(path, BROWSER)
    assert page["cache-control"] == "no-cache" and page["x-content-type-options"] == "nosniff"
    policy = dict(part.strip().split(" ", 1) for part in page["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'" and policy["frame-ancestors"] == "'none'"
    assert b"<script>" not in page.body and b"style=" not in page.body and b"<style" not in page.body


def test_files_are_kept_for_ever_under_the_name_of_their_content(client, files, moves):
    for name in files:
        file = client.get(name)
        assert file.status == 200 and file["cache-control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(file.body).hexdigest().startswith(name.split(".")[1])
        assert int(file["content-length"]) == len(file.body)
        assert not re.search(rb"['\"](\./|/assets/)[a-z]+\.(js|css|svg)", file.body), "a name without a hash"
    assert moves.of("atelier_http_requests_total", status=200, route="asset") == len(files)


def test_they_are_compressed_ahead(client, files):
    for name in [*files, *PAGES]:
        plain = client.get(name, BROWSER)
        for coding, undo in DECODERS.items():
            coded = client.get(name, {**BROWSER, "accept-encoding": coding})
            assert coded["content-encoding"] == coding and undo(coded.body) == plain.body
            assert coded["etag"] == plain["etag"][:-1] + f'-{coding}"' and "accept-encoding" in coded.listed("vary")
        assert len(client.get(name, {**BROWSER, "accept-encoding": "gzip, br"}).body) < len(plain.body)


def test_what_the_client_has_is_not_sent_again(client, files):
    for name in [*files, *PAGES]:
        file = client.get(name, BROWSER)
        again = client.get(name, {**BROWSER, "if-none-match": file["etag"]})
        assert (again.status, again.body) == (304, b"")
        assert [again[header] for header in ("etag", "cache-control")] == [file[header] for header in ("etag", "cache-control")]
        assert client.get(name, {**BROWSER, "if-none-match": '"x"'}).status == 200
        head = client.head(name, BROWSER)
        assert head.status == 200 and head.body == b"" and head["etag"] == file["etag"]


def test_another_version_s_name_finds_this_one_s_file_which_is_not_kept(client, files):
    """While replicas are replaced one by one, a page from one may ask another for its files."""
    for name in files:
        stem, _, extension = name.split(".")
        file = client.get(f"{stem}.0123456789ab.{extension}")
        assert file.status == 200 and file["cache-control"] == "no-cache" and file.body == client.get(name).body


@pytest.mark.parametrize("path", ["/assets", "/assets/", "/assets/app.js", "/assets/nothing.0123456789ab.js", "/assets/app.0123456789ab.css",
                                  "/assets/app.0/1.js", "/assets/../app/main.c", "/assets/app..js/", "/docs/x", "/docsx", "/index.html"])
def test_other_names_are_no_route(client, path):
    check_problem(client.get(path, BROWSER), 404, "no-route")


def test_other_methods_are_not_allowed(client, files):
    for path in [*PAGES, files[0]]:
        assert "GET" in check_problem(client.request("POST", path), 405, "method-not-allowed")["detail"]
