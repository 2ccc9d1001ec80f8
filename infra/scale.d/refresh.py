"""Refresh: how long after its commit was acknowledged a single change is shown, at this size, with nothing else going on."""
import random
import time

from atelier.http1 import Http1
from histogram import Histogram

SHOWN = 5      # seconds: more is a failure
PAUSE_MS = 20  # at the most, between two changes: at random, or they would keep step with the polling


def change(connection, id, stamp):
    """When its commit was acknowledged."""
    connection.execute("UPDATE products SET slogan = %s WHERE id = %s", [stamp, id])
    return time.monotonic()


def seconds_until_shown(client, id, stamp, acknowledged):
    wanted = f'"slogan":"{stamp}"'.encode()
    while True:
        response = client.get(f"/products/{id}")
        seconds = time.monotonic() - acknowledged
        if wanted in response.body:
            return seconds
        if seconds > SHOWN:
            raise RuntimeError(f"a change of product {id} is not shown {SHOWN} s after its commit: {response}")


def measure(world):
    chance, us = random.Random(world.seed), []
    with world.connection() as connection, Http1(world.replica.clear) as client:
        for number in range(world.lengths.updates):
            id, stamp = chance.randint(1, world.products), f"refresh {number}"
            us.append(int(seconds_until_shown(client, id, stamp, change(connection, id, stamp)) * 1e6))
            time.sleep(chance.uniform(0, PAUSE_MS) / 1000)
    histogram = Histogram(us)
    figures = histogram.figures()
    return {"summary": {f"{name}_ms": figures[name] for name in ("p50", "p99", "max")}, "histogram": histogram.to_json()}
