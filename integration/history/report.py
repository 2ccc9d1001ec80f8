"""What a run has found: a line for people, a dictionary for JSON."""
import resource
import time
from collections import defaultdict
from dataclasses import asdict


def line(run):
    counts, judge = run.recorder.counts, run.recorder.judge
    return (f"{time.monotonic() - run.started:6.0f} s  {counts['writes']} writes, {counts['reads']} reads,"
            f" {len(run.faults)} faults, {run.recorder.violations} violations,"
            f" oldest fresh answer {judge.oldest / 1e6:.1f} ms,"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def result(run):
    recorder, judge, violations = run.recorder, run.recorder.judge, run.recorder.violations
    writes = recorder.counts["writes"]
    late = [fault for fault in run.faults if not fault["good"]]
    not_exact_at_the_end = run.at_the_end is None and run.ended in (None, "enough")
    return {
        "says": f"{violations} violations in {writes} writes, 95 % bound {3 / max(writes, 1):.2g}",
        "seed": run.settings.seed, "seconds": round(time.monotonic() - run.started, 1), "ended": run.ended or "time",
        "writes": writes, "reads": recorder.counts["reads"], "bound95": 3 / max(writes, 1),
        "violations": violations, "violations_by_rule": dict(judge.counts), "stories": judge.stories,
        "oldest_fresh_ms": round(judge.oldest / 1e6, 3), "bound_ms": judge.bound / 1e6,
        "not_exact": len(late) + not_exact_at_the_end, "late": late, "exact_at_the_end_s": run.at_the_end,
        "audit_inconsistent": run.inconsistent, "faults": by_kind(run.faults),
        "counts": dict(sorted(recorder.counts.items())), "kinds": dict(sorted(recorder.kinds.items())),
        "listeners": dict(sorted(recorder.listeners.items())), "settings": asdict(run.settings)}


def by_kind(faults):
    kinds = defaultdict(list)
    for fault in faults:
        kinds[fault["kind"]].append(fault)
    return {kind: _summary(some) for kind, some in sorted(kinds.items())}


def _summary(faults):
    done = [fault for fault in faults if not fault["skipped"]]
    seconds = [fault["exact_s"] for fault in done if fault["exact_s"] is not None]
    return {"runs": len(done), "skipped": len(faults) - len(done), "worst_exact_s": max(seconds, default=None),
            "never_exact": len(done) - len(seconds)}
