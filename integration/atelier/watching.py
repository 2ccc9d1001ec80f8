"""Watching replicas for a change: how long after the commit did each of them show it?"""
import time

from . import catalogue
from .http1 import Http1
from .waiting import wait_until

BOUND = 0.25  # seconds in which a change is shown whatever happens to notifications


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

    def seconds_until_shown(self, expected, limit, since=None):
        """{replica: seconds} until each shows all of `expected`, {target: body, or None for 404}.

        `since` is the time.monotonic() to count from: now, unless given. Each target must come from the same
        replica within one round of questions. AssertionError past the limit.
        """
        since = since or time.monotonic()
        seconds = {}

        def shown():
            for name, client in self.clients.items():
                if name not in seconds and all(_shows(client, *item) for item in expected.items()):
                    seconds[name] = time.monotonic() - since
            return len(seconds) == len(self.clients)

        wait_until(f"all replicas show {', '.join(expected)}", shown, limit + since - time.monotonic(), every=0.001)
        return seconds


def _shows(client, target, body):
    response = client.get(target)
    return response.status == 404 if body is None else response.body == body


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
