"""Watching replicas for a change: how long after the commit did each of them show it?"""
import math
import time

from . import catalogue
from .http1 import Http1
from .waiting import wait_until

BOUND = 0.25  # seconds after which an answer that does not show a commit must say that it may be old
PATIENCE = 5  # … after which it must show it nevertheless, on a machine that has other work, too


class Watch:
    """Kept connections to some replicas' clear ports."""

    def __init__(self, replicas):
        self.replicas = replicas
        self.clients = {replica.name: Http1(replica.clear) for replica in replicas}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients.values():
            client.close()

    def seconds_until_shown(self, expected, limit=None, since=None):
        """{replica: seconds} until each shows all of `expected`, {target: body, or None for 404}.

        `since` is the time.monotonic() to count from: now, unless given. Each target must come from the same
        replica within one round of questions. AssertionError past the limit; without one, as the service promises it:
        no answer to a question asked more than BOUND after `since` is older and does not say so.
        """
        since = since or time.monotonic()
        honest_from = since + BOUND if limit is None else math.inf
        seconds = {}

        def shown():
            for name, client in self.clients.items():
                if name not in seconds and all(_shows(client, *item, honest_from) for item in expected.items()):
                    seconds[name] = time.monotonic() - since
            return len(seconds) == len(self.clients)

        limit = PATIENCE if limit is None else limit
        wait_until(f"all replicas show {', '.join(expected)}", shown, limit + since - time.monotonic(), every=0.001)
        return seconds


def _shows(client, target, body, honest_from):
    asked = time.monotonic()
    response = client.get(target)
    shows = response.status == 404 if body is None else response.body == body
    assert shows or asked < honest_from or response.status == 503 or "cache-status" in response, \
        f"{target} is older than {BOUND} s and does not say so: {response}"
    return shows


def expected_of(connection, *ids):
    """What the documents of these products must be now, by the rows; None for a product that is not there."""
    expected = {}
    for id in ids:
        there = connection.execute("SELECT 1 FROM products WHERE id = %s", [id]).fetchone()
        expected |= catalogue.documents(connection, id) if there else dict.fromkeys(
            (target.format(id) for target in catalogue.DOCUMENTS))
    return expected


def milliseconds(seconds):
    return ", ".join(f"{name} {value * 1000:.1f} ms" for name, value in seconds.items())


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

    def probe(self, times=1, limit=None):
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
