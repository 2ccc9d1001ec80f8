"""A stack with the small catalogue, some of it with photos, and whatever it takes to look at it in Chromium."""
import shutil
import tempfile
from pathlib import Path

import pytest
from atelier import catalogue
from atelier.process import run_checked
from atelier.stack import Stack

HERE = Path(__file__).parent
RED, BLUE = ("data:image/svg+xml," + f"%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 5'%3E%3Crect width='4' height='5' fill='{name}'/%3E%3C/svg%3E"
             for name in ("red", "blue"))


def fill(owner):
    """Style 8 of product 6 has photos that load; those of others come from hosts that are not there."""
    catalogue.fill(owner)
    catalogue.insert(owner, "photos", [(100, 8, RED, RED), (101, 8, BLUE, BLUE)])
    catalogue.insert(owner, "related_products", [(100, 6, 1), (101, 6, 11)])


@pytest.fixture(scope="session")
def stack():
    folder = Path(tempfile.mkdtemp(prefix="atelier-browser-"))
    folder.chmod(0o755)
    with Stack(folder) as stack:
        for replica in stack.replicas:
            peers = ",".join(f"127.0.0.1:{other.operations}" for other in stack.replicas if other is not replica)
            replica.argv += ["--operations-peers", peers, "--canary-ms", "250"]
        yield stack.start(fill)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def modules():
    return run_checked([HERE / "get-modules"], limit=600).stdout.strip()


@pytest.fixture(scope="session")
def shop(stack, modules):
    """shop(): what journeys are told of the stack, as environment. Replicas that were killed run again first."""
    def environment():
        for replica in stack.replicas:
            if not replica.running:
                replica.start_ready()
        return {
            "ATELIER_MODULES": modules,
            "ATELIER_URL": f"https://localhost:{stack.tls.ports[0]}",
            "ATELIER_CERTIFICATE": str(stack.certificates.certificate),
            "ATELIER_POSTGRES": stack.postgres.conninfo("atelier_owner"),
            "ATELIER_REPLICAS": " ".join(f"{replica.pid}:{replica.operations}:{replica.clear}" for replica in stack.replicas),
            "HOME": str(stack.postgres.folder.parent),
        }
    return environment
