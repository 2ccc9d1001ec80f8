"""Helpers for tests that play several database sessions against each other."""
import threading

from .waiting import wait_until


class Threads:
    """With `with`: threads that run until the end, or until stop()."""

    def __init__(self, mains):
        self.running = True
        self.threads = [threading.Thread(target=main, daemon=True) for main in mains]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, limit=20):
        self.running = False
        for thread in self.threads:
            thread.join(limit)
            assert not thread.is_alive(), "a client hangs"


class Background:
    """A statement that runs in a thread of its own, because it is expected to wait for a lock."""

    def __init__(self, connection, statement):
        self.connection = connection
        self.problem = None
        self.thread = threading.Thread(target=self._run, args=(statement,), daemon=True)
        self.thread.start()

    def _run(self, statement):
        try:
            self.connection.execute(statement)
        except Exception as problem:  # kept for finish(), which raises it in the test
            self.problem = problem

    def wait_blocked(self, observer, limit=5):
        """Returns once the statement waits for a lock, as `observer`, an administrator's connection, sees it."""
        wait_until("the statement waits for a lock", lambda: observer.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
            [self.connection.info.backend_pid]).fetchone(), limit)
        return self

    def finish(self, limit=5):
        self.thread.join(limit)
        assert not self.thread.is_alive(), "the statement still waits"
        if self.problem:
            raise self.problem


class Ear:
    """Listens on a channel, and can tell for certain that nothing more is coming."""

    MARKER = "integration_marker"

    def __init__(self, connection, channel):
        self.connection = connection
        self.channel = channel
        self.got = []
        connection.add_notify_handler(self.got.append)
        connection.execute(f"LISTEN {channel}; LISTEN {self.MARKER}")

    def heard(self, other, limit=5):
        """The payloads that committed transactions have sent since the last call.

        Notifications arrive in the order of commits: so once a marker sent after them has come, all have.
        """
        other.execute(f"NOTIFY {self.MARKER}")
        wait_until("the marker is heard", self._marker_came, limit)
        payloads = [notification.payload for notification in self.got if notification.channel == self.channel]
        self.got.clear()
        return payloads

    def _marker_came(self):
        self.connection.execute("SELECT 1")  # psycopg hands notifications over while it talks to the server
        return any(notification.channel == self.MARKER for notification in self.got)
