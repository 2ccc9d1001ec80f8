"""The bound: how long after its commit was acknowledged a change is shown, by each replica and by a naive subscriber.

A round is three runs of the same load, one after the other:
    ours     the client and three replicas
    beside   the same, and the subscriber: it has the same load, and hears what the replicas hear
    alone    no replica, no reader: nothing but the writers, each of whose commits notifies, and the subscriber
"""
from client import WATCHED_ID, subscriber_latencies
from histogram import Histogram
from names import ALL, ALONE, KINDS, OURS, REPLICAS, SUBSCRIBERS

WARM_UP = 3  # seconds, which do not count


class Bound:
    def __init__(self, stack, programs, settings):
        self.stack, self.programs, self.settings = stack, programs, settings
        self.histograms = {}  # {series: Histogram}, all rounds
        self.rounds = []
        self.stamps = 1
        self.first_violations = []

    def warm_up(self):
        self.stack.replicas_up()
        self._drive(WARM_UP, 0)

    def measure(self, round):
        for kind in KINDS:
            if kind == ALONE:
                self.stack.replicas_down()
            else:
                self.stack.replicas_up()
                self.stack.wait_caught_up()
            self._one(round, kind)

    def _drive(self, seconds, round):
        settings = self.settings
        outcome = self.programs.drive(self.stack, seconds, rate=settings.rate, reads=settings.reads,
                                      products=settings.products, first_stamp=self.stamps, seed=settings.seed + round)
        self.stamps += settings.rate * seconds
        return outcome

    def _one(self, round, kind):
        with Steal() as steal:
            if kind == OURS:
                outcome = self._drive(self.settings.seconds, round)
                series = replica_latencies(outcome)
            else:
                with self.programs.subscriber(self.stack) as seen:
                    outcome = self._drive(self.settings.seconds, round)
                watched = {stamp: write for stamp, write in outcome.writes.items() if write.id == WATCHED_ID}
                series = {SUBSCRIBERS[kind]: subscriber_latencies(watched, seen)}
        self.first_violations += outcome.violations
        made = {name: Histogram(latencies) for name, latencies in series.items()}
        for name, histogram in made.items():
            self.histograms.setdefault(name, Histogram()).add(histogram)
        self.rounds.append({"round": round, "kind": kind,
                            "series": {name: histogram.figures() for name, histogram in made.items()},
                            "load": load_figures(outcome), "stolen": steal.share})


def replica_latencies(outcome):
    """{replica: µs}; and all of them together. A write that was never seen is counted by load_figures."""
    series = {name: [sample.latency_us for sample in outcome.samples
                     if sample.replica == number and sample.latency_us is not None]
              for number, name in enumerate(REPLICAS)}
    return series | {ALL: [us for latencies in series.values() for us in latencies]}


def load_figures(outcome):
    """What the run was like: whether the rates were held, how closely was looked, what was out of the ordinary."""
    counts, writes = outcome.counts, outcome.writes.values()
    seconds = (max(write.acked_us for write in writes) - counts["began_us"]) / 1e6
    late, commit = Histogram(write.late_us for write in writes), Histogram(write.commit_us for write in writes)
    figures = {"writes": len(writes), "writes_per_second": round(len(writes) / seconds, 1),
               "late_ms": late.figures(), "commit_ms": commit.figures(),
               "reads_per_second": {REPLICAS[number]: round(count / seconds, 1)
                                    for number, count in outcome.reads.items() if number < len(REPLICAS)},
               "never_seen": sum(sample.latency_us is None for sample in outcome.samples)}
    if outcome.samples:
        figures["gap_ms"] = Histogram(sample.gap_us for sample in outcome.samples).figures()
        figures["polls"] = sum(sample.polls for sample in outcome.samples)
    return figures | {name: counts[name] for name in ("violations", "refused", "admitted", "reconnects", "skipped",
                                                      "loop_max_us")}


class Steal:
    """With `with`: the share of the machine's time that its hypervisor gave to others meanwhile."""

    def __enter__(self):
        self.before = self._read()
        return self

    def __exit__(self, *_):
        moved = [after - before for after, before in zip(self._read(), self.before)]
        self.share = round(moved[7] / max(sum(moved), 1), 4)

    @staticmethod
    def _read():
        with open("/proc/stat", encoding="ascii") as stat:
            return [int(word) for word in stat.readline().split()[1:9]]
