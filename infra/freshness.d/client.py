"""The two C programs: built, run, and what they print understood."""
import contextlib
import os
import subprocess
from dataclasses import dataclass, field
from typing import NamedTuple

from atelier.process import Process, run, run_checked
from atelier.waiting import wait_until
from settings import HERE

WATCHED_ID = 1  # of client.c: the one product that a subscriber can watch
NICE = -10
GRACE = 60  # seconds beyond what was planned


class Write(NamedTuple):
    id: int
    late_us: int    # from when it was due to when it was sent
    commit_us: int  # from sent to acknowledged
    acked_us: int


class Sample(NamedTuple):
    stamp: int
    replica: int
    latency_us: int | None  # None: never seen
    gap_us: int
    polls: int


@dataclass
class Outcome:
    writes: dict = field(default_factory=dict)  # {stamp: Write}
    samples: list = field(default_factory=list)
    violations: list = field(default_factory=list)  # (stamp, replica, age in µs) of the first hundred
    counts: dict = field(default_factory=dict)
    reads: dict = field(default_factory=dict)  # {replica: answered}


def read_outcome(text):
    outcome = Outcome()
    for line in text.splitlines():
        name, first, *rest = line.split()
        if name == "count":
            outcome.counts[first] = int(rest[0])
        elif name == "reads":
            outcome.reads[int(first)] = int(rest[0])
        elif name == "write":
            outcome.writes[int(first)] = Write(*map(int, rest))
        elif name == "sample":
            replica, latency, gap, polls = map(int, rest)
            outcome.samples.append(Sample(int(first), replica, None if latency < 0 else latency, gap, polls))
        elif name == "violation":
            outcome.violations.append((int(first), *map(int, rest)))
        else:
            raise RuntimeError(f"the client printed something unexpected: {line[:100]}")
    return outcome


class Programs:
    """Built in a few seconds, anew for each run; nothing of it stays."""

    def __init__(self, folder):
        self.folder = folder
        build = folder / "build"
        run_checked(["cmake", "-G", "Ninja", "-S", HERE, "-B", build], limit=120)
        run_checked(["cmake", "--build", build], limit=120)
        self.client, self.baseline = build / "client", build / "baseline"

    def drive(self, stack, seconds, **options):
        """One run of the client; its options by name."""
        words = [self.client, "--postgres", stack.postgres.conninfo("atelier_owner"), "--seconds", seconds,
                 "--replicas", ",".join(str(replica.clear) for replica in stack.replicas)]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value]
        done = run(prefer() + words, limit=seconds + GRACE)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or f"the client ended with {done.returncode}")
        return read_outcome(done.stdout)

    @contextlib.contextmanager
    def subscriber(self, stack):
        """A naive subscriber, listening; yields a list that is filled with (stamp, moment in µs) when it has ended."""
        seen = []
        process = Process("baseline", [self.baseline, stack.postgres.conninfo("atelier_reader"), WATCHED_ID],
                          self.folder / "baseline.log")
        before = process.log_size()
        with process:
            process.start()
            wait_until("the baseline listens", lambda: "listening" in process.log_text(before), 10)
            yield seen
            code = process.stop()
        if code != 0:
            raise RuntimeError(f"the baseline ended with {code}: {process.log_text(before)[-200:]}")
        seen += [tuple(map(int, line.split()[1:])) for line in process.log_text(before).splitlines()
                 if line.startswith("seen ")]


def may_prefer():
    """Whether the client can get cores before others: what it waits for one is not the server's latency."""
    return os.geteuid() == 0 and subprocess.run(["nice", "-n", str(NICE), "true"], check=False,
                                                capture_output=True).returncode == 0


def prefer():
    return ["nice", "-n", NICE] if may_prefer() else []


def subscriber_latencies(writes, seen):
    """µs from each write's acknowledgement until the subscriber saw it or a later one; 0 if that was before. Both may only
    hold writes of the one product, whose stamps grow."""
    latencies, at = [], 0
    seen = sorted(seen)
    for stamp in sorted(writes):
        while at < len(seen) and seen[at][0] < stamp:
            at += 1
        if at == len(seen):
            raise RuntimeError(f"the baseline never saw stamp {stamp}")
        latencies.append(max(0, seen[at][1] - writes[stamp].acked_us))
    return latencies
