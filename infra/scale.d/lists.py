"""Lists: the last page, and `after`, against the first page at the same count: CPU a request, over kept connections, in
turns."""
import random
from statistics import median

from atelier.http1 import Http1
from documents import all_ids, write_lists
from figures import ratio_of
from generators import LISTS, LIST_LENGTH, measure_load

COUNT = 5
FIRST, LAST, AFTER, ANYWHERE = "first page", "last page", "after, at the end", "any page"


def last_page(products):
    """The last whole one."""
    return max(1, products // COUNT)


def targets(ids, chance):
    """{kind: what is asked for}; all but the last kind are one target."""
    pages = last_page(len(ids))
    return {FIRST: [f"/products?page=1&count={COUNT}"], LAST: [f"/products?page={pages}&count={COUNT}"],
            AFTER: [f"/products?after={ids[(pages - 1) * COUNT - 1]}&count={COUNT}"],
            ANYWHERE: [f"/products?page={chance.randint(1, pages)}&count={COUNT}" for _ in range(LIST_LENGTH)]}


def check_same(client, kinds):
    """The last page has the same bytes by both ways."""
    by_page, by_after = (client.get(kinds[kind][0]) for kind in (LAST, AFTER))
    if by_page.status != 200 or by_page.body != by_after.body:
        raise RuntimeError(f"{kinds[LAST][0]} and {kinds[AFTER][0]} are not answered with the same cards")


def measure(world):
    replica, runs = world.replica, []
    with Http1(replica.clear) as client:
        kinds = targets(all_ids(client), random.Random(world.seed))
        check_same(client, kinds)
    files = {kind: write_lists(world.folder, f"list-{number}", [wanted] * LISTS)
             for number, (kind, wanted) in enumerate(kinds.items())}
    with world.on_cores():
        for round in range(world.lengths.load_rounds + 1):
            for kind, lists in files.items():
                figures = measure_load(kind, replica.pid, "h2c", replica.clear, lists, world.lengths.load_seconds)
                runs.append({"round": round, "kind": kind, **figures})
    runs = [run for run in runs if run["round"]]  # round 0 warms up
    return {"summary": summarize(runs), "runs": runs}


def summarize(runs):
    cpu = {kind: [run["cpu_us"] for run in runs if run["kind"] == kind] for kind in (FIRST, LAST, AFTER, ANYWHERE)}
    names = {LAST: "last_to_first", AFTER: "after_to_first", ANYWHERE: "any_to_first"}
    return {"first_cpu_us": median(cpu[FIRST]), **{name: ratio_of(ours / first for ours, first in zip(cpu[kind], cpu[FIRST]))
                                                   for kind, name in names.items()}}
