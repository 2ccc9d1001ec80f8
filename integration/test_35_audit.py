"""The audit: what goes past the triggers is found and repaired, and nothing else is taken for it."""
import random
import time

import pytest

from atelier import catalogue
from atelier.build import program
from atelier.postgres import USER, Postgres
from atelier.process import run_checked
from atelier.sessions import Threads
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

FOUND_LIMIT = 10  # seconds, where a cycle takes one
LOGGING = ("feed_insert", "feed_update", "feed_delete")


def switch(connection, how, *triggers):
    for table in catalogue.TABLES:
        for trigger in triggers:
            connection.execute(f"ALTER TABLE {table} {how} TRIGGER {trigger}")


def past_triggers(connection, statement):
    """What a table owner may do: no trigger fires."""
    with connection.transaction():
        switch(connection, "DISABLE", *LOGGING)
        connection.execute(statement)
        switch(connection, "ENABLE", *LOGGING)


def flush_statistics(connection):
    connection.execute("SELECT pg_stat_force_next_flush()")


def whole_cycles(replicas, count=2):
    """Every replica's audit comes round so often from now on: the first time, it was half done already."""
    before = {replica.name: replica.metrics().total("atelier_audit_cycles_total") for replica in replicas}
    wait_until(f"{count} cycles on every replica", lambda: all(
        replica.metrics().total("atelier_audit_cycles_total") >= before[replica.name] + count
        for replica in replicas), 20)


@pytest.fixture(scope="module")
def audited(module_stack):
    return module_stack(with_nginx=False, options=["--audit-cycle-s", 1])


@pytest.fixture
def writer(audited):
    with audited.postgres.connect("atelier_owner") as owner:
        yield owner


@pytest.fixture
def counts(audited):
    return audited.moves()


def check_found(stack, connection, moves, *products):
    """Every replica shows these products as they are now, has counted and logged each of them once, and no other."""
    replicas = len(stack.replicas)
    with Watch(stack.replicas) as watch:
        watch.seconds_until_shown(expected_of(connection, *products), FOUND_LIMIT)
    wait_until("all repairs are counted",
               lambda: moves.of("atelier_audit_repaired_total") == len(products) * replicas, 5)
    assert moves.of("atelier_audit_inconsistent_total") == len(products) * replicas
    for replica in stack.replicas:
        assert set(products) <= {line["product"] for line in replica.logged("inconsistent")}


# What is done to which table, and the product that shows it. In this order: what was inserted is deleted next.
BYPASSES = {
    "products updated": ("UPDATE products SET slogan = 'past the triggers' WHERE id = 1", 1),
    "products inserted": ("INSERT INTO products (id, name, default_price) VALUES (5000, 'Past', 1)", 5000),
    "products deleted": ("DELETE FROM products WHERE id = 5000", 5000),
    "features updated": ("UPDATE features SET value = NULL WHERE id = 1", 1),
    "features inserted": ("INSERT INTO features (id, product_id, feature, value) VALUES (500, 1, 'Past', '')", 1),
    "features deleted": ("DELETE FROM features WHERE id = 500", 1),
    "features reordered": ("UPDATE features SET id = 499 WHERE id = 9", 11),
    "styles updated": ("UPDATE styles SET default_style = NOT default_style WHERE id = 1", 1),
    "styles inserted": ("INSERT INTO styles (id, product_id, name, original_price) VALUES (500, 1, 'Past', 2)", 1),
    "styles deleted": ("DELETE FROM styles WHERE id = 500", 1),
    "photos updated": ("UPDATE photos SET url = thumbnail_url, thumbnail_url = url WHERE id = 1", 1),
    "photos inserted": ("INSERT INTO photos (id, style_id, url) VALUES (500, 1, 'past')", 1),
    "photos deleted": ("DELETE FROM photos WHERE id = 500", 1),
    "skus updated": ("UPDATE skus SET quantity = quantity + 1 WHERE id = 1", 1),
    "skus inserted": ("INSERT INTO skus (id, style_id, size, quantity) VALUES (500, 1, 'L', 0)", 1),
    "skus deleted": ("DELETE FROM skus WHERE id = 500", 1),
    "related_products updated": ("UPDATE related_products SET related_product_id = 9 WHERE id = 1", 1),
    "related_products inserted": ("INSERT INTO related_products VALUES (500, 1, 10)", 1),
    "related_products deleted": ("DELETE FROM related_products WHERE id = 500", 1),
}


@pytest.mark.parametrize("name", BYPASSES)
def test_what_goes_past_the_triggers_is_found(audited, writer, counts, name):
    statement, product = BYPASSES[name]
    past_triggers(writer, statement)
    check_found(audited, writer, counts, product)


def test_a_row_that_moves_past_the_triggers_changes_both_products(audited, writer, counts):
    past_triggers(writer, "UPDATE features SET product_id = 4 WHERE id = 3")
    check_found(audited, writer, counts, 1, 4)
    whole_cycles(audited.replicas)
    assert counts.of("atelier_audit_inconsistent_total") == 2 * len(audited.replicas), "what was repaired stays so"


def test_a_write_in_the_replica_role_with_its_triggers_off_is_found(audited, writer, counts):
    """What a restore with --disable-triggers does."""
    with audited.postgres.connect(USER) as admin, admin.transaction():
        switch(admin, "DISABLE", "feed_replica")
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("UPDATE products SET name = 'restored' WHERE id IN (101, 102)")
        switch(admin, "ENABLE REPLICA", "feed_replica")
    check_found(audited, writer, counts, 101, 102)


def test_rows_that_belong_to_nobody_are_no_inconsistency(audited, writer, counts):
    with audited.postgres.connect(USER) as admin:
        with admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute("INSERT INTO features (id, product_id, feature) VALUES (600, 777777, 'no product')")
            admin.execute("INSERT INTO skus (id, product_id, style_id, size, quantity) VALUES (600, 1, 777777, 'M', 1)")
        whole_cycles(audited.replicas)
        assert counts.of("atelier_audit_inconsistent_total") == 0
        with admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute("DELETE FROM features WHERE id = 600")
            admin.execute("DELETE FROM skus WHERE id = 600")


def random_text(chance, longest=40):
    """Of any characters but NUL, in any length: also none."""
    planes = ((1, 0x7f), (0x80, 0x7ff), (0x800, 0xd7ff), (0xe000, 0xffff), (0x10000, 0x10ffff))
    return "".join(chr(chance.randint(*chance.choice(planes))) for _ in range(chance.randint(0, longest)))


def maybe(chance, value):
    return value if chance.random() < 0.8 else None


def fill_randomly(connection, seed, products=700):
    """Ids all over the range, values of every kind."""
    chance = random.Random(seed)
    ids = sorted({chance.randrange(1, 2 ** chance.randint(8, 63)) for _ in range(products)})

    def text():
        return random_text(chance)

    def price():
        return chance.choice(("0.00", "9999999999.99", f"{chance.randint(0, 10 ** 12 - 1) / 100:.2f}"))

    def part(columns):
        return [(id, chance.choice(ids), *columns()) for id in ids]

    styles = part(lambda: (text(), price(), maybe(chance, price()), chance.random() < 0.5))
    by_style = [(id, chance.choice(styles)[0]) for id in ids]
    rows = {
        "products": [(id, text(), *(maybe(chance, text()) for _ in range(3)), price()) for id in ids],
        "features": part(lambda: (text(), maybe(chance, text()))),
        "styles": styles,
        "photos": [(*at, maybe(chance, text()), maybe(chance, text())) for at in by_style],
        "skus": [(*at, text(), chance.choice((0, 2 ** 31 - 1, chance.randrange(2 ** 31)))) for at in by_style],
        "related_products": part(lambda: (chance.choice(ids),)),
    }
    with connection.transaction():
        for table in catalogue.TABLES:
            catalogue.insert(connection, table, rows[table])


@pytest.mark.parametrize("seed", [1, 2])
def test_both_sides_compute_the_same_digest(own_stack, seed):
    """Of products as loaded, and as fetched one by one: any difference would be an inconsistency."""
    stack = own_stack(lambda owner: fill_randomly(owner, seed), replicas=1, with_nginx=False,
                      options=["--audit-cycle-s", 1])
    replica, = stack.replicas
    moves = stack.moves()
    whole_cycles(stack.replicas)
    with stack.postgres.connect("atelier_owner") as owner:
        owner.execute("UPDATE products SET category = 'fetched anew'")
        products, last = owner.execute("SELECT count(*), max(id) FROM products").fetchone()
        with Watch(stack.replicas) as watch:
            watch.seconds_until_shown(expected_of(owner, last), 10)
    whole_cycles(stack.replicas)
    assert moves.of("atelier_audit_checked_total") >= 2 * products
    assert replica.metrics().total("atelier_audit_inconsistent_total") == 0


class Writers(Threads):
    """Two clients that insert, update and delete, together about 200 times a second."""

    STATEMENTS = (
        "UPDATE products SET slogan = md5(random()::text) WHERE id = %(id)s",
        "UPDATE skus SET quantity = quantity + 1 WHERE id = 1",
        "INSERT INTO products (id, name, default_price) VALUES (8000 + %(id)s, 'n', 1) ON CONFLICT DO NOTHING",
        "INSERT INTO features (id, product_id, feature) VALUES (1000 + (random() * 1e15)::bigint, %(id)s, 'n')",
        "DELETE FROM features WHERE product_id = %(id)s",
        "DELETE FROM products WHERE id = 8000 + %(id)s",
    )

    def __init__(self, postgres):
        super().__init__([lambda seed=seed: self._run(seed) for seed in range(2)])
        self.postgres, self.written = postgres, 0

    def _run(self, seed):
        chance = random.Random(seed)
        with self.postgres.connect("atelier_owner") as owner:
            while self.running:
                owner.execute(chance.choice(self.STATEMENTS), {"id": chance.randint(101, 160)})
                self.written += 1
                time.sleep(0.01)


def test_writes_are_no_inconsistency(audited, counts):
    with Writers(audited.postgres) as writers:
        whole_cycles(audited.replicas, 8)
    assert writers.written > 400
    assert counts.of("atelier_audit_checked_total") > 0
    assert counts.of("atelier_audit_inconsistent_total") == 0
    assert counts.of("atelier_feed_changes_total") > 400


# ── a long cycle, and Postgres's statistics ──

ALARM_LIMIT = 45  # statistics are looked at every 10 s, and so late they may be; and a busy machine


@pytest.fixture(scope="module")
def leisurely(module_stack):
    """With canaries, whose rows in the log must not count as changes."""
    return module_stack(replicas=1, with_nginx=False, options=["--audit-cycle-s", 604800, "--canary-ms", 100])


def statistics_are_looked_at(postgres):
    """Once more, from now on."""
    with postgres.connect(USER) as admin:
        now, = admin.execute("SELECT clock_timestamp()").fetchone()
        wait_until("statistics are looked at", lambda: admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'atelierd/%%/fetch' AND query LIKE"
            " '%%pg_stat_get_tuples_inserted%%' AND query_start > %s", [now]).fetchone(), 25)


@pytest.mark.limit(150)
def test_rows_that_change_without_the_log_start_an_audit(leisurely):
    """And nothing else does: not what is logged, undone, emptied and filled, or replaced as a whole."""
    replica, = leisurely.replicas
    moves = leisurely.moves()
    with leisurely.postgres.connect("atelier_owner") as owner:
        statistics_are_looked_at(leisurely.postgres)
        with pytest.raises(ZeroDivisionError), owner.transaction():
            owner.execute("DELETE FROM products")
            raise ZeroDivisionError
        flush_statistics(owner)
        statistics_are_looked_at(leisurely.postgres)
        catalogue.fill(owner)
        flush_statistics(owner)
        run_checked([program("atelier-catalogue"), "generate", "--products", 50, "--load", "--postgres",
                     leisurely.postgres.conninfo("atelier_owner")])
        statistics_are_looked_at(leisurely.postgres)
        assert moves.of("atelier_audit_alarms_total") == moves.of("atelier_audit_inconsistent_total") == 0
        past_triggers(owner, "UPDATE products SET slogan = 'past the triggers' WHERE id = 7")
        flush_statistics(owner)
        with Watch(leisurely.replicas) as watch:
            watch.seconds_until_shown(expected_of(owner, 7), ALARM_LIMIT)
        assert moves.of("atelier_audit_alarms_total") == moves.of("atelier_audit_inconsistent_total") == 1
        assert replica.logged("audit_hurried")[-1]["rows"] == 1


def test_0_is_never(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=["--audit-cycle-s", 0])
    with stack.postgres.connect("atelier_owner") as owner, stack.postgres.connect(USER) as admin:
        past_triggers(owner, "UPDATE products SET slogan = 'past the triggers' WHERE id = 1")
        flush_statistics(owner)
        with Watch(stack.replicas) as watch:
            owner.execute("UPDATE products SET slogan = 'logged' WHERE id = 2")
            watch.seconds_until_shown(expected_of(owner, 2), 5)
        asked = admin.execute("SELECT query FROM pg_stat_activity WHERE application_name LIKE 'atelierd/%/fetch'")
        assert not any("bit_xor" in query or "pg_stat_get" in query for query, in asked.fetchall())
        assert stack.replicas[0].metrics().total("atelier_audit_ranges_total") == 0


# ── rows that arrive by logical replication fire the triggers ──

@pytest.fixture
def publisher(own, template):
    with Postgres(own / "publisher", template, wal_level="logical") as postgres:
        yield postgres.create()


REPLICATED = (  # statements at the publisher, the products that they change
    ("UPDATE products SET name = 'replicated' WHERE id = 2", [2]),
    ("INSERT INTO products (id, name, default_price) VALUES (6000, 'replicated', 1)", [6000]),
    ("UPDATE features SET product_id = 2 WHERE id = 1", [1, 2]),
    ("INSERT INTO styles (id, product_id, name, original_price) VALUES (600, 6000, 'replicated', 1)", [6000]),
    ("INSERT INTO photos (id, style_id, url) VALUES (600, 600, 'replicated')", [6000]),
    ("INSERT INTO skus (id, style_id, size, quantity) VALUES (600, 600, 'L', 3)", [6000]),
    ("UPDATE skus SET quantity = 4 WHERE id = 600", [6000]),
    ("INSERT INTO related_products (id, product_id, related_product_id) VALUES (600, 6000, 1)", [6000]),
    ("DELETE FROM photos WHERE id = 600", [6000]),
    ("DELETE FROM products WHERE id = 6000", [6000]),
    ("TRUNCATE features", [1, 2, 6, 11]),
)


@pytest.mark.limit(120)
def test_rows_that_arrive_by_logical_replication_are_logged(own_stack, publisher):
    """The audit finds nothing: each change was announced. The first copy of all rows arrives in the same way."""
    stack = own_stack(None, replicas=1, with_nginx=False, options=["--audit-cycle-s", 1])
    with publisher.connect(USER) as source, stack.postgres.connect(USER) as target, Watch(stack.replicas) as watch:
        catalogue.fill(source)
        source.execute(f"CREATE PUBLICATION catalogue FOR TABLE {', '.join(catalogue.TABLES)}")
        target.execute(f"CREATE SUBSCRIPTION catalogue CONNECTION 'host=127.0.0.1 port={publisher.port} dbname=atelier"
                       f" user={USER} password={publisher.passwords[USER]}' PUBLICATION catalogue")
        watch.seconds_until_shown(expected_of(source, 1, 2, 3, 7, 11), 30)
        for statement, products in REPLICATED:
            source.execute(statement)
            watch.seconds_until_shown(expected_of(source, *products), 10)
        whole_cycles(stack.replicas)
        assert stack.replicas[0].metrics().total("atelier_audit_inconsistent_total") == 0
        target.execute("DROP SUBSCRIPTION catalogue")
