import shutil
import tempfile
from pathlib import Path

import pytest
from managed import Managed


@pytest.fixture
def folder():
    """A folder of this test's own, which everybody may enter: as root, the stack runs as another user."""
    path = Path(tempfile.mkdtemp(prefix="atelier-infra-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def managed(folder):
    """A stack that nothing has been done with yet. At the end it is stopped, and nothing of it is left."""
    stack = Managed(folder / "state")
    yield stack
    stack.run("down", "--wipe").ok()
    assert not stack.processes() and not stack.folder.exists()


@pytest.fixture(scope="session")
def running():
    """A stack that is up, with 40 products; for tests that leave it well."""
    path = Path(tempfile.mkdtemp(prefix="atelier-infra-"))
    path.chmod(0o755)
    stack = Managed(path / "state")
    stack.first = stack.up("--products", 40)
    yield stack
    stack.run("down", "--wipe").ok()
    assert not stack.processes() and not stack.folder.exists()
    path.rmdir()
