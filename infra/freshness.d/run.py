"""Measures how fresh the answers are, and what writers pay for it: what infra/freshness runs.

The words are infra/freshness's own; --check only says whether they are acceptable.
"""
import json
import sys
from datetime import datetime, timezone

import table
from settings import HERE, parse
from figures import read
from measuring import commit, machine, main, result_file, say, scratch

PITCH_MS, BOUND_MS = 0.25, 250  # of client.c


def header(stack):
    """What is said of each part, since parts may come from several runs."""
    from machine import disk
    return {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "commit": commit("migrations", "infra/freshness.d/*.[ch]"),
            "machine": machine() | disk(stack.folder), "postgres": stack.settings()}


def measure_bound(stack, settings, folder):
    from bound import Bound
    from client import Programs, may_prefer
    from summary import bound_summary, counted, most_stolen, slowest_rate
    about = header(stack)
    bound = Bound(stack, Programs(folder), settings)
    bound.warm_up()
    for round in range(1, settings.rounds + 1):
        say(f"bound: round {round} of {settings.rounds} …")
        bound.measure(round)
    setup = {"rate": settings.rate, "reads": settings.reads, "products": settings.products, "rounds": settings.rounds,
             "seconds": settings.seconds, "seed": settings.seed, "pitch_ms": PITCH_MS, "bound_ms": BOUND_MS,
             "client_preferred": may_prefer()}
    return about | {"setup": setup, "summary": bound_summary(bound.rounds, bound.histograms),
                    "counted": counted(bound.rounds), "slowest_rate": slowest_rate(bound.rounds),
                    "most_stolen": most_stolen(bound.rounds),
                    "histograms": {name: histogram.to_json() for name, histogram in bound.histograms.items()},
                    "first_violations": bound.first_violations[:100], "rounds": bound.rounds}


def measure_writers(stack, settings, _):
    from summary import writers_summary
    from writers import Writers
    about = header(stack)
    writers = Writers(stack, settings)
    for round in range(1, settings.writer_rounds + 1):
        say(f"writers: round {round} of {settings.writer_rounds} …")
        writers.measure(round)
    setup = {"rounds": settings.writer_rounds, "seconds": settings.writer_seconds, "products": settings.products,
             "seed": settings.seed, "cores": settings.cores}
    return about | {"setup": setup, "summary": writers_summary(writers.runs), "runs": writers.runs}


PARTS = {"bound": measure_bound, "writers": measure_writers}


def measure(settings):
    from stack import Stack
    with scratch("freshness") as folder, Stack(folder) as stack:
        say(f"Postgres, {settings.products} products …")
        stack.start()
        stack.load(settings.products, settings.seed)
        return {part: PARTS[part](stack, settings, folder) for part in settings.parts}


def add_earlier(result, settings):
    """Parts that were not measured now: from an earlier JSON, and from the history checker's."""
    from audit import read_audit
    if settings.add:
        result = read("infra/freshness", "--add", settings.add) | result
    if settings.soak:
        result["audit"] = read_audit(settings.soak)
    return result


def write(result, output):
    from picture import svg
    if not output:
        newest = max((part for part in result.values() if "date" in part), key=lambda part: part["date"])
        output = result_file(HERE, newest["date"], newest["commit"])
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if "bound" in result:
        output.with_suffix(".svg").write_text(svg(result), encoding="utf-8")
    return output


def verdict(result):
    """What must never be, in one line; nothing if it was not."""
    counted = result.get("bound", {}).get("counted", {})
    wrong = {name: counted[name] for name in ("violations", "never_seen", "skipped") if counted.get(name)}
    wrong |= {f"{name} in the audited run": number for name in ("violations", "not_exact", "audit_inconsistent")
              if (number := result.get("audit", {}).get(name))}
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in wrong.items())


def work(settings):
    add_earlier({}, settings)  # what cannot be read is said before minutes are spent
    result = add_earlier(measure(settings), settings)
    output = write(result, settings.output)
    say(f"\n{table.markdown(result)}\n{output}")
    wrong = verdict(result)
    return wrong and f"{wrong}: the bound does not hold"


if __name__ == "__main__":
    sys.exit(main("infra/freshness", sys.argv[1:], parse, work))
