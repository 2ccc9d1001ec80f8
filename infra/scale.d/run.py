"""Measures how the server grows with the catalogue: what infra/scale runs.

The words are infra/scale's own; --check only says whether they are acceptable.
"""
import importlib
import json
import sys
import time
from datetime import datetime, timezone

import table
from settings import HERE, parse
from budget import Budget
from figures import read
from measuring import commit, machine, main, result_file, say, scratch

# Beyond what the tests take: what somebody would give a catalogue of this size.
POSTGRES = {"shared_buffers": "256MB", "maintenance_work_mem": "256MB", "checkpoint_timeout": "15min"}


def now():
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def earlier(path):
    """What --add names."""
    made = read("infra/scale", "--add", path)
    try:
        table.markdown(made)
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise RuntimeError(f"--add: {path} is not a file that infra/scale wrote") from problem
    return made


class Result:
    """What was measured so far. {"sizes": {products: {part: its figures}}, "skipped": [...]}; in its file after each part."""

    def __init__(self, settings):
        self.made = earlier(settings.add) if settings.add else {"sizes": {}}
        self.made["skipped"] = []
        self.commit = commit("migrations", "infra/scale.d", "infra/lib/*.py")
        self.file = settings.output or result_file(HERE, now(), self.commit)

    def add(self, products, part, figures):
        about = {"date": now(), "commit": self.commit, "machine": machine()}
        sizes = self.made["sizes"]
        sizes.setdefault(str(products), {})[part] = about | figures
        self.made["sizes"] = {size: sizes[size] for size in sorted(sizes, key=int)}
        self.write()

    def skip(self, products, needed, left):
        self.made["skipped"].append({"products": products, "needed_s": round(needed), "left_s": round(left)})
        say(f"{products:,} products: skipped, it would take about {needed / 60:.0f} minutes, {left / 60:.0f} are left")
        self.write()

    def write(self):
        from picture import svg
        self.file.write_text(json.dumps(self.made, indent=1) + "\n", encoding="utf-8")
        self.file.with_suffix(".md").write_text(table.markdown(self.made), encoding="utf-8")
        self.file.with_suffix(".svg").write_text(svg(self.made), encoding="utf-8")


def measure_size(stack, products, settings, result):
    from data import load
    from world import World
    with World(stack, products, settings) as world:
        say(f"{products:,} products: load …")
        world.loaded = load(world)
        for part in settings.parts:
            say(f"{products:,} products: {part} …")
            result.add(products, part, importlib.import_module(part).measure(world))


def measure(settings, result):
    from stack import Stack
    budget = Budget(settings.minutes * 60, settings.parts)
    with scratch("scale") as folder, Stack(folder) as stack:
        say("Postgres …")
        stack.start(**POSTGRES)
        for products in settings.sizes:
            if not budget.fits(products):
                result.skip(products, budget.needed(products), budget.left)
                continue
            begun = time.monotonic()
            measure_size(stack, products, settings, result)
            budget.took(products, time.monotonic() - begun)


NEVER = (("bulk", "stale", "stale reads that did not say so"), ("data", "rows_lost", "rows lost by an import"))


def verdict(made):
    """What must never be, in one line; nothing if it was not."""
    return ", ".join(f"{count:,} {what} at {int(size):,} products" for size, parts in made["sizes"].items()
                     for part, name, what in NEVER if (count := parts.get(part, {}).get("summary", {}).get(name)))


def work(settings):
    result = Result(settings)
    try:
        measure(settings, result)
    finally:
        if result.made["sizes"]:
            say(f"\n{table.markdown(result.made)}\n{result.file}")
    if not result.made["sizes"]:
        return f"no size fits into {settings.minutes} minutes; --minutes gives more"
    return verdict(result.made)


if __name__ == "__main__":
    sys.exit(main("infra/scale", sys.argv[1:], parse, work))
