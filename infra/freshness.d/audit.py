"""The history checker's JSON (infra/soak writes it): how many writes were audited, what was violated, faults by kind."""
import json

NEEDED = ("date", "commit", "seed", "seconds", "writes", "reads", "violations", "not_exact", "audit_inconsistent",
          "oldest_fresh_ms", "bound_ms")


def read_audit(path):
    """What of it belongs on the page; RuntimeError if it is not such a file."""
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
        return {name: said[name] for name in NEEDED} | {
            "faults": {kind: _fault(fault, said["violations"]) for kind, fault in said["faults"].items()}}
    except OSError as problem:
        raise RuntimeError(f"--soak: cannot read {path}: {problem.strerror}") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise RuntimeError(f"--soak: {path} is not a file that infra/soak wrote") from problem


def _fault(fault, violations):
    """The checker counts violations over the whole run: if there are any, it is not known of which fault they are."""
    return {name: fault[name] for name in ("runs", "worst_exact_s", "never_exact")} | {
        "violations": None if violations else 0}


def bound95(violations, writes):
    """With how great a chance at most, at 95 % confidence, a write is violated; for no violation "the rule of three"."""
    return 3 / writes if writes and not violations else None
