"""A bounded load: a few threads that ask again and again, and count what went wrong."""
import itertools
import threading
import time

from .http1 import ConnectionLost
from .http2 import StreamReset
from .sessions import Threads

LOST = (OSError, ConnectionLost, StreamReset)


class Load(Threads):
    """With `with`: `threads` clients made by `connect()` ask for `expected`, {target: body}, over and over.

    A client whose connection breaks makes a new one, and counts the request as lost. An answer that is not a 200
    with the expected body is wrong. stop() ends it; it also ends by itself after `limit` seconds.
    """

    def __init__(self, connect, expected, threads=4, limit=30):
        self.connect = connect
        self.expected = list(expected.items())
        self.answered = 0
        self.lost = []
        self.wrong = []
        self.waits = [0.0]  # seconds from a lost request to the next good answer of the same client
        self.lock = threading.Lock()
        self.end = time.monotonic() + limit
        super().__init__([lambda number=number: self._run(number) for number in range(threads)])

    def _run(self, number):
        client, broken_at = None, None
        for target, body in itertools.islice(itertools.cycle(self.expected), number * 7, None):
            if not self.running or time.monotonic() > self.end:
                break
            try:
                client = client or self.connect()
                response = client.get(target)
            except LOST as problem:
                client = self._close(client)
                broken_at = broken_at or time.monotonic()
                self._count(lost=f"{target}: {problem!r}")
                continue
            wrong = (response.status, response.body) != (200, body)
            self._count(wrong=f"{target}: {response.status} {response.body[:200]}" if wrong else None,
                        wait=time.monotonic() - broken_at if broken_at else 0)
            broken_at = None
        self._close(client)

    def _close(self, client):
        if client:
            client.close()

    def _count(self, lost=None, wrong=None, wait=0.0):
        with self.lock:
            self.answered += not (lost or wrong)
            self.lost += [lost] if lost else []
            self.wrong += [wrong] if wrong else []
            self.waits += [wait] if wait else []
