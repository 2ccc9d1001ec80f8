"""Stamped writes and the reads that judge them: every product's slogan is a number that only rises.

An answer that does not say otherwise shows what was committed FRESH seconds before it was asked for. That is a promise,
not a speed: it holds on a busy machine as well, because the server measures the age of its own proof.
"""
import itertools
import random
import time

import psycopg

from . import catalogue
from .http1 import ConnectionLost, Http1
from .sessions import Threads
from .waiting import wait_until

IDS = range(101, 161)  # products of the small catalogue that nothing else is said about
FRESH = 0.25 + 0.05  # --unproven-after-ms, and what the clocks' grain and the look itself may add
LIST = f"/products?after={IDS[0] - 1}&count={len(IDS)}"


def fill(connection):
    """The small catalogue, and for each of these products a feature that gets the number as well."""
    catalogue.fill(connection)
    catalogue.insert(connection, "features", [(id, id, "Number", "0") for id in IDS])


class Writers(Threads):
    """Each has its own share of the products, so that what is committed last has the highest number."""

    def __init__(self, postgres, count=2, pause=0.005):
        """`pause`: seconds between two transactions of one writer."""
        super().__init__([lambda number=number: self._run(number) for number in range(count)])
        self.postgres, self.count, self.pause = postgres, count, pause
        self.numbers = itertools.count(1)
        self.written = {id: [(0.0, 0)] for id in IDS}  # (when it was known to be committed, number), oldest first

    def total(self):
        return sum(map(len, self.written.values())) - len(IDS)

    def committed(self, id, moment=None):
        """The last number that was known to be committed then (now)."""
        return next(number for at, number in reversed(self.written[id]) if moment is None or at <= moment)

    def _run(self, number):
        ids = itertools.cycle(list(IDS)[number::self.count])
        while self.running:
            try:
                with self.postgres.connect("atelier_owner") as connection:
                    while self.running:
                        self._write(connection, next(ids))
                        time.sleep(self.pause)
            except psycopg.OperationalError:
                time.sleep(0.02)  # Postgres is away; what was not acknowledged may be committed or not

    def _write(self, connection, id):
        number = next(self.numbers)
        with connection.transaction():
            connection.execute("UPDATE products SET slogan = %s WHERE id = %s", [f"{number}", id])
            connection.execute("UPDATE features SET value = %s WHERE product_id = %s", [f"{number}", id])
        self.written[id].append((time.monotonic(), number))


class Readers(Threads):
    """One for each replica, which reads single products and lists over a kept connection and judges every answer."""

    def __init__(self, replicas, writers):
        super().__init__([lambda replica=replica: self._run(replica) for replica in replicas])
        self.writers = writers
        self.answered = {replica.name: 0 for replica in replicas}
        self.unproven = {replica.name: 0 for replica in replicas}
        self.stale = []  # (replica, id, number shown, number that was committed), and the answer did not say so
        self.refused = []  # (replica, what came instead of a 200)

    def _run(self, replica):
        seed = random.Random(replica.name)
        while self.running:
            try:
                with Http1(replica.clear, limit=100) as client:
                    while self.running:
                        self._ask(replica.name, client, LIST if seed.random() < 0.1 else f"/products/{seed.choice(IDS)}")
                        time.sleep(0.002)
            except (OSError, ConnectionLost) as problem:
                if replica.running:
                    self.refused.append((replica.name, repr(problem)))
                time.sleep(0.02)

    def _ask(self, name, client, target):
        asked = time.monotonic()
        response = client.get(target)
        self.answered[name] += 1
        if response.status != 200:
            self.refused.append((name, response))
        elif "cache-status" in response:
            self.unproven[name] += 1
        else:
            cards = response.json()
            for card in cards if isinstance(cards, list) else [cards]:
                wanted = self.writers.committed(card["id"], asked - FRESH)
                if _number(card) < wanted:
                    self.stale.append((name, card["id"], _number(card), wanted))


def _number(card):
    return int(card["slogan"]) if card["slogan"].isdigit() else 0


def seconds_until_exact(replicas, writers, since, limit=10):
    """{replica: seconds since then} until each shows at least what is committed now, and says nothing out of the
    ordinary. The writers may go on."""
    wanted = {id: writers.committed(id) for id in IDS}
    clients = {replica.name: Http1(replica.clear, limit=100) for replica in replicas}
    seconds = {}

    def is_exact(client):
        response = client.get(LIST)
        return (response.status == 200 and "cache-status" not in response
                and all(_number(card) >= wanted[card["id"]] for card in response.json()))

    def all_are():
        for name, client in clients.items():
            if name not in seconds and is_exact(client):
                seconds[name] = time.monotonic() - since
        return len(seconds) == len(clients)

    wait_until("every replica is exact again", all_are, limit, every=0.002)
    for client in clients.values():
        client.close()
    return seconds
