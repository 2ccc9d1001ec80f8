"""The faults: each breaks something, mends it, and returns when that was (time.monotonic_ns()); None: it could not be
done, because there was nothing to break. All run on the main thread, one after the other."""
import signal
import time
from contextlib import contextmanager

import psycopg

from atelier.crash import ForgetfulCrash
from atelier.waiting import wait_until

from .readers import LOST, version_of

ON_DUTY = """SELECT split_part(a.application_name, '/', 2) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE l.locktype = 'advisory' AND l.classid = 1635018092 AND l.objid = 3 AND l.mode = 'ExclusiveLock'
             AND l.granted"""
READER = "usename = 'atelier_reader'"
BURNT = 500  # transactions that a crash forgets
FEED = "/feed"  # how the feed's application_name ends
RECONNECTS = "atelier_feed_reconnects_total"
BOUND_MS = 250  # --unproven-after-ms
EXACT_LIMIT = 10.0  # seconds to be exact again in: ten times what is aimed at
COLD = 5  # products that nobody has changed for long, changed right after such a crash


def some_replicas(run):
    """One, or all of them."""
    return [run.random.choice(run.rig.replicas)] if run.random.random() < 0.7 else run.rig.replicas


def of_the_network(method, *arguments):
    """A proxy's method for some replicas, over in a moment."""
    def fault(run):
        for replica in some_replicas(run):
            run.rig.network.tell(replica.name, method, *arguments)
        return time.monotonic_ns()
    return fault


def away(begin, end):
    """Postgres cannot be reached by some replicas for a while, on old connections nor on new ones."""
    def fault(run):
        replicas = some_replicas(run)
        for replica in replicas:
            run.rig.network.tell(replica.name, begin)
        run.outage()
        for replica in replicas:
            run.rig.network.tell(replica.name, end)
        return time.monotonic_ns()
    return fault


def lose_notifications(run, replicas, loses):
    for replica in replicas:
        run.rig.network.tell(replica.name, "lose_notifications", loses)
        run.rig.network.tell(replica.name, "cut", FEED)


def notifications_lost(run):
    """Some replicas hear nothing for a while, whatever they try."""
    replicas = some_replicas(run)
    lose_notifications(run, replicas, True)
    run.outage()
    lose_notifications(run, replicas, False)
    return time.monotonic_ns()


def feed_deaf(run):
    """One connection hears nothing any more; it must be found out and replaced, and until then counts as broken."""
    replica = run.random.choice(run.rig.replicas)
    before = replica.metrics().total(RECONNECTS)
    lose_notifications(run, [replica], True)
    wait_until("the feed is back, and deaf", lambda: replica.metrics().total(RECONNECTS) > before, 10)
    run.rig.network.tell(replica.name, "lose_notifications", False)
    begun = time.monotonic_ns()
    wait_until("a deaf feed is replaced", lambda: replica.metrics().total(RECONNECTS) > before + 1, EXACT_LIMIT)
    return begun


def backend_terminated(run):
    """Some of the replicas' backends, or all; and one writer's."""
    with run.rig.postgres.connect("postgres") as admin:
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {READER} AND random() < %s",
                      [run.random.choice((0.3, 1))])
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE application_name LIKE 'history/%' ORDER BY random() LIMIT 1")
    return time.monotonic_ns()


# ── Postgres ──

def postgres_back(postgres):
    """After its end: on the same data; a postmaster that was killed leaves processes that must end first."""
    def up():
        if not postgres.running:
            postgres.start()
        try:
            return postgres.is_up()
        except AssertionError:  # it ended again: others are still there
            return False

    wait_until("Postgres is back", up, 40, every=0.02, ignoring=(psycopg.OperationalError,))
    return time.monotonic_ns()


def postgres_ends(number):
    def fault(run):
        postgres = run.rig.postgres
        postgres.send(number)
        postgres.wait(30)
        run.pause(run.random.choice((0, 0, 0.5)))
        return postgres_back(postgres)
    return fault


def transaction_ids_reused(run):
    """A crash that forgets that transaction ids were given out: they are given out again, and commits under them come
    before any replica has looked."""
    postgres, replicas = run.rig.postgres, run.rig.replicas
    with run.writers_parked(), stopped_after(replicas) as stop:
        crash = ForgetfulCrash(postgres)
        seen = crash.burn(BURNT)
        for replica in replicas:
            wait_until(f"{replica.name} has seen {seen}", lambda: has_seen(replica, seen), 5, ignoring=LOST)
        stop()
        stopped_at = time.monotonic()
        crash.crash()
        # xid=N names no life of Postgres: sooner, a replica may take it for the one before (ARCHITECTURE, "Known gaps").
        wait_until("what was proven is no more", lambda: time.monotonic() > stopped_at + BOUND_MS / 1000, 5)
        run.write_cold(COLD)
    return time.monotonic_ns()


def has_seen(replica, xid):
    version = version_of(replica.get("/products/1"))
    return version and version[1] >= xid


@contextmanager
def stopped_after(replicas):
    """Yields the function that stops them; in the end they go on."""
    def stop():
        for replica in replicas:
            replica.send(signal.SIGSTOP)
    try:
        yield stop
    finally:
        for replica in replicas:
            replica.send(signal.SIGCONT)


# ── replicas ──

def stopped(run, replicas):
    with stopped_after(replicas) as stop:
        stop()
        run.outage()
    return time.monotonic_ns()


def killed(run, replica, warming=False):
    replica.kill()
    if warming:
        replica.start()
        run.pause(run.random.uniform(0.01, 0.15))
        replica.kill()
    run.pause(run.random.choice((0, 0.5)))
    replica.start_ready()
    return time.monotonic_ns()


def a_replica(do, **how):
    return lambda run: do(run, run.random.choice(run.rig.replicas), **how)


def on_duty(do):
    """What happens to the replica that notifies for the others; if one does."""
    def fault(run):
        with run.rig.postgres.connect("postgres") as admin:
            found = admin.execute(ON_DUTY).fetchone()
        replica = next((replica for replica in run.rig.replicas if found and replica.name == found[0]), None)
        return do(run, replica) if replica else None
    return fault


def cut_off(run, replica):
    run.rig.network.tell(replica.name, "swallow")
    return time.monotonic_ns()


# ── the table ──

FAULTS = {
    "feed socket cut": of_the_network("cut", FEED),
    "all sockets cut": of_the_network("cut"),
    "feed half open": of_the_network("swallow", FEED),
    "all half open": of_the_network("swallow"),
    "feed deaf": feed_deaf,
    "backend terminated": backend_terminated,
    "Postgres restarted, fast": postgres_ends(signal.SIGINT),
    "Postgres restarted, immediate": postgres_ends(signal.SIGQUIT),
    "postmaster killed": postgres_ends(signal.SIGKILL),
    "Postgres unreachable": away("hold", "release"),
    "Postgres refuses": away("refuse", "accept"),
    "transaction ids reused": transaction_ids_reused,
    "notifications lost": notifications_lost,
    "replica stopped": lambda run: stopped(run, some_replicas(run)),
    "replica killed": a_replica(killed),
    "replica killed while warming": a_replica(killed, warming=True),
    "on duty killed": on_duty(killed),
    "on duty stopped": on_duty(lambda run, replica: stopped(run, [replica])),
    "on duty cut off": on_duty(cut_off),
}
