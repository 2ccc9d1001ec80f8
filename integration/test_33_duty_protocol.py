"""The protocol of duty, by its own SQL: when writers are silent, and that no change is lost when they notify again."""
import psycopg
import pytest

from atelier import catalogue
from atelier.duty import LOCK, SQL, OnDuty, Writers, by_bound, by_running, name_notifications
from atelier.postgres import USER
from atelier.sessions import Background, Ear
from atelier.waiting import wait_until

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
