"""One run: start everything, write, read, break things at random from a seed, judge; what it says as a dictionary."""
import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from atelier.waiting import wait_until

from . import kinds
from .exact import seconds_until_exact
from .faults import BOUND_MS, EXACT_LIMIT, FAULTS
from .readers import Reader
from .recorder import Recorder
from .report import line, result
from .rig import Rig
from .transaction import fill
from .writers import Writer, WriterThread

FINAL_READS = 10  # of what is certainly final, by each reader
SHORT, LONG = (0.3, 4), (30, 65)  # seconds of an outage


@dataclass
class Settings:
    seed: int
    seconds: float                # it ends then, or sooner:
    enough_writes: int | None = None  # … when so many were acknowledged and every kind of fault has been
    stop_at: tuple = ()           # … when one of these rules of the judge is broken, or a replica "not exact" in time
    patience: float = 20.0        # seconds that are waited for a replica to be exact
    window: float = 5.0           # seconds that are judged at once
    products: int = 600           # that all write to; as many as half of it more are cold
    hurried: int = 8              # writers
    slow: int = 3
    writes: float = 1600          # products changed a second, aimed at
    reads: float = 330            # requests a second, over all listeners
    rest: tuple = (0.3, 1.5)      # seconds between faults
    before: float = 1.0           # seconds before the first one
    faults: tuple = tuple(FAULTS)
    long_outages: float = 0.0     # of those that last: how many take a minute instead of seconds
    hurried_kinds: dict = field(default_factory=lambda: kinds.HURRIED)
    slow_kinds: dict = field(default_factory=lambda: kinds.SLOW)


INCONSISTENT = "atelier_audit_inconsistent_total"  # what a replica's own audit found
PRODUCTS_A_TRANSACTION = 13  # on average, of the hurried writers


class Run:
    def __init__(self, settings, rig, say=lambda text: None):
        self.settings, self.rig, self.say = settings, rig, say
        self.random = random.Random(settings.seed)
        self.recorder = Recorder(BOUND_MS * 10**6, settings.window)
        self.writing, self.reading = threading.Event(), threading.Event()  # set: end
        self.gate = threading.Event()  # set: writers may begin something
        self.interrupted = threading.Event()
        self.faults = []
        self.inconsistent = None  # products that the replicas' own audit has found
        self.at_the_end = None  # seconds until all was exact, after the last write
        self.ended = None  # why, if not because the time was up
        self.started = time.monotonic()
        self.next_line = self.started + 60

    # ── who takes part ──

    def _writers(self):
        s, count = self.settings, self.settings.hurried + self.settings.slow
        shared = range(1, s.products // 4 + 1)
        own = [range(shared.stop + i, s.products + 1, count) for i in range(count)]
        rate = s.writes / PRODUCTS_A_TRANSACTION / max(s.hurried, 1)
        return [WriterThread(f"w{i + 1}", self.rig.postgres, self.recorder, self.writing, self.gate,
                             f"{s.seed} writer {i}", own[i], shared,
                             s.hurried_kinds if i < s.hurried else s.slow_kinds, rate) for i in range(count)]

    def _readers(self):
        listeners = self.rig.listeners()
        products = range(1, self.settings.products * 3 // 2 + 1)
        return [Reader(name, connect, replica, self.recorder, products, f"{self.settings.seed} reader {name}",
                       self.settings.reads / len(listeners), self.reading)
                for name, (connect, replica) in listeners.items()]

    def fill(self, owner):
        fill(owner, self.settings.products * 3 // 2, self.recorder)

    @contextmanager
    def writers_parked(self):
        self.gate.clear()
        try:
            for writer in self.writers:
                assert writer.parked.wait(30), f"{writer.name} does not come to rest"
            yield
        finally:
            self.gate.set()

    def write_cold(self, count):
        """Changes of products that nobody has changed for long, each in a transaction of its own."""
        for _ in range(count):
            self.cold_writer.do(lambda: kinds.cold(self.cold_writer, next(self.cold)))

    # ── the course of it ──

    def run(self):
        s = self.settings
        self.cold = itertools.cycle(range(s.products + 1, s.products * 3 // 2 + 1))
        self.cold_writer = Writer("cold", self.rig.postgres, self.recorder, threading.Event())
        with self.recorder:
            self.writers, self.readers = self._writers(), self._readers()
            self.gate.set()
            for one in (*self.writers, *self.readers):
                one.thread.start()
            self.end = time.monotonic() + s.seconds
            try:
                self.pause(s.before)
                self._break_things()
            finally:
                self._wind_up()
        return result(self)

    def _break_things(self):
        order = []
        while not self._over():
            if not self.settings.faults:
                self.pause(1)
                continue
            if not order:
                order = list(self.settings.faults)
                self.random.shuffle(order)
            self._fault(order.pop())
            self.pause(self.random.uniform(*self.settings.rest))

    def _over(self):
        s, done = self.settings, {fault["kind"] for fault in self.faults}
        if time.monotonic() > self.next_line:
            self.next_line += 60
            self.say(line(self))
        for one in (*self.writers, *self.readers):
            if one.failure:
                raise one.failure
        if self.recorder.failure:
            raise self.recorder.failure
        broken = set(self.recorder.judge.counts)
        if not all(fault["good"] for fault in self.faults):
            broken.add("not exact")
        if broken & set(s.stop_at):
            self.ended = ", ".join(broken & set(s.stop_at))
        elif s.enough_writes and self.recorder.counts["writes"] >= s.enough_writes and done >= set(s.faults):
            self.ended = "enough"
        elif self.interrupted.is_set():
            self.ended = "interrupted"
        return self.ended or time.monotonic() >= self.end

    def pause(self, seconds):
        self.interrupted.wait(max(0, min(seconds, self.end - time.monotonic())))

    def outage(self):
        """As long as something is away."""
        long = self.random.random() < self.settings.long_outages
        self.pause(self.random.uniform(*(LONG if long else SHORT)))

    def _fault(self, kind):
        begun = time.monotonic_ns()
        seconds = said = None
        try:
            back = FAULTS[kind](self)
            if back is not None:
                seconds = seconds_until_exact(self.rig.replicas, self.recorder, back, self.settings.patience)
        except AssertionError as late:  # a wait has come to its limit
            back, said = begun, str(late)
        good = back is None or (seconds is not None and seconds <= EXACT_LIMIT)
        self.faults.append({"kind": kind, "at_s": round(begun / 1e9 - self.started, 3), "skipped": back is None,
                            "said": said, "exact_s": seconds and round(seconds, 3), "good": good})

    def _read_what_is_final(self):
        """On every listener."""
        before = Counter(self.recorder.listeners)
        wait_until("every listener is read again", lambda: all(
            self.recorder.listeners[name] >= before[name] + FINAL_READS for name in self.rig.listeners()), 30)

    def _wind_up(self):
        """Writers first; then everything that was committed must be shown, by all; then the readers."""
        self.writing.set()
        self.gate.set()
        for writer in self.writers:
            writer.thread.join(90)
        if self.ended in (None, "enough"):
            since = time.monotonic_ns()
            self.at_the_end = seconds_until_exact(self.rig.replicas, self.recorder, since, self.settings.patience)
            self._read_what_is_final()
        self.inconsistent = sum(number for replica in self.rig.replicas if replica.running
                                for name, _, number in replica.metrics().rows if name == INCONSISTENT)
        self.reading.set()
        for reader in self.readers:
            reader.thread.join(30)
        for writer in (*self.writers, self.cold_writer):
            writer.close()


def run(settings, template=None, say=lambda text: None, interrupted=None):
    """Everything of its own in a temporary folder, which goes again. `interrupted`: an Event that ends it early."""
    with tempfile.TemporaryDirectory(prefix="atelier-history-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Rig(folder, template) as rig:
            run = Run(settings, rig, say)
            run.interrupted = interrupted or run.interrupted
            rig.start(run.fill)
            return run.run()
