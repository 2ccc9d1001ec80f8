"""A measurement's JSON as Markdown: the lines with their aims, and the growth, a row a size."""
import sys

from aims import LINES
from figures import lines, show

GROWTH = (  # heading: part, figure in its summary, digits; as plotted by picture.py
    ("lookup, CPU µs", "ids", "cpu_us", 2),
    ("requests/s on one core", "ids", "requests_per_second", 0),
    ("refresh, p50 ms", "refresh", "p50_ms", 2),
    ("memory a product, bytes", "memory", "resident_a_product", 0),
    ("start, s", "start", "ready_s", 2),
)
HEADINGS = {"data": "Data", "start": "Start", "memory": "Memory", "lists": "Lists", "ids": "Single products",
            "refresh": "A single change", "bulk": "A bulk change"}


def growth_value(parts, part, figure):
    return parts.get(part, {}).get("summary", {}).get(figure)


def growth_rows(sizes):
    for size, parts in sizes.items():
        values = [(growth_value(parts, part, figure), digits) for _, part, figure, digits in GROWTH]
        yield [f"{int(size):,}", *("" if value is None else f"{value:,.{digits}f}" for value, digits in values)]


def aim_rows(sizes):
    """Lines that no size has are left out; the first line of a part names it."""
    named = set()
    for line in LINES:
        if all(line.value(parts) is None for parts in sizes.values()):
            continue
        part = "" if line.part in named else HEADINGS[line.part]
        named.add(line.part)
        yield [part, line.words, line.aim, *(line.cell(parts) for parts in sizes.values())]


def notes(measured):
    found = [part for parts in measured["sizes"].values() for part in parts.values()]
    for date, commit, cpu, cores, kernel in sorted({(part["date"][:10], part["commit"], part["machine"]["cpu"],
                                                     part["machine"]["cores"], part["machine"]["kernel"]) for part in found}):
        yield f"{date}, commit {commit}; {cpu}, {cores} cores, Linux {kernel}"
    for skipped in measured.get("skipped", []):
        yield (f"{skipped['products']:,} products were skipped: about {skipped['needed_s']:,} s were needed, "
               f"{skipped['left_s']:,} s were left")
    yield "✗: the aim is missed. Ratios are taken within each round: median (lowest–highest)"


def markdown(measured):
    sizes = measured["sizes"]
    heading = ["", "", "aim", *(f"{int(size):,}" for size in sizes)]
    return "\n".join([*lines(heading, aim_rows(sizes), left=2), "",
                      *lines(["products", *(row[0] for row in GROWTH)], growth_rows(sizes), left=0), "",
                      ".  \n".join(notes(measured)) + "."]) + "\n"


if __name__ == "__main__":
    show("infra/scale", "--table", sys.argv[1], markdown)
