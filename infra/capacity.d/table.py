"""The arithmetic for 3, 30 and 300 replicas, as Markdown: what infra/capacity --table prints."""
import json
import sys
from pathlib import Path

from settings import ROOT
from figures import lines, read

REPLICAS = (3, 30, 300)
MILLION = "1000011"
# What is assumed; everything else was measured.
MAX_CONNECTIONS, RESERVED, OTHERS = 100, 3, 20  # infra/postgres; superuser_reserved_connections; writers, operators, exporters
CORES_LEFT = 4       # of a Postgres host's eight: the other half is the writers'
NETWORK = 125e6      # bytes a second: 1 Gbit/s
START_LIMIT = 600    # seconds in which a fleet that lost all at once should be ready again
QUEUE, ENTRY = 8 * 2**30, 36  # bytes of Postgres's notification queue, and of one of our notifications in it, measured (README)


def others():
    """What infra/bench and infra/scale have measured last."""
    def newest(folder):
        return json.loads(max((ROOT / "infra" / folder / "results").glob("*.json")).read_text(encoding="utf-8"))
    bench, sizes = newest("bench.d")["summary"], newest("scale.d")["sizes"]
    return {"requests": bench["h2"]["servers"]["atelierd"]["requests_per_second"],
            "small_mb": sizes["10000"]["memory"]["summary"]["resident_mb"],
            "large_mb": sizes[MILLION]["memory"]["summary"]["resident_mb"],
            "start_s": sizes[MILLION]["start"]["summary"]["ready_s"],
            "three_start_s": sizes[MILLION]["start"]["summary"]["three_ready_s"]}


def significant(value):
    """Three digits: 0.0123, 1.23, 12.3, 1,230."""
    if value >= 100:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    return f"{value:.3g}" if value else "0"


def one_replica(rates):
    rows = [("log reads a second", lambda r: r["statements_per_second"]["log reads"]),
            ("fetches a second", lambda r: r["statements_per_second"]["fetches"]),
            ("other statements a second", lambda r: r["statements_per_second"]["everything else"]),
            ("cores of Postgres", lambda r: r["postgres_cores"]),
            ("… for the one on duty", lambda r: r["postgres_cores_on_duty"]),
            ("cores of its own, without requests", lambda r: r["replica_cores"]),
            ("kB a second from Postgres", lambda r: r["bytes_per_second"] / 1e3),
            ("notifications heard a second", lambda r: r["heard_per_second"]),
            ("… sent a second, by all replicas together", lambda r: r["sent_by_all_per_second"]),
            ("connections", lambda r: r["connections"]),
            ("MB that its backends have for themselves", lambda r: r["backend_bytes"] * r["connections"] / 1e6)]
    return [[title, *(significant(value(rate)) for rate in rates)] for title, value in rows]


def fleet(idle, some, many, other):
    """(what, of N replicas)"""
    def duty(rate, n):
        return n * rate["postgres_cores"] + rate["postgres_cores_on_duty"] - rate["postgres_cores"]
    return [("requests/s over TLS and HTTP/2, one core each", lambda n: n * other["requests"]),
            ("… if one of three is away, and the others are at 70 %", lambda n: n * 2 / 3 * 0.7 * other["requests"]),
            ("memory for 10,000 products, GB", lambda n: n * other["small_mb"] / 1e3),
            ("memory for a million, GB", lambda n: n * other["large_mb"] / 1e3),
            ("connections to Postgres", lambda n: n * many["connections"]),
            ("memory of their backends, GB", lambda n: n * many["connections"] * many["backend_bytes"] / 1e9),
            ("cores of Postgres, idle", lambda n: duty(idle, n)),
            (f"… at {some['changes_per_second']} changes/s", lambda n: duty(some, n)),
            (f"… at {many['changes_per_second']} changes/s", lambda n: duty(many, n)),
            ("MB/s from Postgres at that", lambda n: n * many["bytes_per_second"] / 1e6),
            ("notifications that Postgres delivers a second at that", lambda n: n * many["heard_per_second"]),
            ("a million products: minutes until all that start at once are ready", lambda n: n * other["three_start_s"] / 3 / 60),
            ("… minutes for a restart of one after the other", lambda n: n * other["start_s"] / 60)]


def limits(idle, some, many, other):
    """(the limit, what there is, what one replica takes, the unit)"""
    left = MAX_CONNECTIONS - RESERVED - OTHERS
    return [(f"max_connections = {MAX_CONNECTIONS}, {RESERVED} reserved, {OTHERS} for others", left, many["connections"], "connections"),
            ("max_connections = 500", 500 - RESERVED - OTHERS, many["connections"], "connections"),
            (f"{CORES_LEFT} cores of Postgres, idle", CORES_LEFT, idle["postgres_cores"], "cores"),
            (f"… at {some['changes_per_second']} changes/s", CORES_LEFT, some["postgres_cores"], "cores"),
            (f"… at {many['changes_per_second']} changes/s", CORES_LEFT, many["postgres_cores"], "cores"),
            ("a network of 1 Gbit/s at that", NETWORK / 1e6, many["bytes_per_second"] / 1e6, "MB/s"),
            ("a million products, all ready within ten minutes of a loss of all", START_LIMIT, other["three_start_s"] / 3, "s")]


def markdown(result):
    rates = [result["rates"][rate] for rate in ("0", "100", "1000")]
    other = others()
    yield from lines(["one replica, measured", *(f"{rate['changes_per_second']} changes/s" for rate in rates)], one_replica(rates))
    yield ""
    yield from lines(["all replicas, reckoned", *map(str, REPLICAS)],
                     [[what, *(significant(of(n)) for n in REPLICAS)] for what, of in fleet(*rates, other)])
    yield ""
    yield from lines(["where it bites", "there is", "a replica takes", "enough for replicas"],
                     [[what, f"{significant(there)} {unit}", significant(takes), f"{int(there / takes):,}"]
                      for what, there, takes, unit in limits(*rates, other)])
    sent = rates[2]["sent_by_all_per_second"]
    yield ""
    yield (f"A session that listens and does not read fills Postgres's notification queue (8 GB, {ENTRY} bytes each) in "
           f"{significant(QUEUE / ENTRY / sent / 86400)} days at {significant(sent)} notifications a second, however many replicas there are.")
    about = result["machine"]
    yield ""
    yield (f"{result['date'][:10]}, commit {result['commit']}; {about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, "
           f"PostgreSQL {result['postgres']['server_version'].split()[0]}; three replicas, {result['setup']['products']:,} products, "
           f"{result['setup']['seconds']} s each; the middle one of the three.")


if __name__ == "__main__":
    print("\n".join(markdown(read("infra/capacity", "--table", Path(sys.argv[1])))))
