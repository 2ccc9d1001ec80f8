"""What is committed is shown: by all three replicas, within 250 ms, whatever was written and however.

The latencies are printed (pytest -rP shows them); only the limit is asserted.
"""
import itertools
import time

import pytest

from atelier import catalogue
from atelier.promises import version
from atelier.sessions import Background
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of, milliseconds

RELOAD_LIMIT = 2  # … after a TRUNCATE, which makes them read everything again
ID = 5000  # the product that these tests write to


@pytest.fixture
def watch(stack):
    with Watch(stack.replicas) as watch:
        yield watch


@pytest.fixture
def product(owner, watch):
    """Product 5000 with one of everything, shown by all replicas; gone again afterwards."""
    catalogue.add_product(owner, ID, "Written")
    catalogue.add_product(owner, ID + 1, "Other")
    catalogue.insert(owner, "features", [(ID, ID, "f", "v")])
    catalogue.insert(owner, "styles", [(ID, ID, "s", "1.00", None, True), (ID + 1, ID, "t", "1.00", None, False)])
    catalogue.insert(owner, "photos", [(ID, ID, "u", "t")])
    catalogue.insert(owner, "skus", [(ID, ID, "S", 1)])
    catalogue.insert(owner, "related_products", [(ID, ID, ID + 1)])
    watch.seconds_until_shown(expected_of(owner, ID))
    yield ID
    owner.execute("DELETE FROM products WHERE id >= %s AND id < %s", [ID, ID + 1000])


def check_shown(watch, owner, *ids, limit=None, since=None):
    since = since or time.monotonic()
    seconds = watch.seconds_until_shown(expected_of(owner, *ids), limit, since)
    print(milliseconds(seconds))


CHANGES = {
    "product inserted": f"INSERT INTO products (id, name, default_price) VALUES ({ID + 2}, 'n', 1)",
    "product updated": f"UPDATE products SET name = 'new', default_price = 2 WHERE id = {ID}",
    "product renumbered": f"UPDATE products SET id = {ID + 2} WHERE id = {ID}",
    "product deleted": f"DELETE FROM products WHERE id = {ID}",
    "feature inserted": f"INSERT INTO features (id, product_id, feature) VALUES ({ID + 1}, {ID}, 'new')",
    "feature updated": f"UPDATE features SET value = 'new' WHERE id = {ID}",
    "feature moved": f"UPDATE features SET product_id = {ID + 1} WHERE id = {ID}",
    "feature deleted": f"DELETE FROM features WHERE id = {ID}",
    "style inserted": f"INSERT INTO styles (id, product_id, name, original_price) VALUES ({ID + 2}, {ID}, 'new', 1)",
    "style updated": f"UPDATE styles SET sale_price = 0.5 WHERE id = {ID}",
    "style moved": f"UPDATE styles SET product_id = {ID + 1} WHERE id = {ID}",
    "style deleted": f"DELETE FROM styles WHERE id = {ID}",
    "photo inserted": f"INSERT INTO photos (id, style_id, url) VALUES ({ID + 1}, {ID}, 'new')",
    "photo updated": f"UPDATE photos SET url = 'new' WHERE id = {ID}",
    "photo moved": f"UPDATE photos SET style_id = {ID + 1} WHERE id = {ID}",
    "photo deleted": f"DELETE FROM photos WHERE id = {ID}",
    "sku inserted": f"INSERT INTO skus (id, style_id, size, quantity) VALUES ({ID + 1}, {ID}, 'L', 3)",
    "sku updated": f"UPDATE skus SET quantity = 0 WHERE id = {ID}",
    "sku moved": f"UPDATE skus SET style_id = {ID + 1} WHERE id = {ID}",
    "sku deleted": f"DELETE FROM skus WHERE id = {ID}",
    "relation inserted": "INSERT INTO related_products (id, product_id, related_product_id)"
                         f" VALUES ({ID + 1}, {ID}, 2)",
    "relation updated": f"UPDATE related_products SET related_product_id = 3 WHERE id = {ID}",
    "relation deleted": f"DELETE FROM related_products WHERE id = {ID}",
    "a related product deleted": f"DELETE FROM products WHERE id = {ID + 1}",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_committed_change_is_shown_by_all_replicas(stack, owner, watch, product, moves, what):
    owner.execute(CHANGES[what])
    check_shown(watch, owner, ID, ID + 1, ID + 2)
    # Never "at least": a card that others show changes its own product only.
    wait_until("every replica heard of it",
               lambda: moves.of("atelier_feed_notifications_total") >= len(stack.replicas), 5)
    assert moves.of("atelier_feed_changes_total") >= len(stack.replicas)
    published = moves.of("atelier_refresh_published_total") + moves.of("atelier_refresh_absent_total")
    assert published >= len(stack.replicas)


def test_psql_s_update_is_shown_too(stack, owner, watch, product):
    """As the work order has it: another program, in a session of its own."""
    stack.postgres.psql("atelier_owner", f"UPDATE skus SET quantity = 0 WHERE style_id = {ID}")
    check_shown(watch, owner, ID)


def test_lists_show_what_was_inserted_and_deleted(owner, watch, product):
    for statement in (f"INSERT INTO products (id, name, default_price) VALUES ({ID + 3}, 'n', 1)",
                      f"UPDATE products SET name = 'renamed' WHERE id = {ID + 3}",
                      f"DELETE FROM products WHERE id = {ID + 3}"):
        owner.execute(statement)
        cards = catalogue.cards(owner)
        by_ids = [card for card in cards if card["id"] == ID + 3]
        watch.seconds_until_shown({"/products?count=1000": catalogue.body(cards),
                                   "/products": catalogue.body(cards[:5]),
                                   f"/products?ids={ID + 3}": catalogue.body(by_ids)})


def test_what_is_rolled_back_is_never_shown(owner, watch, product, moves):
    before = expected_of(owner, ID)
    owner.execute("BEGIN")
    owner.execute(f"UPDATE products SET name = 'never' WHERE id = {ID}")
    owner.execute("ROLLBACK")
    owner.execute(f"UPDATE products SET name = 'marker' WHERE id = {ID + 1}")
    check_shown(watch, owner, ID + 1)  # what was written later is there, so what was before has been looked at
    watch.seconds_until_shown(before, 0)
    assert moves.of("atelier_feed_changes_total") == len(watch.replicas)


def test_what_is_not_committed_yet_is_not_shown(stack, owner, watch, product):
    before = expected_of(owner, ID)
    with stack.postgres.connect("atelier_owner") as slow:
        slow.execute("BEGIN")
        slow.execute(f"UPDATE products SET name = 'late' WHERE id = {ID}")
        owner.execute(f"UPDATE products SET name = 'marker' WHERE id = {ID + 1}")
        check_shown(watch, owner, ID + 1)
        watch.seconds_until_shown(before, 0)
        slow.execute("COMMIT")
        check_shown(watch, owner, ID)


def test_a_long_write_transaction_holds_nobody_up(stack, owner, watch, product):
    """Its xid is older than all the others': whoever reads the log up to the oldest running one stalls here."""
    with stack.postgres.connect("atelier_owner") as slow:
        slow.execute("BEGIN")
        slow.execute(f"UPDATE products SET name = 'slow' WHERE id = {ID}")
        for number in range(20):
            owner.execute(f"UPDATE products SET name = 'quick {number}' WHERE id = {ID + 1}")
            check_shown(watch, owner, ID + 1)
        slow.execute("COMMIT")
        check_shown(watch, owner, ID)


def test_transactions_that_commit_in_another_order_than_they_began_are_all_shown(stack, owner, watch, product):
    """Three overlapping writers, in every order of commits: whoever remembers only a largest number loses one."""
    ids = [ID + 10 + number for number in range(3)]
    for id in ids:
        catalogue.add_product(owner, id)
    for order in itertools.permutations(range(3)):
        connections = [stack.postgres.connect("atelier_owner") for _ in order]
        for number, connection in enumerate(connections):
            connection.execute("BEGIN")
            connection.execute("UPDATE products SET name = %s WHERE id = %s", [f"{order}", ID + 10 + number])
        for number in order:
            connections[number].execute("COMMIT")
            check_shown(watch, owner, *ids)
            connections[number].close()


@pytest.mark.parametrize("first", ["sku", "style"])
def test_a_style_moved_while_its_sku_changes_is_right_everywhere(stack, owner, watch, product, first):
    """Rule 8's schedule: whoever finds a sku's product through its style keeps the new one stale for ever."""
    change = {"sku": f"UPDATE skus SET quantity = 77 WHERE id = {ID}",
              "style": f"UPDATE styles SET product_id = {ID + 1} WHERE id = {ID}"}
    second = "style" if first == "sku" else "sku"
    with stack.postgres.connect("atelier_owner") as other, stack.postgres.connect("postgres") as admin:
        owner.execute("BEGIN")
        owner.execute(change[first])
        waiting = Background(other, change[second]).wait_blocked(admin)
        owner.execute("COMMIT")
        waiting.finish()
    check_shown(watch, owner, ID, ID + 1)
    assert b'"quantity":77' in expected_of(owner, ID + 1)[f"/products/{ID + 1}/styles"]


def test_many_quick_changes_of_one_product_end_in_the_last(owner, watch, product):
    for number in range(300):
        owner.execute(f"UPDATE products SET name = 'number {number}' WHERE id = {ID}")
    check_shown(watch, owner, ID)


def test_a_change_of_every_product_in_one_statement_is_shown(owner, watch):
    ids = [id for id, in owner.execute("SELECT id FROM products")]
    owner.execute("UPDATE products SET slogan = slogan || '!'")
    check_shown(watch, owner, *ids, limit=1)


def test_two_phase_and_unnotified_commits_are_found_by_polling(owner, watch, product):
    owner.execute("BEGIN; SET LOCAL atelier.notify = off;"
                  f"UPDATE products SET name = 'two phases' WHERE id = {ID}; PREPARE TRANSACTION 'fresh'")
    owner.execute("COMMIT PREPARED 'fresh'")
    check_shown(watch, owner, ID)


def test_a_replication_role_s_write_is_shown(stack, owner, watch, product):
    with stack.postgres.connect("postgres") as admin, admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(f"UPDATE skus SET quantity = 12 WHERE id = {ID}")
    check_shown(watch, owner, ID)


@pytest.mark.parametrize("table", reversed(catalogue.TABLES))
def test_a_truncated_table_is_shown_empty_and_its_rows_come_back(owner, watch, table):
    ids = [id for id, in owner.execute("SELECT id FROM products")]
    owner.execute(f"TRUNCATE {table} CASCADE")
    check_shown(watch, owner, *ids, limit=RELOAD_LIMIT)
    watch.seconds_until_shown({"/products?count=1000": catalogue.body(catalogue.cards(owner))}, RELOAD_LIMIT)
    catalogue.fill(owner)
    check_shown(watch, owner, *ids, limit=RELOAD_LIMIT)
    watch.seconds_until_shown({"/products?count=1000": catalogue.body(catalogue.cards(owner))}, RELOAD_LIMIT)


def test_versions_only_rise_and_eras_agree(stack, owner, watch, product):
    seen = {name: [] for name in watch.clients}
    for number in range(50):
        owner.execute(f"UPDATE products SET name = 'version {number}' WHERE id = {ID}")
        for name, client in watch.clients.items():
            seen[name].append(version(client.get(f"/products/{ID}")))
    assert all(versions == sorted(versions) for versions in seen.values())
    assert len({era for versions in seen.values() for era, _ in versions}) == 1


def test_bytes_etags_and_order_are_the_same_on_all_replicas(stack, owner, watch, product):
    owner.execute(f"UPDATE products SET name = 'the same' WHERE id = {ID}")
    check_shown(watch, owner, ID)
    targets = [*catalogue.all_documents(owner), "/products?count=1000", "/products?after=5", "/products?ids=3,1"]
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        answers = [[client.get(target, headers) for target in targets] for client in watch.clients.values()]
        first = [(answer.status, answer["etag"], answer.identity()) for answer in answers[0]]
        for others in answers[1:]:
            assert [(answer.status, answer["etag"], answer.identity()) for answer in others] == first


def test_warm_reads_ask_postgres_nothing(stack, owner, watch, moves):
    targets = [*catalogue.all_documents(owner), "/products?count=1000", "/products?after=5", "/products?ids=3,1",
               "/products/77", "/products/77/styles"]
    with stack.postgres.connect("postgres") as admin:
        start, = admin.execute("SELECT clock_timestamp()").fetchone()
        for client in watch.clients.values():
            for target in targets:
                client.get(target)
        asked = admin.execute("SELECT query FROM pg_stat_activity WHERE usename = 'atelier_reader' AND query_start > %s"
                              " AND pid <> pg_backend_pid() AND query LIKE '%%public.%%'"
                              " AND query !~ 'pg_stat_get_tuples|extended'",  # the audit's, which has its own clock
                              [start]).fetchall()
    assert asked == []
    assert moves.of("atelier_postgres_fetches_total") == 0
    assert moves.of("atelier_http_requests_total") >= len(targets) * len(watch.clients)
