"""Fixtures: what runs once for the whole session, and what a test has for itself."""
import shutil
import signal
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from atelier import catalogue
from atelier.build import BUILD, program
from atelier.postgres import Postgres
from atelier.process import processes
from atelier.stack import LISTENERS, Stack

QUICK_LISTENERS = {"r2-h1", "r2-h2c", "http-h1", "edge-h2", "tls-h2"}
STARTS_ITS_OWN = {"fresh_database", "own_stack", "module_stack"}  # fixtures
TEST_LIMIT = 60  # seconds for one test with its fixtures' set-up; more by @pytest.mark.limit(seconds)
SHOWN = 6000  # characters of each process's log under a failed test


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long this test may take, instead of 60")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Slow is what starts processes of its own; see also the listeners below."""
    for item in items:
        if STARTS_ITS_OWN & set(item.fixturenames):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def scratch():
    """A folder for this session, readable for the user Postgres runs as. Removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="atelier-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def own(scratch):
    """A folder for this test alone."""
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=scratch))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test hangs: past its limit an exception is raised wherever it waits."""
    marker = item.get_closest_marker("limit")
    limit = marker.args[0] if marker else TEST_LIMIT

    def expired(*_):
        raise TimeoutError(f"the test took longer than {limit} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(limit)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    item.log_sizes = {process: process.log_size() for process in processes()}
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Under a failed test: what every process has logged since the test began."""
    report = (yield).get_result()
    if report.failed:
        for process in processes():
            text = process.log_text(item.log_sizes.get(process, 0))
            if text:
                report.sections.append((f"log of {process.name}", text[-SHOWN:]))


@pytest.fixture(scope="session")
def template(scratch):
    """A cluster with the schema, stopped: all others start as copies of it, which is much quicker."""
    with Postgres(scratch / "template") as postgres:
        postgres.create()
        postgres.stop()
    return postgres


@pytest.fixture(scope="module")
def database(scratch, template):
    """Postgres without servers: for tests that look at the database alone."""
    folder = Path(tempfile.mkdtemp(prefix="database-", dir=scratch))
    folder.chmod(0o755)
    with Postgres(folder / "postgres", template) as postgres:
        yield postgres.create()


@pytest.fixture
def fresh_database(own, template):
    """The same, for one test alone."""
    with Postgres(own / "postgres", template) as postgres:
        yield postgres.create()


@pytest.fixture(scope="session")
def built():
    """Fails, and does not skip, where there is nothing to test."""
    for name in ("atelierd", "atelier-catalogue"):
        if not program(name):
            pytest.fail(f"{name} is not below {BUILD}/app: build it, or name the build's folder in ATELIER_BUILD")


@pytest.fixture(scope="session")
def stack(scratch, template, built):
    """Postgres with the small catalogue, three replicas, NGINX: one for all tests that break nothing."""
    (scratch / "stack").mkdir()
    with Stack(scratch / "stack", template) as stack:
        yield stack.start(catalogue.fill)


@pytest.fixture(scope="session")
def listeners(stack):
    return stack.listeners()


@pytest.fixture(params=[pytest.param(name, marks=() if name in QUICK_LISTENERS else pytest.mark.slow)
                        for name in LISTENERS])
def listener(request, listeners):
    """Every port in every version of HTTP that it speaks, one after the other; in a quick run some of them."""
    return listeners[request.param]


@pytest.fixture
def client(listener):
    """A connection of its own to each listener in turn."""
    with listener.connect() as client:
        yield client


@pytest.fixture
def moves(stack):
    """What the replicas' metrics have moved by since the test began, all three together."""
    return stack.moves()


@pytest.fixture(scope="session")
def rows(stack):
    """A connection of the reader: the rows that documents are compared with."""
    with stack.postgres.connect("atelier_reader") as connection:
        yield connection


@pytest.fixture
def owner(stack):
    """A connection that may write the catalogue."""
    with stack.postgres.connect("atelier_owner") as connection:
        yield connection


@contextmanager
def stacks(folder, template):
    """Yields start(fill, …) for small stacks below this folder; all of them end with it."""
    with ExitStack() as ending:
        def start(fill=catalogue.fill, **how):
            own = Path(tempfile.mkdtemp(dir=folder))
            own.chmod(0o755)
            return ending.enter_context(Stack(own, template, **how)).start(fill)
        yield start


@pytest.fixture
def own_stack(own, template, built):
    """Starts stacks for this test alone: own_stack(replicas=1, with_nginx=False, …)."""
    with stacks(own, template) as start:
        yield start


@pytest.fixture(scope="module")
def module_stack(scratch, template, built):
    """The same, for the tests of one file."""
    with stacks(scratch, template) as start:
        yield start
