"""From rounds to figures: quantiles over all rounds, and ratios taken within each round.

What stood next to each other in time met the same machine; so ratios are of one round, and their median is shown.
"""
from collections import defaultdict
from statistics import median

from figures import ratio_of
from names import ALL, BESIDE, DUTY, DUTY_TO_LOG, LOG, OURS, REPLICAS, SUBSCRIBERS, VARIANTS, WITHOUT

RATIOS = ("p50", "p99")
WRITERS_RATIOS = [(variant, variant, WITHOUT) for variant in VARIANTS if variant != WITHOUT] + [(DUTY_TO_LOG, DUTY, LOG)]
LEAST_MS = 0.001  # the clock's own grain: nothing is divided by less


def bound_summary(rounds, histograms):
    """{series: its quantiles in ms over all rounds, and for ours "ratios": {subscriber: {"p50", "p99": …}}}"""
    summary = {name: histogram.figures() for name, histogram in histograms.items()}
    for name in (*REPLICAS, ALL):
        if name in summary:
            summary[name]["ratios"] = {subscriber: _ratios(rounds, name, kind, subscriber)
                                       for kind, subscriber in SUBSCRIBERS.items()}
    return summary


def _ratios(rounds, name, kind, subscriber):
    theirs = {one["round"]: one["series"][subscriber] for one in rounds if one["kind"] == kind}
    ours = {one["round"]: one["series"][name] for one in rounds if one["kind"] == OURS}
    return {quantile: ratio_of(ours[number][quantile] / max(theirs[number][quantile], LEAST_MS) for number in sorted(ours))
            for quantile in RATIOS}


def counted(rounds):
    """Over all runs with replicas: what must be nought, and what it is to be compared with."""
    loads = [one["load"] for one in rounds if one["kind"] in (OURS, BESIDE)]
    names = ("writes", "violations", "never_seen", "skipped", "refused", "admitted", "reconnects")
    return {name: sum(load[name] for load in loads) for name in names}


def slowest_rate(rounds):
    """Of all runs: the fewest writes a second."""
    return min(one["load"]["writes_per_second"] for one in rounds)


def most_stolen(rounds):
    return max(one["stolen"] for one in rounds)


def writers_summary(runs):
    """[{"rows", "writers", "without" (transactions a second), "ratios": {variant: …}}]"""
    by = defaultdict(dict)
    for one in runs:
        by[one["rows"], one["writers"]][one["with_duty"], one["round"], one["variant"]] = one["per_second"]
    return [{"rows": rows, "writers": writers,
             "without": round(median(rate for key, rate in rates.items() if key[2] == WITHOUT), 1),
             "ratios": {name: ratio_of(ratios) for name, above, below in WRITERS_RATIOS
                        if (ratios := _ratios_of(rates, above, below))}}
            for (rows, writers), rates in by.items()]


def _ratios_of(rates, above, below):
    """One a round, where both ran with the same replicas."""
    return [rate / rates[group, number, below] for (group, number, variant), rate in sorted(rates.items())
            if variant == above and (group, number, below) in rates]
