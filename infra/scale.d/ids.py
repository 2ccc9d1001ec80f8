"""Single products over h2c: one hot id against ids drawn uniformly over all there are, and both against bare libh2o, which
has the same documents in memory and does nothing else."""
import random
from statistics import median

from atelier.http1 import Http1
from documents import Documents, get_all, write_lists
from figures import ratio_of
from generators import LISTS, LIST_LENGTH, measure_load
from servers import BARE, OURS, Bare, build_bare

SUFFIX = "/styles"
HOT, UNIFORM = "hot", "uniform"
BARE_UP = 300   # seconds
CANDIDATES = 500
SAMPLE = 50


def hot_target(port, documents, chance):
    """A product whose document is as large as all are on average: the bytes sent shall not make the difference."""
    mean = documents.bytes / documents.count
    some = chance.sample(list(documents.targets.values()), min(CANDIDATES, documents.count))
    return min((abs(len(response.body) - mean), target) for target, response in get_all(port, some))[1]


def check_same(documents, ours, bare, chance):
    some = chance.sample(list(documents.targets.values()), min(SAMPLE, documents.count))
    with Http1(ours) as one, Http1(bare) as other:
        for target in some:
            if one.get(target).body != other.get(target).body:
                raise RuntimeError(f"{target}: {BARE} has other bytes")


def read_documents(world):
    documents = Documents(world.folder, world.replica.clear, SUFFIX, tree=False)
    metrics = world.replica.metrics()
    documents.lie_like(int(metrics.total("atelier_cache_bytes") / metrics.total("atelier_cache_entries")))
    return documents


def start_bare(bare, documents):
    bare.up(BARE_UP)
    documents.packed.unlink()  # it is in its memory now


def measure_round(world, servers, documents, hot, round):
    """Every round draws other ids: a million do not all fit into one list."""
    uniform = documents.write_lists(world.folder, world.seed + round, LISTS, LIST_LENGTH)
    return [{"round": round, "server": name, "ids": kind,
             **measure_load(name, server.pid, "h2c", server.clear, lists, world.lengths.load_seconds)}
            for kind, lists in ((HOT, hot), (UNIFORM, uniform)) for name, server in servers.items()]


def measure(world):
    chance = random.Random(world.seed)
    with world.on_cores() as core:
        documents = read_documents(world)
        with Bare(build_bare(world.folder), core, world.folder, world.stack.certificates, documents) as bare:
            start_bare(bare, documents)
            check_same(documents, world.replica.clear, bare.clear, chance)
            target = hot_target(world.replica.clear, documents, chance)
            hot = write_lists(world.folder, HOT, [[target]] * LISTS)
            rounds = [measure_round(world, {OURS: world.replica, BARE: bare}, documents, hot, round)
                      for round in range(world.lengths.load_rounds + 1)]
    setup = {"document": SUFFIX, "document_bytes": documents.bytes // documents.count, "spare": documents.spare, "hot": target}
    runs = sum(rounds[1:], [])  # round 0 warms up
    return {"summary": summarize(runs), "setup": setup, "runs": runs}


def summarize(runs):
    def of(server, ids, figure):
        return [run[figure] for run in runs if (run["server"], run["ids"]) == (server, ids)]

    def ratio(above, below, figure):
        return ratio_of(a / b for a, b in zip(of(*above, figure), of(*below, figure)))

    ours, hot, bare, bare_hot = (OURS, UNIFORM), (OURS, HOT), (BARE, UNIFORM), (BARE, HOT)
    return {"cpu_us": median(of(*ours, "cpu_us")), "requests_per_second": median(of(*ours, "requests_per_second")),
            "uniform_to_hot": ratio(ours, hot, "requests_per_second"), "cpu_to_bare": ratio(ours, bare, "cpu_us"),
            "bare_uniform_to_hot": ratio(bare, bare_hot, "requests_per_second"),
            "hot_cpu_to_uniform": ratio(hot, ours, "cpu_us"), "bare_hot_cpu_to_uniform": ratio(bare_hot, bare, "cpu_us"),
            "busy": median(of(*ours, "busy"))}
