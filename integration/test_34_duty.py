"""Duty and heartbeats: who notifies, that no change is lost when that changes, and that a feed that hears nothing is
noticed."""
import os
import re
import signal
import threading
import time
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from atelier import catalogue
from atelier.dropping import DroppingProxy, may_drop
from atelier.duty import LOCK, SQL, OnDuty, Writers, by_bound, by_running, name_notifications
from atelier.postgres import USER
from atelier.proxy import Proxy
from atelier.sessions import Background, Ear
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of, milliseconds

BOUND = 0.25  # seconds in which a change is shown whatever happens to notifications
BACK = 1.0  # … after which a replica is exact again once Postgres can be reached
FOUND = 1.0  # … after which a half-open connection is given up
NO_DROPS = "to drop packets takes CAP_NET_ADMIN, which infra/test keeps if root starts it"
MANY = """\\set id random(101, 150)
UPDATE products SET slogan = slogan || '.' WHERE id = :id;
"""
SHORT_TRANSACTIONS = """\\set id random(101, 150)
\\set pause random(0, 500)
BEGIN;
UPDATE products SET slogan = 's' WHERE id = :id;
\\sleep :pause us
COMMIT;
"""


# ── the database alone: when writers are silent ──

@pytest.fixture(scope="module")
def filled(database):
    with database.connect("atelier_owner") as owner:
        catalogue.fill(owner)
    return database


@pytest.fixture
def owner(filled):
    with filled.connect("atelier_owner") as connection:
        yield connection


@pytest.fixture
def reader(filled):
    with filled.connect("atelier_reader") as connection:
        yield connection
        connection.execute("SELECT pg_advisory_unlock_all()")  # the end of a session is not waited for


@pytest.fixture
def ear(filled):
    with filled.connect("atelier_reader") as connection:
        yield Ear(connection, "atelier_changes")


def change(connection, id=101):
    connection.execute("UPDATE products SET slogan = slogan || '.' WHERE id = %s", [id])


def test_writers_are_silent_while_somebody_is_on_duty(owner, reader, ear):
    change(owner)
    assert ear.heard(owner) == [""]
    reader.execute(SQL["SILENCE"])
    change(owner)
    assert ear.heard(owner) == [] and owner.execute("SELECT count(*) FROM feed.change_log").fetchone()[0] >= 2
    reader.execute(SQL["SPEAK"])
    change(owner)
    assert ear.heard(owner) == [""]


def test_writers_are_silent_again_when_the_one_on_duty_has_ended(filled, owner, ear):
    with filled.connect("atelier_reader") as on_duty:
        on_duty.execute(SQL["SILENCE"])
        change(owner)
        assert ear.heard(owner) == []
    with filled.connect(USER) as admin:
        wait_until("the lock is free", lambda: not admin.execute(f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone(), 5)
    change(owner)
    assert ear.heard(owner) == [""]


def test_no_writer_keeps_a_lock(filled, owner, ear):
    """A transaction that has notified and stays open keeps nobody from going on duty, and is heard all the same."""
    with filled.connect("atelier_reader") as on_duty, filled.connect(USER) as admin:
        with owner.transaction():
            change(owner)
            assert not admin.execute(f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone()
            on_duty.execute(SQL["SESSION"])
            on_duty.execute(SQL["SILENCE"])  # within 250 ms, or it is an error
        assert ear.heard(admin) == [""]


def test_a_cancelled_writer_leaves_no_lock_behind(filled, owner):
    """Wherever the statement is when it is cancelled: here among ten thousand that each try the lock."""
    with filled.connect(USER) as admin:
        for milliseconds_later in range(0, 60, 3):
            owner.execute(f"SET statement_timeout = {milliseconds_later + 1}")
            with pytest.raises(psycopg.errors.QueryCanceled):
                owner.execute("DO $$ BEGIN FOR i IN 1..1000000 LOOP PERFORM feed.wake(); END LOOP; END $$")
            assert not admin.execute(f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone()


def test_a_log_read_sees_that_writers_are_silent_and_keeps_no_lock(filled, owner, reader):
    look = f"SELECT {SQL['IS_SILENT']}"
    assert owner.execute(look).fetchone() == (False,)
    reader.execute(SQL["SILENCE"])
    assert owner.execute(look).fetchone() == (True,)
    reader.execute(SQL["SPEAK"])
    assert owner.execute(look).fetchone() == (False,)
    assert not owner.execute(f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone()


def test_one_is_elected_and_its_session_must_not_fall_idle(filled, reader):
    with filled.connect("atelier_reader") as other:
        assert reader.execute(SQL["ELECT"]).fetchone() == (True,)
        assert other.execute(SQL["ELECT"]).fetchone() == (False,)
        assert reader.execute("SHOW idle_session_timeout").fetchone() == ("2s",)
        assert other.execute("SHOW idle_session_timeout").fetchone() == ("0",)
        assert reader.execute(SQL["RESIGN"]).fetchone() == (True,)
        assert reader.execute("SHOW idle_session_timeout").fetchone() == ("0",)
        assert other.execute(SQL["ELECT"]).fetchone() == (True,)


def test_writers_are_silent_already_while_duty_is_waited_for_and_that_wait_is_short(filled, owner, reader, ear):
    """Somebody else's shared lock stands in the way: what waits for it holds back no vacuum for long."""
    with filled.connect(USER) as admin:
        admin.execute("SELECT pg_advisory_lock_shared(1635018092, 3)")
        reader.execute(SQL["SESSION"])
        waiting = Background(reader, SQL["SILENCE"]).wait_blocked(admin)
        change(owner)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            waiting.finish(2)
        assert ear.heard(owner) == []
        change(owner)
        assert ear.heard(owner) == [""]


def test_notify_off_still_means_silence(owner, ear):
    owner.execute("SET atelier.notify = off")
    change(owner)
    owner.execute("RESET atelier.notify")
    assert ear.heard(owner) == []


def test_a_reader_by_default_read_only_may_notify(filled, ear):
    with filled.connect("atelier_reader") as reader:
        reader.execute("SET default_transaction_read_only = on")
        reader.execute(SQL["NOTIFY"])
        assert ear.heard(reader) == [""]


def test_the_migration_can_be_taken_back(filled, owner, reader, ear):
    reader.execute(SQL["SILENCE"])
    filled.sqitch("revert", "-y", "--to", "loading")
    change(owner)
    assert ear.heard(owner) == [""]
    filled.sqitch("deploy")
    filled.sqitch("verify")
    change(owner)
    assert ear.heard(owner) == []


# ── going idle loses no change ──

def lost(database, leave, terms):
    """Transactions that have logged something of which nobody was told, by a notification of their own or by the one on
    duty, while that one goes on duty and off again `terms` times. And how many have been silent."""
    with database.connect(USER) as admin, database.connect("atelier_reader") as listening, \
            database.connect("atelier_reader") as connection:
        name_notifications(admin)
        ear, on_duty, notified = Ear(listening, "atelier_changes"), OnDuty(connection), set()
        with Writers(database, SHORT_TRANSACTIONS, clients=3) as writers:
            wait_until("the writers write", lambda: ear.heard(admin), 10)
            first, = admin.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
            for number in range(terms):
                on_duty.term(leave)
                if number % 50 == 0:
                    notified.update(int(payload) for payload in ear.heard(admin))
            writers.kill()
        wait_until("the writers' sessions have ended", lambda: not admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgbench'").fetchone(), 10)
        notified.update(int(payload) for payload in ear.heard(admin))
        committed = {int(xid) for xid, in admin.execute(
            "SELECT DISTINCT xid::text FROM feed.change_log WHERE xid >= %s::text::xid8", [first])}
    silent = committed - notified
    print(f"{terms} terms: {len(committed)} transactions, {len(silent)} of them silent")
    return silent - on_duty.passed_on, silent


@pytest.fixture
def written(fresh_database):
    """A database of its own, because its notifications are changed."""
    with fresh_database.connect("atelier_owner") as owner:
        catalogue.fill(owner)
    return fresh_database


@pytest.mark.limit(600)
def test_ten_thousand_times_off_duty_no_change_is_lost(written):
    missing, silent = lost(written, by_bound, 10000)
    assert not missing and len(silent) > 1000


def test_the_naive_way_off_duty_does_lose_changes(written):
    """The same run finds the mistake of waiting for those that a snapshot names: what runs with a number from xmax on
    is not among them."""
    missing, _ = lost(written, by_running, 300)
    assert missing


def test_a_silent_transaction_that_no_snapshot_names(owner, reader):
    """The same in slow motion."""
    with owner as writer:
        reader.execute(SQL["SILENCE"])
        with writer.transaction():
            change(writer)  # silent
            xid = int(writer.execute("SELECT pg_current_xact_id()::text").fetchone()[0])
            on_duty = OnDuty(reader)
            on_duty.ask("SPEAK")
            assert xid not in on_duty.snapshot().running
            naive, right = by_running(on_duty), by_bound(on_duty)
            assert naive(on_duty.pass_on()) and not right(on_duty.pass_on())
        assert right(on_duty.pass_on()) and xid in on_duty.passed_on


# ── replicas ──

@contextmanager
def behind(proxies, replica, postgres, *options):
    """The replica reaches Postgres through the proxy from now on, with these options."""
    conninfo = re.sub(r"port=\d+", f"port={proxies.port}", postgres.conninfo("atelier_reader"))
    before = list(replica.argv)
    replica.stop()
    # The password file names the port that Postgres listens on.
    with open(postgres.passfile, "a") as passfile:
        passfile.write(f"127.0.0.1:{proxies.port}:*:atelier_reader:{postgres.passwords['atelier_reader']}\n")
    replica.argv += ["--postgres", f"{conninfo} sslmode=disable", *map(str, options)]
    replica.start_ready()
    try:
        yield replica
    finally:
        replica.stop()
        replica.argv = before
        replica.start_ready()


@pytest.fixture(scope="module")
def three(module_stack):
    return module_stack(with_nginx=False, options=["--duty-from-per-second", "30"])


def duty(replica):
    return replica.operation("/status").json()["feed"]["duty"]


def on_duty(replicas):
    """The one on duty, once all agree; else None."""
    said = {replica: duty(replica) for replica in replicas}
    here = [replica for replica, where in said.items() if where == "here"]
    return here[0] if sorted(said.values()) == ["elsewhere"] * (len(replicas) - 1) + ["here"] else None


def wait_on_duty(replicas, limit=15):
    return wait_until("one replica is on duty, and the others know", lambda: on_duty(replicas), limit)


def wait_off_duty(replicas, limit=30):
    wait_until("nobody is on duty", lambda: all(duty(replica) == "nobody" for replica in replicas), limit)


class Probes:
    """Changes one product again and again; the longest time until all of some replicas showed it."""

    def __init__(self, stack, replicas):
        self.owner = stack.postgres.connect("atelier_owner")
        self.watch = Watch(replicas)
        self.worst = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.owner.close()
        self.watch.__exit__()

    def probe(self, times=1, limit=BOUND):
        for _ in range(times):
            self.owner.execute("UPDATE products SET name = name || '.' WHERE id = 1")
            committed = time.monotonic()
            self.owner.execute("UPDATE products SET name = right(name, 40) WHERE id = 1 AND length(name) > 60")
            expected = {"/products/1": expected_of(self.owner, 1)["/products/1"]}
            for name, seconds in self.watch.seconds_until_shown(expected, limit, since=committed).items():
                self.worst[name] = max(self.worst.get(name, 0), seconds)

    def until(self, what, condition, limit, every=0.005):
        """Probes until the condition holds."""
        wait_until(what, lambda: self.probe() or condition(), limit, every)


@pytest.mark.limit(120)
def test_on_duty_and_off_again(three):
    """Many writers: one replica goes on duty and they fall silent; few: it goes off again, and they notify."""
    replicas, postgres = three.replicas, three.postgres
    with Probes(three, replicas) as probes, postgres.connect("atelier_reader") as listening:
        wait_off_duty(replicas)
        ear = Ear(listening, "atelier_changes")
        with Writers(postgres, MANY, clients=2, rate=200):
            probes.until("one is on duty", lambda: on_duty(replicas), 15)
            here = wait_on_duty(replicas)
            with postgres.connect(USER) as admin:
                theirs, = postgres.backends("application_name = %s", [f"atelierd/{here.name}/duty"])
                ear.heard(admin)
                probes.probe(20)
                listening.execute("SELECT 1")
                assert {heard.pid for heard in ear.got if heard.channel == "atelier_changes"} == {theirs}
            probes.probe(100)
        probes.until("duty ends", lambda: all(duty(replica) == "nobody" for replica in replicas), 40, every=0.2)
        ear.got.clear()
        probes.probe()
        listening.execute("SELECT 1")
        assert probes.owner.info.backend_pid in {heard.pid for heard in ear.got}
        print(milliseconds(probes.worst))
    assert here.logged("duty_ends")[-1]["why"] == "quiet"


@pytest.mark.limit(150)
@pytest.mark.parametrize("end", ["killed", "stopped", "terminated"])
def test_the_one_on_duty_fails(three, end):
    """The others show what is committed meanwhile within the bound, and one of them takes over."""
    replicas, postgres = three.replicas, three.postgres
    with Writers(postgres, MANY, clients=2, rate=200):
        here = wait_on_duty(replicas)
        others = [replica for replica in replicas if replica is not here]
        with Probes(three, others) as probes:
            probes.probe(10)
            if end == "terminated":
                for pid in postgres.backends("application_name LIKE %s", [f"atelierd/{here.name}/%"]):
                    with postgres.connect(USER) as admin:
                        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
                others = replicas
            else:
                here.send(signal.SIGKILL if end == "killed" else signal.SIGSTOP)
            try:
                probes.probe(20)
                if end != "terminated":
                    probes.until("another one is on duty", lambda: on_duty(others), 20)
                print(end, milliseconds(probes.worst))
            finally:
                if end == "stopped":
                    here.send(signal.SIGCONT)
        if end == "killed":
            here.child.wait()
            here.start_ready()
        with Probes(three, [here]) as probes:
            probes.probe(limit=BACK)
            probes.probe(5)
        wait_on_duty(replicas)


@pytest.mark.skipif(not may_drop(), reason=NO_DROPS)
@pytest.mark.limit(120)
def test_the_one_on_duty_is_cut_off(three):
    """By a network that swallows packets: Postgres ends its session, and another one takes over."""
    first, *others = three.replicas
    wait_off_duty(three.replicas)
    with DroppingProxy(three.postgres.port) as proxy, \
            behind(proxy, first, three.postgres, "--duty-from-per-second", 10):
        with Writers(three.postgres, MANY, clients=2, rate=25):  # the others want 30
            here = wait_on_duty(three.replicas)
            assert here is first
            with Probes(three, others) as probes:
                proxy.drop_all()
                probes.probe(30)
                with three.postgres.connect(USER) as admin:
                    probes.until("writers notify again", lambda: not admin.execute(
                        f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone(), 10)
                print(milliseconds(probes.worst))
            proxy.reachable()
            with Probes(three, three.replicas) as probes:
                probes.probe(limit=BACK)
        wait_off_duty(three.replicas)


@pytest.mark.limit(120)
def test_a_writer_that_stays_open_through_duty(three):
    """Begun before duty, silent during it, and committed after: nobody waits for it, and it is shown at once."""
    replicas, postgres = three.replicas, three.postgres
    wait_off_duty(replicas)
    with postgres.connect("atelier_owner") as early, postgres.connect("atelier_owner") as silent, \
            Probes(three, replicas) as probes:
        early.execute("BEGIN")
        early.execute("UPDATE products SET name = 'Early' WHERE id = 4")
        with Writers(postgres, MANY, clients=2, rate=200):
            here = wait_on_duty(replicas)
            silent.execute("BEGIN")
            silent.execute("UPDATE products SET name = 'Silent' WHERE id = 5")
            early.execute("UPDATE products SET name = 'Silent' WHERE id = 6")
            probes.probe(10)
        wait_until("duty is about to end", lambda: not probes.owner.execute(
            f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone(), 30)
        assert duty(here) == "here", "it still reads for the silent ones"
        early.execute("COMMIT")
        probes.watch.seconds_until_shown(expected_of(probes.owner, 4, 6), BOUND)
        wait_off_duty(replicas)  # however long the other one lasts
        silent.execute("COMMIT")
        probes.watch.seconds_until_shown(expected_of(probes.owner, 5), BOUND)


def test_duty_is_not_had_by_force(three):
    """Somebody's shared lock stands in the way for ever: writers notify as ever, and no snapshot is held."""
    replicas, postgres = three.replicas, three.postgres
    wait_off_duty(replicas)
    with postgres.connect(USER) as admin, Probes(three, replicas) as probes:
        admin.execute("SELECT pg_advisory_lock_shared(1635018092, 3)")
        with Writers(postgres, MANY, clients=2, rate=200):
            moves = three.moves()
            probes.until("duty was tried in vain", lambda: moves.of("atelier_duty_terms_total") >= 3, 20)
            held, = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'atelier_reader'"
                                  " AND xact_start < clock_timestamp() - interval '1 s'").fetchone()
            assert held == 0 and "lock timeout" in " ".join(
                line["why"] for replica in replicas for line in replica.logged("duty_ends"))
            admin.execute("SELECT pg_advisory_unlock_shared(1635018092, 3)")
            wait_on_duty(replicas)
            probes.probe(5)


def test_duty_can_be_switched_off(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=["--duty-from-per-second", "0"])
    with Writers(stack.postgres, MANY, clients=2, rate=200):
        moves = stack.moves()
        wait_until("much was heard", lambda: moves.of("atelier_feed_notifications_total") > 600, 20)
    assert duty(stack.replicas[0]) == "nobody" and moves.of("atelier_duty_terms_total") == 0


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
        assert "does not hear" in replica.logged("feed_lost")[-1]["error"]


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
            probes.probe(limit=BOUND)


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
