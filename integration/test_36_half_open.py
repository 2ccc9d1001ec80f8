"""Feeds that hear nothing, and connections that are gone without a word: they are noticed, and replaced."""
import os
import signal
import threading
import time

import pytest

from atelier.dropping import NO_DROPS, DroppingProxy, may_drop
from atelier.duty import wait_off_duty
from atelier.postgres import USER
from atelier.proxy import Proxy, behind
from atelier.waiting import wait_until
from atelier.watching import Probes, expected_of, milliseconds

BACK = 1.0  # seconds after which a replica is exact again once Postgres can be reached
FOUND = 1.0  # … after which a half-open connection is given up


@pytest.fixture(scope="module")
def three(module_stack):
    return module_stack(with_nginx=False)


# ── heartbeats, and feeds that hear nothing ──

def test_one_heartbeat_serves_all(three):
    """When nothing is written a notification is heard a few times a second, by everybody; no more than that is sent."""
    wait_off_duty(three.replicas)
    moves, begun = three.moves(), time.monotonic()
    wait_until("heartbeats are heard", lambda: moves.of("atelier_feed_notifications_total") >= 30, 20)
    seconds, sent = time.monotonic() - begun, moves.of("atelier_feed_heartbeats_total")
    assert 5 <= sent <= 6 * seconds + 3
    assert moves.of("atelier_feed_deaf_total") == 0


def test_a_feed_that_hears_nothing_is_noticed(three):
    """As behind a pooler that keeps notifications to itself: it is connected again and again, and polls meanwhile."""
    with Proxy(three.postgres.port, loses_notifications=True) as proxy, \
            behind(proxy, three.replicas[0], three.postgres) as replica, Probes(three, [replica]) as probes:
        def deaf():
            return replica.metrics().total("atelier_feed_deaf_total")
        probes.until("the deaf feed is noticed", lambda: deaf() >= 2, 20)
        assert "does not hear" in replica.logged("feed_renewed")[-1]["why"]


def test_without_heartbeats_nobody_notifies(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=["--heartbeat-ms", "0"])
    moves = stack.moves()
    wait_until("the log is polled", lambda: moves.of("atelier_feed_log_reads_total") > 20, 10)
    assert moves.of("atelier_feed_notifications_total") == 0


# ── half-open connections: packets dropped, nothing said ──

@pytest.fixture
def far(three):
    """(a proxy that drops packets, the replica behind it)"""
    if not may_drop():
        pytest.skip(NO_DROPS)
    with DroppingProxy(three.postgres.port) as proxy, behind(proxy, three.replicas[0], three.postgres) as replica:
        yield proxy, replica


def wait_replaced(proxy, name, limit):
    wait_until(f"there is a new {name} connection", lambda: proxy.replaced(name), limit)


@pytest.mark.parametrize("name", ["/feed", "/fetch", "/duty"])
def test_a_half_open_connection_is_replaced(three, far, name):
    proxy, replica = far
    with Probes(three, [replica]) as probes:
        for _ in range(3):
            probes.probe(5)
            assert proxy.drop(name) >= 1
            since = time.monotonic()
            probes.probe(limit=FOUND + BACK)
            exact = time.monotonic() - since
            wait_replaced(proxy, name, FOUND + BACK)
            replaced = time.monotonic() - since
            print(f"{name}: exact after {exact * 1000:.0f} ms, replaced after {replaced * 1000:.0f} ms")
            probes.probe()


def test_a_fetch_that_waits_for_long_is_found_half_open(three, far):
    """While Postgres is still at it: the statement waits for a lock, and the network goes away."""
    proxy, replica = far
    with three.postgres.connect(USER) as admin, three.postgres.connect(USER) as locking, \
            Probes(three, [replica]) as probes:
        probes.probe()
        with locking.transaction():
            locking.execute("LOCK TABLE photos IN ACCESS EXCLUSIVE MODE")
            probes.owner.execute("UPDATE products SET slogan = 'Asked for' WHERE id = 103")
            wait_until("a fetch waits", lambda: admin.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s AND wait_event_type = 'Lock'",
                [f"%/{replica.name}/fetch"]).fetchone(), 5)
            assert proxy.drop("/fetch") >= 1
            wait_replaced(proxy, "/fetch", FOUND + BACK)
        probes.watch.seconds_until_shown(expected_of(probes.owner, 103), BACK)


def test_an_unreachable_postgres_is_exact_soon_after_it_can_be_reached(three, far):
    """Longer than a connection attempt lasts: one that was begun in vain must not hold up the next."""
    proxy, replica = far
    with Probes(three, [replica]) as probes:
        for pause in (0.3, 1.1, 2.3, 3.7):
            probes.probe()
            proxy.drop_all()
            probes.owner.execute("UPDATE products SET slogan = %s WHERE id = 104", [f"After {pause} s"])
            threading.Event().wait(pause)  # the fault lasts so long: nothing is waited for
            proxy.reachable()
            limit = BACK if pause > 1 else FOUND + BACK  # the shortest is not even noticed before it is over
            print(pause, milliseconds(probes.watch.seconds_until_shown(expected_of(probes.owner, 104), limit)))


def test_a_hanging_backend_is_given_up(three):
    """One process of Postgres is stopped, not ended: its connection stays open and acknowledges everything."""
    replica = three.replicas[0]
    with Probes(three, [replica]) as probes:
        for name in ("feed", "fetch", "duty"):
            probes.probe()
            stopped = three.postgres.backends("application_name = %s", [f"atelierd/{replica.name}/{name}"])
            assert stopped
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                probes.probe(5, limit=2 * (FOUND + BACK))  # there are two fetchers: perhaps one after the other
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
