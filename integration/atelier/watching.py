"""Watching replicas for a change: how long after the commit did each of them show it?"""
import time

from . import catalogue
from .http1 import Http1
from .waiting import wait_until


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
