"""Readers: HTTP clients on every listener, a thread each, that ask for everything and write down what they see."""
import json
import random
import threading
import time

import h2.exceptions

from atelier.http1 import ConnectionLost
from atelier.http2 import StreamReset
from atelier.promises import VERSION

from . import sights
from .events import Read

LOST = (OSError, ConnectionLost, StreamReset, h2.exceptions.ProtocolError)
LIST = 12  # products in a list
AT_LEAST = 0.15  # of the reads ask for a change that they know of, or for a version that they have seen
GZIP = 0.2
DOCUMENTS = {"": sights.product, "/styles": sights.styles}


def version_of(response):
    text = response.get("catalogue-version")
    return tuple(map(int, VERSION.match(text).groups())) if text else None


class Reader:
    """`replica`: the name of the one that `connect` leads to; None if any may answer."""

    def __init__(self, listener, connect, replica, recorder, products, seed, rate, stopped):
        self.listener, self.connect, self.replica = listener, connect, replica
        self.recorder, self.products, self.stopped = recorder, products, stopped
        self.random = random.Random(seed)
        self.pause = 1 / rate
        self.client = None
        self.last_version = None
        self.failure = None
        self.thread = threading.Thread(target=self._run, name=f"reader {listener}", daemon=True)

    def _run(self):
        try:
            next = time.monotonic()
            while not self.stopped.is_set():
                self._read()
                next = max(next + self.random.uniform(0, 2 * self.pause), time.monotonic())
                self.stopped.wait(next - time.monotonic())
        except Exception as failure:  # an answer that cannot be understood
            self.failure = failure
        self._close()

    def _close(self):
        if self.client:
            self.client.close()
        self.client = None

    def _read(self):
        id, at_least, headers = self._wish()
        ask = self.random.choices((self._document, self._ids, self._page), (6, 2, 2))[0]
        try:
            self.client = self.client or self.connect()
            ask(id, at_least, headers)
        except LOST:
            self._close()
            self.recorder.record_lost()
            self.stopped.wait(0.05)

    def _wish(self):
        """(product, what Read.at_least says, headers)"""
        headers = {"Accept-Encoding": "gzip"} if self.random.random() < GZIP else {}
        if self.random.random() >= AT_LEAST:
            return self.random.choice(self.products), None, headers
        if self.last_version and self.random.random() < 0.3:
            headers["Catalogue-At-Least"] = "version={}.{}".format(*self.last_version)
            return self.random.choice(self.products), (self.last_version,), headers
        if not self.recorder.recent:
            return self.random.choice(self.products), None, headers
        known = self.recorder.recent[-1 - min(int(self.random.expovariate(0.2)), len(self.recorder.recent) - 1)]
        change = self.random.choice(known.changes)
        headers["Catalogue-At-Least"] = f"xid={known.xid}"
        return change.product, (known.xid, change.product, change.position), headers

    # ── the questions ──

    def _document(self, id, at_least, headers):
        path, seen_in = self.random.choice(list(DOCUMENTS.items()))
        self._ask(f"/products/{id}{path}", at_least, headers, True, lambda document: {id: seen_in(document)}, {id: ()})

    def _ids(self, id, at_least, headers):
        ids = list(dict.fromkeys([id, *self.random.sample(self.products, LIST - 1)]))
        target = "/products?ids=" + ",".join(map(str, ids))
        self._ask(target, at_least, headers, False, lambda cards: sights.cards(cards, ids))

    def _page(self, id, at_least, headers):
        def seen(cards):
            end = cards[-1]["id"] if len(cards) == LIST else self.products[-1]
            return sights.cards(cards, range(id, end + 1))
        self._ask(f"/products?after={id - 1}&count={LIST}", at_least, headers, False, seen)

    def _ask(self, target, at_least, headers, exact, seen_in, if_unknown=None):
        sent = time.monotonic_ns()
        response = self.client.get(target, headers)
        received = time.monotonic_ns()
        seen = {}
        version = version_of(response)
        if response.status == 200:
            seen = seen_in(json.loads(response.identity()))
        elif response.status == 404 and version:
            seen = if_unknown or {}
        said = response.get("cache-status")
        self.recorder.record_read(Read(self.listener, self.replica, sent, received, target, response.status, version,
                                       not (said and "detail=" in said), said, exact, at_least, seen))
        self.last_version = version or self.last_version
