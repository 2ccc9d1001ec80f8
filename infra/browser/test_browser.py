"""The storefront and /docs in Debian's Chromium: each journey of journeys.mjs."""
import json
import shutil
from pathlib import Path

import pytest
from atelier.process import run

HERE = Path(__file__).parent
JOURNEYS = ("browse", "sold_out", "compare", "addresses", "keyboard", "one_connection", "few_requests", "still_valid", "steady",
            "narrow", "escaped", "photos", "follows", "list_follows", "replica_killed", "accessible", "documented")
LIMIT = 400  # seconds, for all of them


def run_journeys(names, environment):
    """{name: what went wrong or None}; what they say of themselves is printed."""
    assert shutil.which("chromium") and shutil.which("node"), "chromium and nodejs: third_party/packages/test.txt"
    done = run(["node", HERE / "journeys.mjs", *names], limit=LIMIT, environment=environment)
    print(done.stderr)
    return {line["name"]: line["error"] for line in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def results(request, shop):
    """All journeys that were asked for, in one browser."""
    asked = [item.callspec.params["name"] for item in request.session.items if item.originalname == "test_journey"]
    return run_journeys(asked, shop())


@pytest.mark.slow
@pytest.mark.parametrize("name", JOURNEYS)
def test_journey(results, name):
    assert name in results, "it was not finished"
    assert results[name] is None, results[name]


@pytest.mark.slow
def test_what_cannot_be_confirmed_is_said(stack, shop):
    environment = shop()
    stack.postgres.stop()
    try:
        assert run_journeys(["unconfirmed"], environment) == {"unconfirmed": None}
    finally:
        stack.postgres.start()
        stack.postgres.wait_up()


@pytest.mark.slow
def test_operators_see_all_replicas_on_one_page(shop):
    """One of which is stopped and goes on, and is killed."""
    assert run_journeys(["operated"], shop()) == {"operated": None}


def test_every_journey_is_listed_here():
    done = run(["node", HERE / "journeys.mjs"], limit=20)
    assert sorted(done.stdout.split()) == sorted((*JOURNEYS, "unconfirmed", "operated")), done.stderr


@pytest.mark.slow
def test_a_journey_that_fails_says_so(shop):
    assert "there is no journey 'nowhere'" in run_journeys(["nowhere"], shop())["nowhere"]
