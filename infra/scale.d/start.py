"""Start: one replica from nothing to the whole catalogue, against psql's COPY of the same six tables in the same order to
nowhere, in turns; what readers get meanwhile; and three replicas at once."""
import random
import time
from statistics import median

from atelier.http1 import ConnectionLost, Http1
from atelier.sessions import Threads
from atelier.waiting import wait_until
from figures import ratio_of
from measuring import REPLICAS
from world import STARTED, available_bytes

ORDERS = {"products": "id", "features": "product_id, id", "styles": "product_id, id", "photos": "product_id, style_id, id",
          "skus": "product_id, style_id, id", "related_products": "product_id, id"}
SELECTS = [f"SELECT * FROM {table} ORDER BY {order}" for table, order in ORDERS.items()]
PAUSE = 0.05    # seconds between two reads while it loads
HEADROOM = 1.2  # of the memory that three replicas would need
BACKENDS = """SELECT count(*), count(*) FILTER (WHERE state = 'active'),
    count(*) FILTER (WHERE backend_xmin IS NOT NULL AND query LIKE 'COPY%')
    FROM pg_stat_activity WHERE usename = 'atelier_reader'"""


def copy_seconds(world):
    begun = time.monotonic()
    world.psql(*(f"\\copy ({select}) TO '/dev/null'" for select in SELECTS))
    return time.monotonic() - begun


def sorts(world):
    """How many of the six Postgres sorts; the others come in the order of an index."""
    with world.connection("atelier_reader") as connection:
        plans = ["\n".join(row[0] for row in connection.execute(f"EXPLAIN {select}")) for select in SELECTS]
    return sum("Sort" in plan for plan in plans)


class EarlyReader(Threads):
    """Asks a replica that is starting for products all over the range, over one connection."""

    def __init__(self, replica, products, seed, begun):
        super().__init__([self._run])
        self.replica, self.products, self.begun = replica, products, begun
        self.chance = random.Random(seed)
        self.answers = []  # (seconds since the start when it came, status, milliseconds that it took)

    def _run(self):
        client = None
        while self.running:
            try:
                client = client or Http1(self.replica.clear, limit=30)
                self._ask(client)
            except (OSError, ConnectionLost):
                client = None
                time.sleep(0.002)  # it does not listen yet
        if client:
            client.close()

    def _ask(self, client):
        asked = time.monotonic()
        status = client.get(f"/products/{self.chance.randint(1, self.products)}").status
        now = time.monotonic()
        self.answers.append((now - self.begun, status, (now - asked) * 1000))
        time.sleep(PAUSE if self.first_s else 0.002)

    @property
    def first_s(self):
        """The first that was answered with a product; None before."""
        return next((at for at, status, _ in self.answers if status == 200), None)


def start_one(world, round):
    replica = world.stack.new_replica("r1")
    begun = time.monotonic()
    with replica:
        replica.start()
        with EarlyReader(replica, world.products, world.seed + round, begun) as reader:
            replica.wait_ready(STARTED)
            ready = time.monotonic() - begun
            wait_until("a product is answered", lambda: reader.first_s, 10)
        status = replica.operation("/status").json()
        return {"ready_s": ready, "loaded_s": replica.logged("catalogue_loaded")[-1]["ms"] / 1000, **early(reader, ready),
                "products": status["products"], "resident_bytes": status["resident_bytes"]}


def early(reader, ready):
    """What the reader got before the replica was ready."""
    before = [answer for answer in reader.answers if answer[0] <= ready]
    took = sorted(ms for _, status, ms in before if status == 200)
    return {"first_answer_s": reader.first_s, "early_answers": len(took),
            "early_refused": sum(status != 200 for _, status, _ in before),
            "early_p50_ms": median(took) if took else None, "early_max_ms": took[-1] if took else None}


class Backends(Threads):
    """The most connections, active ones, and slices of the catalogue under way that were seen at once."""

    def __init__(self, world):
        super().__init__([self._run])
        self.world = world
        self.most = (0, 0, 0)

    def _run(self):
        with self.world.connection("postgres") as administrator:
            while self.running:
                seen = administrator.execute(BACKENDS).fetchone()
                self.most = tuple(map(max, self.most, seen))
                time.sleep(0.01)


def start_three(world, needed_bytes):
    """None if this machine has not the memory."""
    if needed_bytes * HEADROOM > available_bytes():
        return None
    replicas = [world.stack.new_replica(name) for name in REPLICAS]
    with Backends(world) as backends:
        begun = time.monotonic()
        try:
            for replica in replicas:
                replica.start()
            for replica in replicas:
                replica.wait_ready(STARTED)
            ready = time.monotonic() - begun
        finally:
            for replica in replicas:
                replica.stop()
    return {"ready_s": ready, **dict(zip(("connections", "active", "slices"), backends.most))}


def measure(world):
    copy_seconds(world)  # warms up, and does not count
    rounds = []
    for number in range(1, world.lengths.start_rounds + 1):
        rounds.append({"round": number, "copy_s": copy_seconds(world), **start_one(world, number)})
        if rounds[-1]["products"] != world.products:
            raise RuntimeError(f"the replica is ready with {rounds[-1]['products']} of {world.products} products")
    three = start_three(world, len(REPLICAS) * rounds[-1]["resident_bytes"])
    return {"summary": summarize(rounds, three), "rounds": rounds, "three": three, "sorts": sorts(world)}


def summarize(rounds, three):
    names = ("copy_s", "ready_s", "loaded_s", "first_answer_s", "early_refused")
    early_ms = [one["early_p50_ms"] for one in rounds if one["early_p50_ms"] is not None]
    summary = {name: median(one[name] for one in rounds) for name in names}
    summary |= {"ratio": ratio_of(one["ready_s"] / one["copy_s"] for one in rounds),
                "early_p50_ms": median(early_ms) if early_ms else None}
    return summary | {f"three_{name}": three[name] if three else None for name in ("ready_s", "connections", "slices")}
