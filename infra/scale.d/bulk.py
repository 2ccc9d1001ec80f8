"""Bulk: one transaction changes 100,000 products (all, where there are fewer) while readers ask for products whose ids follow a
Zipf law. What the readers got, and how long it took until everything was rendered."""
import itertools
import os
import random
import signal
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from atelier.metrics import Moves
from atelier.process import Process
from atelier.waiting import wait_until
from documents import get_all
from figures import ratio_of
from histogram import Histogram
from reader import CONNECTIONS, clock_us
from settings import HERE

MOST = 100_000
RATE = 1000         # reads a second
TARGETS = 200_000   # drawn in advance
BOUND_US = 250_000
NICE = -10          # what the reader waits for a core is not the server's latency
RENDERED = 300      # seconds: more is a failure
FETCHERS = "fetch"  # their threads' name
SAMPLE = 500


class Read(NamedTuple):
    due: int
    sent: int
    answered: int
    id: int
    status: int
    flags: str
    stamp: int


def read_lines(path):
    for line in path.read_text(encoding="ascii").splitlines():
        due, sent, answered, id, status, flags, stamp = line.split()
        yield Read(int(due), int(sent), int(answered), int(id), int(status), flags, int(stamp))


def zipf_ids(products, chance, count):
    """Drawn by Zipf's law with exponent 1; which product is the n-th most popular is drawn, too."""
    ids = list(range(1, products + 1))
    chance.shuffle(ids)
    return chance.choices(ids, cum_weights=list(itertools.accumulate(1 / rank for rank in range(1, products + 1))), k=count)


def changed_ids(products):
    """Evenly over the range."""
    step = max(1, products // MOST)
    return range(step, min(products, step * MOST) + 1, step)


def threads_cpu_s(pid, name):
    """Seconds that the threads of this name have spent."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def nice():
    return ["nice", "-n", NICE] if os.geteuid() == 0 else []


class Bulk:
    def __init__(self, world):
        self.world, self.replica = world, world.replica
        self.changed = changed_ids(world.products)
        self.targets = world.folder / "zipf"
        self.targets.write_text("".join(f"{id}\n" for id in zipf_ids(world.products, random.Random(world.seed), TARGETS)))
        self.moves = Moves([self.replica])

    def is_rendered(self):
        status = self.replica.operation("/status").json()
        return (status["feed"]["backlog"] == 0 and not status["load"]["running"]
                and self.moves.of("atelier_feed_changes_total") >= len(self.changed)
                and self.moves.of("atelier_refresh_published_total") >= len(self.changed))

    def change(self, stamp):
        """(when it was sent, when it was committed, when all was rendered), and what the fetchers have spent on it."""
        self.moves.again()
        with self.world.connection() as connection:
            spent = threads_cpu_s(self.replica.pid, FETCHERS)
            sent = clock_us()
            connection.execute("UPDATE products SET slogan = %s WHERE id = ANY (%s)", [f"bulk {stamp}", list(self.changed)])
            committed = clock_us()
        wait_until("all changed products are rendered", self.is_rendered, RENDERED, every=0.05)
        return (sent, committed, clock_us()), threads_cpu_s(self.replica.pid, FETCHERS) - spent

    def check(self, stamp):
        some = random.Random(stamp).sample(self.changed, min(SAMPLE, len(self.changed)))
        for target, response in get_all(self.replica.clear, [f"/products/{id}" for id in some]):
            if f'"slogan":"bulk {stamp}"'.encode() not in response.body:
                raise RuntimeError(f"{target} is not as it was changed, though all is said to be rendered")

    def measure(self, round):
        output, log = self.world.folder / f"reads-{round}", self.world.folder / f"reader-{round}.log"
        words = ["/usr/bin/python3", "-B", HERE / "reader.py", self.replica.clear, RATE, self.targets, output]
        reader = Process("reader", [*nice(), *words], log)
        with reader:
            reader.start()
            wait_until("the reader reads", lambda: "reading" in reader.log_text(), 20)
            time.sleep(1)  # its first reads do not count
            begun = clock_us()
            time.sleep(self.world.lengths.quiet_seconds)
            moments, cpu_s = self.change(round)
            code = reader.stop(signal.SIGTERM)
        if code != 0:
            raise RuntimeError(f"the reader ended with {code}: {reader.log_text()[-300:].strip()}")
        self.check(round)
        return {"round": round, **judge(list(read_lines(output)), set(self.changed), round, begun, *moments),
                **rendering(len(self.changed), moments, cpu_s)}


def rendering(products, moments, cpu_s):
    sent, committed, rendered = moments
    seconds = (rendered - committed) / 1e6
    return {"products": products, "transaction_s": (committed - sent) / 1e6, "rendered_s": seconds,
            "products_per_second": products / seconds, "fetchers_cpu_s": cpu_s,
            "products_a_core_second": products / max(cpu_s, 1e-6)}


def figures(reads):
    """In milliseconds, from when each was due; none if there was no read."""
    return Histogram(read.answered - read.due for read in reads).figures() if reads else None


def judge(reads, changed, stamp, begun, sent, committed, rendered):
    """What the readers got: before, while the transaction ran, and from its commit until all was rendered."""
    def between(first, last):
        return [read for read in reads if first <= read.due < last]

    before, during = between(begun, sent), between(committed, rendered)
    late = [read for read in reads if read.sent > committed + BOUND_US and read.id in changed and read.stamp < stamp]
    return {"before": figures(before), "transaction": figures(between(sent, committed)), "during": figures(during),
            "reads": len(during), "marked": sum("m" in read.flags for read in during),
            "unproven": sum("u" in read.flags for read in reads), "failed": sum(read.status != 200 for read in reads),
            "stale": sum(read.flags == "-" and read.status == 200 for read in late)}


def measure(world):
    bulk = Bulk(world)
    rounds = [bulk.measure(number) for number in range(1, world.lengths.bulk_rounds + 1)]
    setup = {"rate": RATE, "connections": CONNECTIONS, "zipf_exponent": 1}
    return {"summary": summarize(rounds), "setup": setup, "rounds": rounds}


def p99_ratio(rounds, when):
    ratios = [one[when]["p99"] / one["before"]["p99"] for one in rounds if one[when] and one["before"]]
    return ratio_of(ratios) if ratios else None


def summarize(rounds):
    """Shares and counts over all rounds, medians of the rest."""
    reads = sum(one["reads"] for one in rounds)
    summary = {name: sum(one[name] for one in rounds) for name in ("stale", "failed", "unproven")}
    summary |= {name: median(one[name] for one in rounds) for name in
                ("products", "transaction_s", "rendered_s", "products_per_second", "fetchers_cpu_s",
                 "products_a_core_second")}
    return summary | {"reads": reads, "marked_share": sum(one["marked"] for one in rounds) / reads if reads else None,
                      "before_p99_ms": median(one["before"]["p99"] for one in rounds),
                      "p99_ratio": p99_ratio(rounds, "during"), "transaction_p99_ratio": p99_ratio(rounds, "transaction")}
