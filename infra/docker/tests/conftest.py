"""The fixtures of the contract's tests, on a stack in containers."""
import importlib.util

import pytest
from containers import LISTENERS, Containers

from atelier import catalogue
from atelier.build import ROOT
from atelier.waiting import wait_until

_spec = importlib.util.spec_from_file_location("contract_fixtures", ROOT / "integration" / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
_fixtures.TEST_LIMIT = 1500  # seconds: whichever test is first may have to wait for the images
globals().update({name: value for name, value in vars(_fixtures).items()
                  if name in ("client", "listeners", "moves", "owner", "rows", "pytest_runtest_protocol")})


def pytest_collection_modifyitems(items):
    """Without those for a replica's own listener (r1-…), which is not published."""
    items[:] = [item for item in items if "[r1-" not in item.name]


@pytest.fixture(scope="session")
def containers():
    """Up from nothing, with 500 generated products; at the end nothing of it is left."""
    stack = Containers()
    try:
        stack.said = stack.up("--products", 500)
        yield stack
    finally:
        stack.script("compose", "--profile", "watch", "--profile", "load", "down", "--volumes", "--remove-orphans")


@pytest.fixture(scope="session")
def stack(containers):
    """The same, with the small catalogue that the contract's tests know."""
    with containers.postgres.connect("atelier_owner") as owner:
        owner.execute("TRUNCATE products, features, styles, photos, skus, related_products")
        catalogue.fill(owner)
        seen = owner.execute("SELECT pg_current_xact_id()").fetchone()[0]
    for replica in containers.replicas:
        wait_until(f"{replica.name} has the small catalogue", lambda: replica.get(
            "/products/11", {"Catalogue-At-Least": f"xid={seen}"}).status == 200, 20)
    return containers


@pytest.fixture(params=LISTENERS)
def listener(request, listeners):
    return listeners[request.param]
