"""From the raw runs to figures: medians over rounds, and ratios taken within each round.

Ratios of one round compare runs that stood next to each other in time, so what the machine did besides falls out;
absolute figures of a shared machine say little.
"""
from collections import defaultdict
from statistics import median

OURS, BARE, NGINX, BEFORE = "atelierd", "bare libh2o", "NGINX", "atelierd before"
RATIOS = {  # name: (numerator, denominator, of which figure)
    "cpu_to_bare": (OURS, BARE, "cpu_us"),
    "cpu_to_before": (OURS, BEFORE, "cpu_us"),
    "nginx_cpu_to_atelierd": (NGINX, OURS, "cpu_us"),
    "rate_to_nginx": (OURS, NGINX, "requests_per_second"),
}
FIGURES = ("cpu_us", "requests_per_second", "bytes_per_response", "busy")


def figures(round, protocol, server, load, cpu_ns):
    """One run as it goes into the JSON."""
    rate = load.requests / load.seconds
    cpu_us = cpu_ns / 1000 / load.requests
    return {"round": round, "protocol": protocol, "server": server, "requests": load.requests,
            "seconds": round_to(load.seconds, 3), "cpu_us": round_to(cpu_us, 4),
            "requests_per_second": round_to(rate, 1), "busy": round_to(cpu_us * rate / 1e6, 3),
            "bytes_per_response": round_to(load.bytes / load.requests, 1)}


def round_to(number, digits):
    return float(f"{number:.{digits}f}")


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
    rounds = [servers[above][round][figure] / servers[below][round][figure] for round in sorted(servers[above])]
    return {"median": round_to(median(rounds), 3), "rounds": [round_to(ratio, 3) for ratio in rounds]}
