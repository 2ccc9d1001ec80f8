"""What is stated at each size, line by line: where the figure is, how it is written, and what is aimed at."""
from dataclasses import dataclass

import settings  # first: it says where the modules of infra/lib are
from figures import ratio


def number(digits=0, unit=""):
    return lambda value: f"{value:,.{digits}f}{unit}"


def percent(digits):
    return lambda value: f"{value:.{digits}%}"


@dataclass(frozen=True)
class Line:
    part: str
    figure: str         # its name in the part's summary
    words: str
    show: object        # how the figure is written
    aim: str = ""       # "≤ N" or "≥ N", by the figure's own unit, or nothing

    def value(self, parts):
        return parts.get(self.part, {}).get("summary", {}).get(self.figure)

    def cell(self, parts):
        value = self.value(parts)
        if value is None:
            return ""
        return self.show(value) + ("" if self.is_met(value) else " ✗")

    def is_met(self, value):
        if not self.aim:
            return True
        least, most = self.aim.startswith("≥"), float(self.aim[2:].replace(",", ""))
        value = value["median"] if isinstance(value, dict) else value
        return value >= most if least else value <= most


LINES = (
    Line("data", "load_s", "generated, loaded and indexed, s", number(1), "≤ 300"),
    Line("data", "load_peak_mb", "the generator's largest resident size, MB", number(1)),
    Line("data", "import_s", "the same imported from CSV files, s", number(1), "≤ 300"),
    Line("data", "import_peak_mb", "the importer's largest resident size, MB", number(1)),
    Line("data", "rows", "rows", number()),
    Line("data", "rows_off", "most that a table's rows are off those of the inherited catalogue", percent(2)),
    Line("data", "rows_lost", "rows that the import lost", number(), "≤ 0"),
    Line("start", "copy_s", "psql copies the six ordered tables to nowhere, s", number(2)),
    Line("start", "ready_s", "a replica starts, until it is ready, s", number(2)),
    Line("start", "ratio", "… ÷ psql", ratio, "≤ 1.5"),
    Line("start", "first_answer_s", "its first answer with a product, s", number(3), "≤ 1"),
    Line("start", "early_p50_ms", "reads while it loads, p50 ms", number(2)),
    Line("start", "early_refused", "… that were answered with 503", number()),
    Line("start", "three_ready_s", "three start together, until all are ready, s", number(2)),
    Line("start", "three_connections", "… their connections at once", number()),
    Line("start", "three_slices", "… slices that Postgres read for them at once (--loads-at-once)", number(), "≤ 2"),
    Line("memory", "payload_mb", "documents in all stored codings, MB", number(1)),
    Line("memory", "resident_mb", "a replica's resident size, MB", number(1)),
    Line("memory", "overhead_a_product", "what is not documents, bytes a product", number()),
    Line("memory", "overhead_to_allowed", "… ÷ (15 % of the documents + 64 bytes a product)", number(2), "≤ 1"),
    Line("lists", "first_cpu_us", "the first page of five, CPU µs", number(2)),
    Line("lists", "last_to_first", "the last page ÷ the first, CPU", ratio, "≤ 1.2"),
    Line("lists", "after_to_first", "`after` at the end ÷ the first page, CPU", ratio, "≤ 1.2"),
    Line("lists", "any_to_first", "any page ÷ the first, CPU", ratio),
    Line("ids", "cpu_us", "a lookup, uniform ids, h2c, CPU µs", number(2)),
    Line("ids", "requests_per_second", "requests/s on one core", number()),
    Line("ids", "busy", "… which was busy", percent(0)),
    Line("ids", "uniform_to_hot", "requests/s, uniform ids ÷ one hot id", ratio, "≥ 0.85"),
    Line("ids", "bare_uniform_to_hot", "… of bare libh2o", ratio),
    Line("ids", "hot_cpu_to_uniform", "requests a CPU second, uniform ids ÷ one hot id", ratio),
    Line("ids", "bare_hot_cpu_to_uniform", "… of bare libh2o", ratio),
    Line("ids", "cpu_to_bare", "CPU ÷ bare libh2o, uniform ids", ratio, "≤ 1.05"),
    Line("refresh", "p50_ms", "a single change is shown, p50 ms", number(2)),
    Line("refresh", "p99_ms", "… p99 ms", number(2)),
    Line("bulk", "products", "products changed by one transaction", number()),
    Line("bulk", "marked_share", "reads (Zipf) answered with a marked document meanwhile", percent(3), "≤ 0.001"),
    Line("bulk", "stale", "stale reads that did not say so", number(), "≤ 0"),
    Line("bulk", "failed", "reads that failed", number(), "≤ 0"),
    Line("bulk", "before_p99_ms", "reads before, p99 ms", number(2)),
    Line("bulk", "p99_ratio", "reads from the commit until all is rendered ÷ before, p99", ratio, "≤ 1.25"),
    Line("bulk", "transaction_p99_ratio", "reads while the transaction runs ÷ before, p99", ratio),
    Line("bulk", "rendered_s", "until all are rendered, s", number(2), "≤ 10"),
    Line("bulk", "products_per_second", "… products/s", number()),
    Line("bulk", "products_a_core_second", "… products a CPU second of the fetchers", number(), "≥ 20000"),
)
