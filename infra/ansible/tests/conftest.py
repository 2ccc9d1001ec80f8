import os
import shutil
import tempfile
from pathlib import Path

import pytest

from atelier.waiting import wait_until
from deployed import REPLICAS, Deployed
from machines import Machines


@pytest.fixture(scope="session")
def machines():
    """Five hosts on which nothing has been done yet. ATELIER_HOSTS_ROOT is what make-root has made."""
    folder = Path(tempfile.mkdtemp(prefix="hosts-"))
    made = Machines(Path(os.environ["ATELIER_HOSTS_ROOT"]), folder)
    yield made
    made.remove()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(machines):
    """The stack on them. Each test leaves it well."""
    deployed = Deployed(machines, machines.folder / "var")
    deployed.first = deployed.deploy().ok()
    return deployed


@pytest.fixture(autouse=True)
def all_is_well(stack):
    yield
    for replica in REPLICAS:
        wait_until(f"{replica} is ready", lambda: stack.is_ready(replica), 60, every=0.2)
