"""A measurement's JSON as Markdown tables, for the README and for people on a terminal."""
import sys

import settings  # first: it says where the modules of infra/lib are
from audit import bound95
from figures import lines, ratio, show
from names import DUTY_TO_LOG, SUBSCRIBERS, VARIANTS, WITHOUT

QUANTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p99_9": "p99.9", "p99_99": "p99.99", "max": "max"}
RATIO_HEADINGS = [f"{quantile} ÷ {name}" for name in SUBSCRIBERS.values() for quantile in ("p50", "p99")]


def ms(number):
    return f"{number:.2f}" if number < 100 else f"{number:.0f}"


def where(part):
    machine = part["machine"]
    return (f"{part['date'][:10]}, commit {part['commit']}; {machine['cpu']}, {machine['cores']} cores, Linux "
            f"{machine['kernel']}, PostgreSQL {part['postgres']['server_version'].split()[0]}, fsync on, "
            f"synchronous_commit on, one fdatasync {machine['fdatasync_us']} µs")


# ── the bound ──

def bound_rows(bound):
    for name, figures in bound["summary"].items():
        ratios = figures.get("ratios", {})
        yield (name, *(ms(figures[quantile]) for quantile in QUANTILES), f"{figures['samples']:,}",
               *(ratio(ratios.get(subscriber, {}).get(quantile)) for subscriber in SUBSCRIBERS.values()
                 for quantile in ("p50", "p99")))


def bound_notes(bound):
    setup, counted = bound["setup"], bound["counted"]
    yield (f"Milliseconds from the acknowledged commit to the first answer that shows it. {setup['rate']:,} single-product "
           f"transactions a second (at the least {bound['slowest_rate']:,.0f} were reached), {setup['reads']} reads a "
           f"second and replica, {setup['products']:,} products; {setup['rounds']} interleaved rounds of "
           f"{setup['seconds']} s; requests {setup['pitch_ms']} ms apart; ratios within each round (lowest–highest)")
    yield (f"{counted['violations']} answers older than {setup['bound_ms']} ms that did not say so, {counted['never_seen']} "
           f"writes never seen, in {counted['writes']:,} writes; {counted['admitted']:,} answers said that they may be old")
    yield f"{where(bound)}; up to {bound['most_stolen']:.0%} of a run's processor time went to the host's other guests"


def bound_text(bound):
    heading = ["", *QUANTILES.values(), "samples", *RATIO_HEADINGS]
    return [*lines(heading, bound_rows(bound)), "", ".  \n".join(bound_notes(bound)) + "."]


# ── writers ──

def writers_rows(writers, variants):
    for cell in writers["summary"]:
        yield (str(cell["rows"]), str(cell["writers"]), f"{cell['without']:,.0f}",
               *(ratio(cell["ratios"].get(variant)) for variant in variants))


def writers_text(writers):
    variants = [name for name in (*VARIANTS, DUTY_TO_LOG) if any(name in cell["ratios"] for cell in writers["summary"])]
    heading = ["rows", "writers", f"{WITHOUT}, tx/s", *variants]
    setup = writers["setup"]
    cores = {"apart": "on half of the cores, which writers do not use", "shared": "on the writers' cores"}[setup["cores"]]
    note = (f"pgbench's rate divided by the rate {WITHOUT} of the same round and replicas: median (lowest–highest) of "
            f"{setup['rounds']} rounds of {setup['seconds']} s; three replicas follow {cores}; {setup['products']:,} products; "
            f"{where(writers)}.")
    return [*lines(heading, writers_rows(writers, variants), left=0), "", note]


# ── the audited run ──

def audit_rows(audit):
    for kind, fault in sorted(audit["faults"].items()):
        worst = fault["worst_exact_s"]
        never = f", {fault['never_exact']} × never" if fault["never_exact"] else ""
        yield (kind, str(fault["runs"]), ("" if worst is None else f"{worst:.2f}") + never,
               "" if fault["violations"] is None else str(fault["violations"]))


def verdict(audit):
    """The one sentence that all of it is about."""
    bound = bound95(audit["violations"], audit["writes"])
    said = f"{audit['violations']:,} violations in {audit['writes']:,} writes"
    return said + (f", 95 % bound 3/n = {bound:.1e}" if bound else "")


def audit_text(audit):
    heading = ["fault", "runs", "worst time to exact, s", "violations"]
    runs = sum(fault["runs"] for fault in audit["faults"].values())
    return [f"**{verdict(audit)}**; {audit['reads']:,} reads judged, {runs:,} faults, {audit['seconds'] / 3600:.1f} hours. A "
            f"violation is an answer that is older than {audit['bound_ms']:g} ms and does not say so, or shows what never "
            f"was; the oldest that was seen was {audit['oldest_fresh_ms']:.0f} ms old. Rows that the rolling audit found to "
            f"differ: {audit['audit_inconsistent']:,.0f}. {audit['date'][:10]}, commit {audit['commit']}, seed {audit['seed']}.", "",
            *lines(heading, audit_rows(audit))]


PARTS = {"bound": bound_text, "writers": writers_text, "audit": audit_text}


def markdown(measured):
    found = [text(measured[name]) for name, text in PARTS.items() if name in measured]
    if not found:
        raise KeyError("none of " + ", ".join(PARTS))
    return "\n\n".join("\n".join(part) for part in found) + "\n"


if __name__ == "__main__":
    show("infra/freshness", "--table", sys.argv[1], markdown)
