"""From the raw runs to figures: medians over rounds, and ratios taken within each round.

Ratios of one round compare runs that stood next to each other in time, so what the machine did besides falls out;
absolute figures of a shared machine say little.
"""
from collections import defaultdict
from statistics import median

import settings  # first: it says where the modules of infra/lib are
from figures import ratio_of
from generators import round_to
from servers import BARE, OURS

NGINX, BEFORE = "NGINX", "atelierd before"
RATIOS = {  # name: (numerator, denominator, of which figure)
    "cpu_to_bare": (OURS, BARE, "cpu_us"),
    "cpu_to_before": (OURS, BEFORE, "cpu_us"),
    "nginx_cpu_to_atelierd": (NGINX, OURS, "cpu_us"),
    "rate_to_nginx": (OURS, NGINX, "requests_per_second"),
}
FIGURES = ("cpu_us", "requests_per_second", "bytes_per_response", "busy")


def summarize(runs):
    """{protocol: {"servers": {server: medians}, "ratios": {name: {"median", "rounds"}}}}"""
    by = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        by[run["protocol"]][run["server"]][run["round"]] = run
    return {protocol: {"servers": {server: _medians(rounds) for server, rounds in servers.items()},
                       "ratios": {name: _ratio(servers, *row) for name, row in RATIOS.items()
                                  if row[0] in servers and row[1] in servers}}
            for protocol, servers in by.items()}


def _medians(rounds):
    return {figure: round_to(median(run[figure] for run in rounds.values()), 3) for figure in FIGURES}


def _ratio(servers, above, below, figure):
    return ratio_of(servers[above][round][figure] / servers[below][round][figure] for round in sorted(servers[above]))
