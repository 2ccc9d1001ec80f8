"""What writers pay: pgbench's rate in several variants, with real replicas that follow; each variant against the same
writers without triggers, a moment before and with the same replicas."""
import re
from dataclasses import dataclass

from atelier.postgres import BIN
from atelier.process import run_checked
from atelier.waiting import wait_until
from cores import APART, halves, keep_apart
from names import DUTY, LOG, NOTIFICATION, POLLING, WITHOUT
from settings import HERE

NOTIFY_OFF = "-c atelier.notify=off"
DUTY_OPTION = "duty-from-per-second"
NO_DUTY = [f"--{DUTY_OPTION}", 0]
WRITERS, ROWS = (1, 8, 32), (1, 100)
SCRIPTS = {1: "one.sql", 100: "hundred.sql"}
GRACE = 60
ON_DUTY = ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1635018092 AND objid = 3"
           " AND mode = 'ExclusiveLock' AND granted")
TABLES = ("products", "features", "styles", "photos", "skus", "related_products")


@dataclass(frozen=True)
class Group:
    """Variants that the same replicas serve, the one without triggers first."""
    options: tuple
    variants: tuple


def groups(has_duty):
    if not has_duty:
        return [Group((), (WITHOUT, LOG, NOTIFICATION, POLLING))]
    return [Group((), (WITHOUT, LOG, DUTY)), Group(tuple(NO_DUTY), (WITHOUT, NOTIFICATION, POLLING))]


def cells(quick):
    """(rows a transaction, writers)"""
    return [(1, 8)] if quick else [(rows, writers) for rows in ROWS for writers in WRITERS]


class Writers:
    def __init__(self, stack, settings):
        self.stack, self.settings = stack, settings
        self.has_duty = stack.knows(DUTY_OPTION)
        self.runs = []

    def measure(self, round):
        """All cells in all variants; every second round in the opposite order."""
        way = slice(None, None, 1 if round % 2 else -1)
        for group in groups(self.has_duty)[way]:
            self.stack.replicas_up(group.options)
            for cell in cells(self.settings.quick)[way]:
                self.stack.execute("CHECKPOINT", "postgres")
                for variant in group.variants:
                    self.runs.append({"round": round, "with_duty": DUTY in group.variants, "variant": variant,
                                      "rows": cell[0], "writers": cell[1], **self._one(variant, *cell)})

    def _one(self, variant, rows, writers):
        self.stack.wait_caught_up()
        if variant == WITHOUT:
            self._triggers("DISABLE")
        try:
            if variant == DUTY:
                self._go_on_duty(rows, writers)
            figures = self._pgbench(variant, rows, writers, self.settings.writer_seconds)
            if variant == DUTY and not self._is_on_duty():
                raise RuntimeError("no replica was on duty to the end of a run of the variant duty")
        finally:
            if variant == WITHOUT:
                self._triggers("ENABLE")
        return figures

    def _triggers(self, what):
        for table in TABLES:
            self.stack.execute("; ".join(f"ALTER TABLE {table} {what} TRIGGER feed_{event}"
                                         for event in ("insert", "update", "delete")))

    def _go_on_duty(self, rows, writers):
        """Replicas go on duty when they have been notified often for a while; so that is not part of the figure."""
        wait_until("a replica is on duty", lambda: self._pgbench(DUTY, rows, writers, 1) and self._is_on_duty(), 20)

    def _is_on_duty(self):
        with self.stack.postgres.connect("postgres") as connection:
            return connection.execute(ON_DUTY).fetchone()[0] > 0

    def _pgbench(self, variant, rows, writers, seconds):
        notify = NOTIFY_OFF if variant in (LOG, POLLING) else ""
        where = []
        if self.settings.cores == APART:
            keep_apart(self.stack)
            where = ["taskset", "--cpu-list", ",".join(map(str, halves()[0]))]
        command = [*where, BIN / "pgbench", "--no-vacuum", "--protocol=prepared", "--client", writers, "--jobs", 1,
                   "--time", seconds, "--define", f"width={self.settings.products // writers}",
                   "--random-seed", self.settings.seed, "--file", HERE / SCRIPTS[rows],
                   self.stack.postgres.conninfo("atelier_owner")]
        return read_pgbench(run_checked(command, limit=seconds + GRACE, environment={"PGOPTIONS": notify}).stdout)


def read_pgbench(output):
    rate = re.search(r"^tps = ([\d.]+) ", output, re.MULTILINE)
    latency = re.search(r"^latency average = ([\d.]+) ms", output, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", output, re.MULTILINE)
    if not (rate and latency and failed) or int(failed[1]):
        raise RuntimeError(f"pgbench printed something unexpected: {' '.join(output.split())[-300:]}")
    return {"per_second": float(rate[1]), "latency_ms": float(latency[1])}
