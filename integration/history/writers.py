"""Writers: SQL clients, each on a connection and a thread of its own, that change products in every way there is."""
import random
import threading
import time

import psycopg

from .events import FACETS
from .kinds import KINDS
from .transaction import Open

OWED = 60  # seconds that Postgres may be away while a transaction's outcome is not known; also when all ends


class Writer:
    """One SQL client. What a lost connection leaves open is cleared up before anything else is done."""

    def __init__(self, name, postgres, recorder, stopped):
        self.name, self.postgres, self.recorder, self.stopped = name, postgres, recorder, stopped
        self.connection = self.open = None
        self.known = False
        self.prepared = f"history-{name}"

    def query(self, sql):
        """The rows of the last statement, if it gives any."""
        cursor = self.connection.execute(sql)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else None

    def connect(self, given_up=None):
        """Until there is a connection: True. False: all ends, or given_up() says so."""
        while not (given_up or self.stopped.is_set)():
            try:
                self.connection = psycopg.connect(
                    self.postgres.conninfo("atelier_owner"), autocommit=True, connect_timeout=2,
                    prepare_threshold=None, application_name=f"history/{self.name}",
                    options="-c statement_timeout=20s -c idle_in_transaction_session_timeout=60s")
                if not self.known:  # only once: it would wait for a transaction that was prepared and left
                    self.query(f"INSERT INTO history.writers VALUES ('{self.name}', -1) ON CONFLICT DO NOTHING")
                self.known = True
                return True
            except psycopg.Error:
                self.close()
                time.sleep(0.02)
        return False

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def do(self, work):
        """Calls work(), which runs transactions; whatever Postgres does meanwhile, their outcome is recorded."""
        try:
            if self.connection or self.connect():
                work()
        except psycopg.Error:
            self.clear_up()

    def clear_up(self):
        """The connection is lost, or the transaction failed: what became of it is for Postgres to say."""
        self.close()
        end = time.monotonic() + OWED
        while self.open:
            if not (self.connection or self.connect(lambda: time.monotonic() > end)):
                return
            try:
                committed = self.outcome()
                if committed is not None:
                    self.open.record.asked = self.open.record.sent is not None
                    self.open.end(committed)
            except psycopg.Error:
                self.close()

    def outcome(self):
        """Whether it was committed; None: it is still under way. pg_xact_status() cannot say: after a crash another
        transaction may have the same xid."""
        record = self.open.record
        if self.query(f"SELECT 1 FROM pg_prepared_xacts WHERE gid = '{self.prepared}'"):
            self.query(f"{'ROLLBACK' if record.sent is None else 'COMMIT'} PREPARED '{self.prepared}'")
        self.query("SET lock_timeout = '200ms'")
        try:
            (serial,), = self.query(f"SELECT serial FROM history.writers WHERE name = '{self.name}' FOR UPDATE")
        except psycopg.errors.LockNotAvailable:
            return None  # its old backend has not noticed yet, or is being prepared just now
        self.query("SET lock_timeout = 0")
        return serial == record.serial


class WriterThread(Writer):
    """Makes one change after the other, at most `rate` a second, until `stopped`; none while `gate` is closed."""

    def __init__(self, name, postgres, recorder, stopped, gate, seed, own, shared, kinds, rate):
        super().__init__(name, postgres, recorder, stopped)
        self.gate, self.random = gate, random.Random(seed)
        self.own, self.shared = own, shared
        self.names, self.weights = zip(*kinds.items())
        self.pause, self.next = 1 / rate, 0.0
        self.parked = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def pick(self, count, own=False):
        """Products that it alone changes, or also those that all fight for."""
        pool = self.own if own or self.random.random() < 0.6 else self.shared
        return self.random.sample(pool, min(count, len(pool)))

    def begin(self, kind, ids, silent=False):
        return Open(self, kind, ids, silent)

    def some_facets(self):
        return self.random.sample(list(FACETS), self.random.choice((1, 1, 2, 3)))

    def _run(self):
        try:
            while not self.stopped.is_set():
                self._wait_turn()
                kind = self.random.choices(self.names, self.weights)[0]
                self.do(lambda: KINDS[kind](self, kind))
            self.clear_up()
        except Exception as failure:  # of the checker itself: told when all is over
            self.failure = failure
        self.parked.set()

    def _wait_turn(self):
        if not self.gate.is_set():
            self.parked.set()
            while not self.gate.wait(0.1) and not self.stopped.is_set():
                pass
            self.parked.clear()
        now = time.monotonic()
        self.next = max(self.next + self.pause, now)
        self.stopped.wait(self.next - now)
