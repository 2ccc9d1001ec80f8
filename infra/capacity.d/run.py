"""Measures what a replica costs Postgres, idle and while the catalogue changes: what infra/capacity runs."""
import json
import re
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from statistics import mean, median

import table
from settings import HERE, ROOT, parse
from measuring import REPLICAS, commit, machine, main, output_of, result_file, say, scratch

RATES = (0, 100, 1000)  # changes a second
WRITERS = 8
SETTLE = 6              # seconds until a replica has gone on duty, or off it
ONE = ROOT / "infra" / "freshness.d" / "one.sql"  # one product's price
# What statements are for, by what Postgres remembers of them; the first that fits.
KINDS = {"log reads": r"feed\.change_log", "fetches": r"^select \$\d+::bigint, \$", "everything else": ""}
SENT = ("atelier_feed_heartbeats_total", "atelier_duty_notifications_total")  # pg_stat_statements misses a prepared NOTIFY


def memory_of(pid):
    """Bytes that are its own: not those it shares with other backends."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(kb) * 1024 for kb in re.findall(r"^Private_\w+: +(\d+) kB", lines, re.MULTILINE))


class Account:
    """What three replicas have cost so far; two of them make a measurement."""

    def __init__(self, stack):
        from cpu import cpu_ns
        self.at = time.monotonic()
        with stack.postgres.connect("postgres") as admin:
            self.statements = admin.execute(
                "SELECT query, sum(calls)::bigint FROM public.pg_stat_statements JOIN pg_roles r ON r.oid = userid"
                " WHERE rolname = 'atelier_reader' GROUP BY 1").fetchall()
            backends = admin.execute("SELECT split_part(application_name, '/', 2), pid FROM pg_stat_activity"
                                     " WHERE application_name LIKE 'atelierd/%'").fetchall()
        self.connections = {name: sum(owner == name for owner, _ in backends) for name in REPLICAS}
        self.backend_ns = {name: sum(cpu_ns(pid) for owner, pid in backends if owner == name) for name in REPLICAS}
        self.backend_bytes = [memory_of(pid) for _, pid in backends]
        self.replica_ns = {replica.name: cpu_ns(replica.pid) for replica in stack.replicas}
        self.bytes = received(stack.postgres.port, {replica.pid: replica.name for replica in stack.replicas})
        metrics = {replica.name: replica.metrics() for replica in stack.replicas}
        self.heard = {name: said.total("atelier_feed_notifications_total") for name, said in metrics.items()}
        self.changes = {name: said.total("atelier_feed_changes_total") for name, said in metrics.items()}
        self.sent = sum(said.total(name) for said in metrics.values() for name in SENT)

    def calls(self):
        found = dict.fromkeys(KINDS, 0)
        for query, calls in self.statements:
            found[next(kind for kind, form in KINDS.items() if re.search(form, " ".join(query.lower().split())))] += calls
        return found


def received(port, names):
    """{replica: bytes that it has received from Postgres}, over the connections that it has now."""
    found = dict.fromkeys(names.values(), 0)
    listed = output_of(["ss", "-tinpHO", "state", "established", f"( dport = :{port} )"])
    for pid, count in re.findall(r'pid=(\d+),.*bytes_received:(\d+)', listed):
        if int(pid) in names:
            found[names[int(pid)]] += int(count)
    return found


def difference(before, after):
    """For one replica: the middle one of the three, since one may be on duty. Cores: CPU seconds a second."""
    seconds = after.at - before.at

    def each(moved, unit=1.0):
        return sorted((getattr(after, moved)[name] - getattr(before, moved)[name]) * unit / seconds for name in REPLICAS)
    calls = {kind: round((after.calls()[kind] - before.calls()[kind]) / seconds / len(REPLICAS), 1) for kind in KINDS}
    return {"changes_per_second": round(median(each("changes"))), "statements_per_second": calls,
            "postgres_cores": round(median(each("backend_ns", 1e-9)), 4),
            "postgres_cores_on_duty": round(max(each("backend_ns", 1e-9)), 4),
            "replica_cores": round(median(each("replica_ns", 1e-9)), 4), "bytes_per_second": round(median(each("bytes"))),
            "heard_per_second": round(median(each("heard")), 1), "sent_by_all_per_second": round((after.sent - before.sent) / seconds, 1),
            "connections": max(after.connections.values()), "backend_bytes": round(mean(after.backend_bytes))}


def pgbench(stack, rate, seconds, products):
    from atelier.postgres import BIN
    from atelier.process import Process
    words = [BIN / "pgbench", "--no-vacuum", "--protocol=prepared", "--client", WRITERS, "--jobs", 1, "--time", seconds, "--rate", rate,
             "--define", f"width={products // WRITERS}", "--random-seed", 1, "--file", ONE, stack.postgres.conninfo("atelier_owner")]
    return Process("pgbench", words, stack.folder / f"pgbench-{rate}.log")


def measure_rate(stack, rate, settings):
    say(f"{rate} changes a second …")
    writer = pgbench(stack, rate, settings.seconds + 2 * SETTLE, settings.products) if rate else None
    if writer:
        writer.start()
    time.sleep(SETTLE)
    before = Account(stack)
    time.sleep(settings.seconds)
    found = difference(before, Account(stack))
    if writer:
        writer.stop()
    stack.wait_caught_up()
    return found


def measure(settings):
    from stack import Stack
    with scratch("capacity") as folder, Stack(folder) as stack:
        say(f"Postgres, {settings.products} products …")
        stack.start(shared_preload_libraries="pg_stat_statements", **{"pg_stat_statements.track_utility": "on"})
        stack.postgres.psql("postgres", "CREATE EXTENSION pg_stat_statements SCHEMA public")
        stack.load(settings.products, 1)
        stack.replicas_up()
        replica = stack.replicas[0]
        return {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "commit": commit("migrations", "infra/capacity.d/run.py"), "machine": machine(), "postgres": stack.settings(),
                "setup": {"products": settings.products, "seconds": settings.seconds, "replicas": len(REPLICAS)},
                "series": len(replica.metrics().rows),
                "rates": {str(rate): measure_rate(stack, rate, settings) for rate in RATES}}


def work(settings):
    result = measure(settings)
    file = settings.output or result_file(HERE, result["date"], result["commit"])
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table.markdown(result)))
    say(f"written: {file}")
    return ""


if __name__ == "__main__":
    sys.exit(main("infra/capacity", sys.argv[1:], parse, work))
