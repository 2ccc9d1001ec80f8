"""Everything that can happen between a replica and Postgres, under a light load of writes and reads.

After each fault every replica is exact again soon after Postgres can be reached (aimed at: 1 s; asserted: a limit for
waiting; printed: what it took). And during it no answer is stale without saying so: the readers judge every one.
"""
import os
import signal
import time
from pathlib import Path

import pytest

from atelier import catalogue, stamps
from atelier.postgres import USER
from atelier.proxy import BOTH, TO_CLIENT, TO_SERVER, Proxy, behind_proxies
from atelier.stamps import Readers, Writers, seconds_until_exact
from atelier.waiting import wait_until
from atelier.watching import Watch, milliseconds

EXACT = 10  # seconds to wait for what should take one
FOUND = 5  # … and a connection that says nothing any more is found in another: less than a statement may take
AWAY = 12  # … that Postgres is away or a replica stopped: longer than what was published lately is marked for
LONG = 60
SEEN = 30  # writes and answers before a fault begins, so that it meets the load


class Load:
    """Writers and readers, and how the replicas recover under them."""

    def __init__(self, stack, proxies):
        self.stack, self.proxies, self.replicas = stack, proxies, stack.replicas
        self.postgres = stack.postgres
        self.writers = Writers(stack.postgres)
        self.readers = Readers(stack.replicas, self.writers)

    def wait_running(self):
        written, answered = self.writers.total() + SEEN, {n: a + SEEN for n, a in self.readers.answered.items()}
        wait_until("the load runs", lambda: self.writers.total() >= written and all(
            self.readers.answered[name] >= least for name, least in answered.items()), 20)

    def check_exact(self, since, limit=EXACT):
        """Also in what was committed after the fault: before it, they may have shown all there was."""
        written = self.writers.total() + self.writers.count
        wait_until("the writers write", lambda: not self.writers.running or self.writers.total() >= written, limit)
        print("exact again:", milliseconds(seconds_until_exact(self.replicas, self.writers, since, limit)))

    def check_all(self):
        """The load is over: not one document differs from the rows, and no answer was stale without saying so."""
        with self.postgres.connect("atelier_reader") as rows, Watch(self.replicas) as watch:
            expected = catalogue.all_documents(rows)
            for name, client in watch.clients.items():
                wrong = [target for target, body in expected.items() if client.get(target).body != body]
                assert wrong == [], f"{name} is not exact"
        print("answers", self.readers.answered, "unproven or marked", self.readers.unproven)
        assert self.readers.stale == []


@pytest.fixture(scope="module")
def proxied(module_stack):
    """Three replicas, each with a proxy between itself and Postgres."""
    stack = module_stack(stamps.fill, with_nginx=False)
    with behind_proxies(stack.replicas, stack.postgres) as proxies:
        yield stack, proxies


@pytest.fixture
def load(proxied):
    stack, proxies = proxied
    if not stack.postgres.running:
        stack.postgres.start()
    stack.postgres.wait_up()
    load = Load(stack, proxies)
    with load.writers, load.readers:
        load.wait_running()
        yield load
        load.wait_running()
        load.writers.stop()
        load.check_exact(time.monotonic())
    load.check_all()
    assert load.readers.refused == []


# ── each fault returns when Postgres can be reached again ──

def cut(load, **how):
    for proxy in load.proxies:
        assert proxy.cut(**how) >= 1
    return time.monotonic()


def terminate(load):
    with load.postgres.connect(USER) as admin:
        ended, = admin.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                               " WHERE usename = 'atelier_reader'").fetchone()
    assert ended >= len(load.replicas)
    return time.monotonic()


def started(load):
    load.postgres.start()
    load.postgres.wait_up()
    return time.monotonic()


def restart(load, end):
    end(load.postgres)
    return started(load)


def kill_postmaster(load):
    """And all its children at the same moment: nobody has the time to say goodbye."""
    parent = load.postgres.pid
    children = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    for pid in [parent, *children]:
        os.kill(pid, signal.SIGKILL)
    wait_until("they are gone", lambda: not load.postgres.running and not any(map(is_there, children)), 5)
    return started(load)


def is_there(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def away(load, seconds, begin, end):
    for proxy in load.proxies:
        begin(proxy)
    try:
        wait_unproven(load)
        last(seconds)
    finally:
        for proxy in load.proxies:
            end(proxy)
    return time.monotonic()


def hold(load, seconds):
    """No packet passes for a while, and nobody is told."""
    return away(load, seconds, Proxy.hold, Proxy.release)


def refuse(load, seconds):
    """Whoever connects is told so at once."""
    return away(load, seconds, Proxy.refuse, Proxy.accept)


def wait_unproven(load):
    seen = dict(load.readers.unproven)
    wait_until("every replica says that it cannot know",
               lambda: all(load.readers.unproven[name] > count for name, count in seen.items()), 2)


def last(seconds):
    """The fault's length is what the test is about: nothing to wait for."""
    time.sleep(seconds)


FAULTS = {
    "the listeners' sockets are reset": lambda load: cut(load, name="/feed"),
    "the listeners' sockets are closed": lambda load: cut(load, name="/feed", reset=False),
    "the fetchers' sockets are reset": lambda load: cut(load, name="/fetch"),
    "all sockets are reset": cut,
    "the backends are terminated": terminate,
    "Postgres is restarted, fast": lambda load: restart(load, lambda postgres: postgres.stop()),
    "Postgres is restarted, immediate": lambda load: restart(load, lambda postgres: postgres.crash()),
    "the postmaster is killed": kill_postmaster,
    "Postgres refuses connections": lambda load: refuse(load, 2),
    "Postgres is out of reach": lambda load: hold(load, AWAY),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_every_replica_is_exact_again(load, fault):
    load.check_exact(FAULTS[fault](load))


@pytest.mark.long
@pytest.mark.limit(200)
@pytest.mark.parametrize("fault", [hold, refuse])
def test_after_a_minute_without_postgres_every_replica_is_exact_again(load, fault):
    load.check_exact(fault(load, LONG))


# ── half-open connections ──

HALF_OPEN = {
    "feed, both ways": ("/feed", BOTH),
    "feed, to the server": ("/feed", (TO_SERVER,)),  # notifications still come, answers do not
    "feed, to the client": ("/feed", (TO_CLIENT,)),
    "fetchers, both ways": ("/fetch", BOTH),
    "all, to the server": ("", (TO_SERVER,)),
    "all, both ways": ("", BOTH),
}


@pytest.mark.parametrize("which", HALF_OPEN)
def test_a_connection_over_which_nothing_comes_any_more_is_replaced(load, which):
    """Its packets vanish, nobody sends a reset, and new connections work."""
    for proxy in load.proxies:
        assert proxy.swallow(*HALF_OPEN[which]) >= 1
    load.check_exact(time.monotonic(), FOUND)


# ── replicas that are stopped or killed ──

def stop_for(load, seconds):
    stopped = load.replicas[0]
    stopped.send(signal.SIGSTOP)
    try:
        last(seconds)
    finally:
        stopped.send(signal.SIGCONT)
    load.check_exact(time.monotonic())


def test_a_replica_that_was_stopped_is_exact_again(load):
    stop_for(load, AWAY)


@pytest.mark.long
@pytest.mark.limit(200)
def test_a_replica_that_was_stopped_for_a_minute_is_exact_again(load):
    stop_for(load, LONG)


def test_a_replica_killed_while_warming_is_exact_after_the_next_start(load):
    replica, proxy = load.replicas[0], load.proxies[0]
    replica.kill()
    for proxy.delay in (0.05, 0.05, 0):
        replica.start()
        if proxy.delay:
            wait_until("it loads", lambda: replica.metrics().total("atelier_load_running") == 1, 10, ignoring=(OSError,))
            assert replica.ready() == 503
            replica.kill()
    since = time.monotonic()
    replica.wait_ready()
    load.check_exact(since)
    refused = {problem.status if hasattr(problem, "status") else "lost" for name, problem in load.readers.refused}
    assert refused <= {503, "lost"} and {name for name, _ in load.readers.refused} <= {replica.name}
    load.readers.refused.clear()
