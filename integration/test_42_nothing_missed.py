"""Nothing that is committed is ever missed: without notifications, in whatever order and manner transactions end, behind
long ones, across the end of 32-bit transaction numbers, and when the log was pruned meanwhile.

Products are changed once here, and not again: a change that was missed stays missed, and the test sees it.
"""
import random
import re
import shutil
import threading
import time

import pytest

from atelier import catalogue
from atelier.http1 import Http1
from atelier.load import Load
from atelier.metrics import Moves
from atelier.postgres import BIN, USER, Postgres
from atelier.process import run_checked, stopped
from atelier.promises import version
from atelier.proxy import behind_proxies
from atelier.stack import Stack
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of, milliseconds

MANY_LIMIT = 2.5  # … where hundreds of documents are compared on each, which takes its time
SILENT = "SET atelier.notify = off"
CHANGES = 300
POLL_MS = 5  # a read of the log, as Postgres measures it
BUSY = 10  # … and how much longer one may take on a busy machine


@pytest.fixture(scope="module")
def three(module_stack):
    return module_stack(with_nginx=False)


@pytest.fixture
def watch(three):
    with Watch(three.replicas) as watch:
        yield watch


@pytest.fixture
def writer(three):
    with three.postgres.connect("atelier_owner") as owner:
        yield owner


@pytest.fixture
def admin(three):
    with three.postgres.connect(USER) as admin:
        yield admin


def rename(connection, id, name):
    connection.execute("UPDATE products SET name = %s WHERE id = %s", [f"{name}", id])


def check_shown(watch, connection, *ids, limit=None):
    seconds = watch.seconds_until_shown(expected_of(connection, *ids), limit)
    print(milliseconds(seconds))
    return seconds


# ── without notifications ──

def check_changes(watch, writer, count):
    """Each of so many changes within the limit, on every replica; the worst is printed."""
    worst = {}
    for number in range(count):
        id = 101 + number % 60
        rename(writer, id, f"Unheard {number}")
        for name, value in watch.seconds_until_shown(expected_of(writer, id)).items():
            worst[name] = max(value, worst.get(name, 0))
    print("worst of", count, milliseconds(worst))


def test_changes_that_nobody_is_notified_of_are_shown_by_polling(watch, writer):
    writer.execute(SILENT)
    check_changes(watch, writer, CHANGES)


def test_changes_whose_notifications_are_lost_on_the_way_are_shown(three, writer):
    with behind_proxies(three.replicas, three.postgres, loses_notifications=True):
        moves = three.moves()
        with Watch(three.replicas) as watch:
            check_changes(watch, writer, CHANGES // 3)
        assert moves.of("atelier_feed_notifications_total") == 0, "the proxy has let one through"


# ── in whatever manner transactions end ──

def test_sequence_gaps_hide_nothing(watch, writer):
    """Ids that were drawn and given back by a rollback: whoever waits for them, or counts on them, goes wrong."""
    writer.execute("SELECT setval(pg_get_serial_sequence('products', 'id'), 7000)")
    for _ in range(5):
        writer.execute("BEGIN; INSERT INTO products (name, default_price) SELECT 'Never', 1 FROM"
                       " generate_series(1, 7); ROLLBACK")
        id, = writer.execute("INSERT INTO products (name, default_price) VALUES ('After a gap', 1)"
                             " RETURNING id").fetchone()
        check_shown(watch, writer, id, id - 1)
    cards = catalogue.body(catalogue.cards(writer))
    watch.seconds_until_shown({"/products?count=1000": cards})
    writer.execute("DELETE FROM products WHERE id BETWEEN 7000 AND 7999")


def test_what_a_rolled_back_savepoint_has_logged_is_logged_again_by_whoever_changes_it_again(watch, writer):
    """A log row goes with the savepoint that wrote it; the one before the savepoint stays."""
    before = expected_of(writer, 101)
    with writer.transaction():
        writer.execute("SAVEPOINT one")
        for id in (101, 102):
            rename(writer, id, "Rolled back")
        writer.execute("ROLLBACK TO one")
        rename(writer, 102, "After it")
        rename(writer, 103, "Before another")
        writer.execute("SAVEPOINT two")
        for id in (103, 104):
            rename(writer, id, "Rolled back")
        writer.execute("ROLLBACK TO two")
    check_shown(watch, writer, 102, 103, 104)
    watch.seconds_until_shown(before, 0)


def test_more_subtransactions_than_a_snapshot_holds_are_all_shown_and_only_at_the_commit(three, watch, writer):
    """Past 64, Postgres no longer keeps a transaction's subtransactions in its snapshots."""
    ids = range(101, 161)
    before = expected_of(writer, *ids)
    with three.postgres.connect("atelier_owner") as many:
        many.execute("BEGIN")
        for number in range(200):
            many.execute("SAVEPOINT s")
            rename(many, ids[number % len(ids)], f"Subtransaction {number}")
            many.execute("ROLLBACK TO s" if number % 3 == 1 else "RELEASE s")
        writer.execute("UPDATE products SET name = 'Beside them' WHERE id = 1")
        check_shown(watch, writer, 1)
        watch.seconds_until_shown(before, 0)
        many.execute("COMMIT")
        check_shown(watch, writer, *ids, limit=MANY_LIMIT)


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
@pytest.mark.parametrize("meanwhile", ["others write", "the log is pruned", "Postgres restarts", "a replica restarts"])
def test_a_prepared_transaction_is_shown_whenever_it_is_committed(three, watch, meanwhile, ending):
    """It is the oldest that runs for as long as nobody decides, in every snapshot, also across a restart."""
    postgres = three.postgres
    with postgres.connect("atelier_owner") as owner:
        before = expected_of(owner, 105)
        owner.execute(SILENT)
        owner.execute("BEGIN")
        rename(owner, 105, f"Prepared while {meanwhile}")
        owner.execute("PREPARE TRANSACTION 'undecided'")
        for number in range(5):
            rename(owner, 106, f"{number}")
            check_shown(watch, owner, 106)
    if meanwhile == "the log is pruned":
        with postgres.connect("atelier_reader") as reader:
            reader.execute("SELECT feed.prune('0 seconds')")
            reader.execute("SELECT feed.prune('0 seconds')")
    elif meanwhile == "Postgres restarts":
        postgres.stop()
        postgres.start()
        postgres.wait_up()
    elif meanwhile == "a replica restarts":
        three.replicas[0].kill()
        three.replicas[0].start_ready()
    with postgres.connect("atelier_owner") as owner, Watch(three.replicas) as watch:
        check_shown(watch, owner, 106, limit=2)
        loads = three.moves()
        watch.seconds_until_shown(before, 0)
        owner.execute(f"{ending} PREPARED 'undecided'")
        check_shown(watch, owner, 105)
        assert (expected_of(owner, 105) == before) == (ending == "ROLLBACK")
        assert loads.of("atelier_feed_everything_total") == 0, "it was found, not loaded with everything else"


class Mixed:
    """One of several writers at once. It changes each of its products in one transaction, of a kind that it draws."""

    def __init__(self, postgres, number, ids, seed):
        self.postgres, self.number, self.ids = postgres, number, ids
        self.random = random.Random(f"{seed} {number}")
        self.problem = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def finish(self):
        self.thread.join(30)
        assert not self.thread.is_alive(), "a writer hangs"
        if self.problem:
            raise self.problem

    def _run(self):
        try:
            with self.postgres.connect("atelier_owner") as connection:
                connection.execute(SILENT)
                for id in self.ids:
                    connection.execute("BEGIN")
                    self._change(connection, id)
                    self._end(connection)
        except Exception as problem:  # kept for finish(), which raises it in the test
            self.problem = problem

    def _change(self, connection, id):
        savepoints = self.random.choice([0, 0, 0, 1, 3, 70])
        for _ in range(savepoints):
            connection.execute("SAVEPOINT s")
            rename(connection, id, "in a savepoint")
            connection.execute(self.random.choice(["ROLLBACK TO s", "RELEASE s"]))
        rename(connection, id, f"mixed, after {savepoints}")
        time.sleep(self.random.choice([0, 0, 0, 0.005, 0.03, 0.06]))  # so that they end in another order than they began

    def _end(self, connection):
        kind = self.random.choice(["commit"] * 4 + ["rollback", "prepare"])
        if kind == "prepare" and self.number < 4:  # so many may be prepared at once
            name = f"mixed {self.number}"
            connection.execute(f"PREPARE TRANSACTION '{name}'")
            time.sleep(self.random.choice([0, 0.06]))
            connection.execute(f"{self.random.choice(['COMMIT', 'ROLLBACK'])} PREPARED '{name}'")
        else:
            connection.execute("ROLLBACK" if kind == "rollback" else "COMMIT")


def test_eight_writers_at_once_lose_nothing(watch, writer, three):
    ids = range(20_000, 20_240)
    catalogue.insert(writer, "products", [(id, "New", "s", "d", "c", "1.00") for id in ids])
    check_shown(watch, writer, *ids, limit=MANY_LIMIT)
    loads = three.moves()
    seed = random.randrange(10**6)
    print("seed", seed)
    writers = [Mixed(three.postgres, number, ids[number::8], seed) for number in range(8)]
    for mixed in writers:
        mixed.finish()
    check_shown(watch, writer, *ids, limit=MANY_LIMIT)
    assert loads.of("atelier_feed_everything_total") == 0
    writer.execute("DELETE FROM products WHERE id BETWEEN 20000 AND 20239")


# ── behind a long transaction ──

MILLION = 1_000_000


@pytest.fixture
def measured(three, admin):
    """A function: the milliseconds that each read of the log has taken since it was called last, as Postgres says."""
    admin.execute("ALTER SYSTEM SET log_min_duration_statement = 0")
    admin.execute("SELECT pg_reload_conf()")
    read = three.postgres.log_size()

    def durations():
        nonlocal read
        text = three.postgres.log_text(read)
        read += len(text.encode())
        return [float(found) for found in
                re.findall(r"/feed LOG:  duration: ([0-9.]+) ms  execute [^\n]*feed\.change_log", text)]

    wait_until("the reads are logged", durations, 5)
    yield durations
    admin.execute("ALTER SYSTEM RESET log_min_duration_statement")
    admin.execute("SELECT pg_reload_conf()")


def wait_reads(measured, count):
    """The durations of at least so many reads that were not asked for yet."""
    seen = []
    wait_until("the log is read", lambda: seen.extend(measured()) or len(seen) >= count, 30)
    return seen


def check_reads(what, durations):
    durations = sorted(durations)
    print(f"{what}: {len(durations)} reads, median {durations[len(durations) // 2]:.3f} ms, worst {durations[-1]:.3f} ms")
    slow = [duration for duration in durations if duration > POLL_MS]
    assert len(slow) <= len(durations) / 20 and durations[-1] <= POLL_MS * BUSY, f"slow reads: {slow}"


def check_quick_changes(watch, writer, what, count=20):
    for number in range(count):
        rename(writer, 108, f"{what} {number}")
        watch.seconds_until_shown(expected_of(writer, 108))


@pytest.mark.limit(120)
def test_a_million_log_rows_behind_a_long_transaction_slow_nobody(three, watch, writer, admin, measured):
    """They are newer than the transaction that still runs: whoever reads from the oldest running one on walks over all
    of them at every poll."""
    with three.postgres.connect("atelier_owner") as long:
        long.execute("BEGIN")
        rename(long, 107, "An hour later")
        first = long.execute("SELECT pg_current_xact_id()::text").fetchone()[0]
        for _ in range(1000):
            writer.execute("SELECT pg_current_xact_id()")
        check_quick_changes(watch, writer, "before")  # those thousand are over for every replica
        writer.execute("SET statement_timeout = '60s'")
        writer.execute("INSERT INTO feed.change_log SELECT (%s::bigint + 1 + n %% 1000)::text::xid8, 1000000 + n"
                       " FROM generate_series(1, %s) AS n", [first, MILLION])
        measured()
        check_quick_changes(watch, writer, "behind it")
        check_reads("a million rows behind a long transaction", wait_reads(measured, 60))
        long.execute("COMMIT")
        check_shown(watch, writer, 107)
    writer.execute("TRUNCATE feed.change_log")  # all have read it


@pytest.mark.limit(120)
def test_a_transaction_that_logs_a_million_rows_slows_nobody(three, watch, writer, measured):
    """Its own rows are invisible, and many. While nobody else writes it is the newest of all: whoever reads from the end
    of the last snapshot on walks over them at every poll. Then others write; then it is rolled back."""
    with three.postgres.connect("atelier_owner") as bulk, three.postgres.connect(USER) as pruning:
        pruning.execute("SELECT pg_advisory_lock(1635018092, 1)")  # or the replicas' pruning is what others write
        bulk.execute("SET statement_timeout = '60s'")
        bulk.execute("BEGIN")
        rename(bulk, 107, "Never")
        bulk.execute("INSERT INTO feed.change_log SELECT pg_current_xact_id(), 1000000 + n"
                     " FROM generate_series(1, %s) AS n", [MILLION])
        measured()
        check_reads("nobody else writes", wait_reads(measured, 60))
        check_quick_changes(watch, writer, "others write")
        check_reads("others write", wait_reads(measured, 60))
        bulk.execute("ROLLBACK")
        check_quick_changes(watch, writer, "it was rolled back")
        check_reads("it was rolled back", wait_reads(measured, 60))


# ── transaction numbers have 64 bits ──

WRAP = 2**32
XIDS_IN_SEGMENT = 32 * 8192 * 4  # of pg_xact: 32 pages of 8,192 bytes, two bits each


@pytest.fixture
def near_the_end(own, template, built):
    """Three replicas, and a Postgres that has used up all but 500 of its first 2³² transaction numbers."""
    with Postgres(own / "aged", template) as aged:
        aged.create()
        for database in ("atelier", "postgres", "template1"):  # or the old numbers would lie in the future
            run_checked([BIN / "vacuumdb", "--freeze", "-q", "-d", aged.conninfo(USER, database)])
        aged.stop()
        start = WRAP - 500
        run_checked([BIN / "pg_resetwal", "-x", start, "-e", 0, "-D", aged.data], user=USER)
        segment = aged.data / "pg_xact" / f"{start // XIDS_IN_SEGMENT:04X}"
        segment.write_bytes(bytes(XIDS_IN_SEGMENT // 4))
        segment.chmod(0o600)
        shutil.chown(segment, *2 * [aged.data.owner()])
    (own / "stack").mkdir()
    with Stack(own / "stack", aged, with_nginx=False) as stack:
        yield stack.start(catalogue.fill)


def next_xid(connection):
    return int(connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()[0])


@pytest.mark.slow
def test_transaction_numbers_past_32_bits_are_read_in_order(near_the_end):
    """Changes before, across and after; one transaction begins before the end of the 32 bits and commits after it."""
    postgres, replicas = near_the_end.postgres, near_the_end.replicas
    with postgres.connect("atelier_owner") as owner, postgres.connect("atelier_owner") as long, Watch(replicas) as watch:
        assert next_xid(owner) < WRAP
        moves = near_the_end.moves()
        long.execute("BEGIN")
        rename(long, 120, "From before the end")
        while next_xid(owner) < WRAP + 20:
            if not WRAP - 15 < next_xid(owner) < WRAP + 15:
                owner.execute("SELECT pg_current_xact_id()")  # others use up the numbers in between
            rename(owner, 121, f"{next_xid(owner)}")
            watch.seconds_until_shown(expected_of(owner, 121))
        long.execute("COMMIT")
        check_shown(watch, owner, 120)
        logged = [int(xid) for xid, in owner.execute("SELECT DISTINCT xid::text FROM feed.change_log")]
        assert min(logged) < WRAP < max(logged)
        assert moves.of("atelier_feed_everything_total") == 0
        assert all(version(client.get("/products/1"))[1] > WRAP for client in watch.clients.values())
        xid = owner.execute("UPDATE products SET name = 'Read' WHERE id = 121"
                            " RETURNING pg_current_xact_id()::text").fetchone()[0]
        for client in watch.clients.values():
            assert b'"Read"' in client.get("/products/121", {"Catalogue-At-Least": f"xid={xid}"}).body
        postgres.prune()
        assert owner.execute("SELECT xid > %s::text::xid8 FROM feed.horizon", [WRAP]).fetchone()[0]
        rename(owner, 121, "Pruned")
        check_shown(watch, owner, 121)


# ── the log is pruned by age ──

def test_a_replica_that_fell_off_the_log_s_end_loads_again_and_goes_on_answering(three, watch, writer):
    """Its snapshot is older than what the log still holds. Nobody else loads anything."""
    slow, *others = three.replicas
    ids = range(30_000, 33_000)  # enough for a load to take a while
    catalogue.insert(writer, "products", [(id, "New", "s", "d" * 2000, "c", "1.00") for id in ids])
    check_shown(watch, writer, ids[0], ids[-1], limit=5)
    moves, own_moves = Moves(others), Moves([slow])
    documents = {target: body for id in range(121, 151) for target, body in catalogue.documents(writer, id).items()}
    with Load(lambda: Http1(slow.clear), documents, threads=2) as load:
        wait_until("the load runs", lambda: load.answered > 50, 10)
        with stopped(slow), three.postgres.connect("atelier_reader") as reader:
            rename(writer, 30_000, "While it was stopped")
            writer.execute("DELETE FROM products WHERE id = 30001")
            lost = next_xid(writer)
            wait_until("what is older than a second is pruned", lambda: prune_up_to(reader, lost), 5)
        back = time.monotonic()
        with Watch([slow]) as watch:
            print(milliseconds(watch.seconds_until_shown(expected_of(writer, 30_000, 30_001), 5, since=back)))
        wait_until("it has loaded everything", lambda: own_moves.of("atelier_load_completed_total") == 1, 10)
    assert (load.wrong, load.lost) == ([], [])
    assert own_moves.of("atelier_feed_everything_total") == 1
    assert moves.of("atelier_feed_everything_total") == 0, "the others were not so slow"
    writer.execute("DELETE FROM products WHERE id >= 30000 AND id < 40000")


def prune_up_to(reader, xid):
    """Prunes what is older than a second: True once that is everything before xid."""
    reader.execute("SELECT feed.prune('1 second')")
    return reader.execute("SELECT xid >= %s::text::xid8 FROM feed.horizon", [xid]).fetchone()[0]


# ── a log with many rows ──

SLOWLY = 0.2  # seconds for each piece of at most 64 KiB that passes: far from silence, and long in all


def test_in_a_new_life_however_much_is_read_at_once(three, writer, admin):
    """What is to be read again takes longer than other answers may: one connection does it. Of each product it says once
    that it has changed."""
    xids, ids = 5, 12000
    for _ in range(xids):
        admin.execute("SELECT pg_current_xact_id()")
    writer.execute("INSERT INTO feed.change_log SELECT (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - n)::text"
                   "::xid8, 1000000 + id FROM generate_series(1, %s) n, generate_series(1, %s) id", [xids, ids])
    with behind_proxies(three.replicas, three.postgres) as proxies, Watch(three.replicas) as watch:
        moves = three.moves()
        for proxy in proxies:
            proxy.delay = SLOWLY
        admin.execute("SELECT pg_stat_reset_shared('bgwriter')")  # ends an era
        wait_until("the log was read again", lambda: moves.of("atelier_feed_changes_total") >= 3 * ids, 30)
        for proxy in proxies:
            proxy.delay = 0
        rename(writer, 7, "Shown at once")
        watch.seconds_until_shown(expected_of(writer, 7), 5)
        assert moves.of("atelier_feed_reconnects_total") == 3
        assert moves.of("atelier_feed_changes_total") < 3 * 2 * ids
    writer.execute("DELETE FROM feed.change_log WHERE product_id > 1000000")


def test_what_takes_longer_to_read_than_a_statement_may_is_given_up_for_a_load(own_stack):
    """Else it would be tried for ever. Nothing is missed: everything is marked, and fetched."""
    xids, ids = 100, 8000
    stack = own_stack(replicas=1, with_nginx=False, options=["--statement-timeout-ms", 100])
    with stack.postgres.connect("atelier_owner") as writer, stack.postgres.connect(USER) as admin, \
            Watch(stack.replicas) as watch:
        for _ in range(xids):
            admin.execute("SELECT pg_current_xact_id()")
        writer.execute("INSERT INTO feed.change_log SELECT (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - n)"
                       "::text::xid8, 1000000 + id FROM generate_series(1, %s) n, generate_series(1, %s) id", [xids, ids])
        moves = stack.moves()
        admin.execute("SELECT pg_stat_reset_shared('bgwriter')")  # ends an era: all of that is to be read again
        wait_until("everything is marked instead", lambda: moves.of("atelier_feed_everything_total") == 1, 20)
        rename(writer, 7, "Shown")
        watch.seconds_until_shown(expected_of(writer, 7), 5)
        assert moves.of("atelier_feed_log_read_failures_total") == 4
