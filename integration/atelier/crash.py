"""Crashes of Postgres that forget transactions: afterwards the same xids are handed out again."""
import os
import signal

import psycopg

from .waiting import wait_until

# Who writes WAL to the disk on its own account. They are stopped first, and never run again.
WRITERS = "backend_type IN ('walwriter', 'background writer', 'checkpointer')"


class ForgetfulCrash:
    """Made: from now on only a synchronous commit reaches the disk. crash() or crash_backends(): all else is lost."""

    def __init__(self, postgres):
        self.postgres = postgres
        self.writers = postgres.backends(WRITERS)
        for pid in self.writers:
            os.kill(pid, signal.SIGSTOP)

    def burn(self, count):
        """Transactions that take an xid and write nothing. The next xid, as a snapshot now says."""
        with self.postgres.connect("postgres") as connection:
            for _ in range(count):
                connection.execute("SELECT pg_current_xact_id()")
            return int(connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()[0])

    def crash(self):
        """The whole of Postgres ends at once, and is started again."""
        self.postgres.send(signal.SIGQUIT)
        self._end_writers()
        self.postgres.wait(15)
        self.postgres.start()
        self.postgres.wait_up()

    def crash_backends(self):
        """One process dies: Postgres ends all others and recovers, but its own start time stays as it was."""
        self._end_writers()
        wait_until("Postgres has noticed and recovered", self._has_new_writers, 20,
                   ignoring=(psycopg.OperationalError,))

    def _end_writers(self):
        for pid in self.writers:
            os.kill(pid, signal.SIGKILL)

    def _has_new_writers(self):
        return not set(self.writers) & set(self.postgres.backends(WRITERS))
