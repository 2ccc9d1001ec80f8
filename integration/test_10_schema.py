"""The schema: what the triggers log and notify, who may do what, which values are refused.

Postgres alone, without a server: when this file fails, look here first.
"""
import pytest
from psycopg import errors

from atelier import catalogue
from atelier.sessions import Background, Ear

EVERYTHING = 0  # the product id that stands for all of them

ROWS = {
    "products": [(id, f"Product {id}", "s", "d", "c", "1.00") for id in (1, 2, 3)],
    "features": [(10, 1, "f", "v"), (20, 2, "f", "v"), (30, 3, "f", None)],
    "styles": [(100, 1, "s", "1.00", None, True), (101, 1, "t", "1.00", None, False),
               (200, 2, "s", "1.00", None, True)],
    "photos": [(1000, 100, "u", "t"), (2000, 200, "u", "t")],
    "skus": [(1000, 100, "S", 1), (1001, 101, "S", 1), (2000, 200, "S", 1)],
    "related_products": [(7001, 1, 2), (7002, 2, 1), (7003, 3, 1)],
}


@pytest.fixture
def owner(database):
    with database.connect("atelier_owner") as connection:
        connection.execute("DELETE FROM products")  # much quicker than TRUNCATE for a few rows
        for table, rows in ROWS.items():
            catalogue.insert(connection, table, rows)
        connection.execute("DELETE FROM feed.change_log")
        yield connection


@pytest.fixture
def admin(database, owner):
    with database.connect("postgres") as connection:
        yield connection


@pytest.fixture
def reader(database, owner):
    with database.connect("atelier_reader") as connection:
        yield connection


@pytest.fixture
def ear(database):
    with database.connect("atelier_reader") as connection:
        yield Ear(connection, "atelier_changes")


def logged(connection):
    """{xid: [product ids]} of the whole change log."""
    log = {}
    for xid, product_id in connection.execute("SELECT xid::text, product_id FROM feed.change_log ORDER BY 1, 2"):
        log.setdefault(int(xid), []).append(product_id)
    return log


def change(connection, *statements, settings=()):
    """Runs the statements in one transaction; its xid, or None if it needed none."""
    with connection.transaction():
        for statement in (*settings, *statements):
            connection.execute(statement)
        xid, = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
        return xid and int(xid)


# what is done, and the products whose documents it changes
CHANGES = {
    "product inserted": ("INSERT INTO products (id, name, default_price) VALUES (9, 'n', 1)", [9]),
    "products inserted": ("INSERT INTO products (id, name, default_price) VALUES (8, 'n', 1), (9, 'n', 1)", [8, 9]),
    "product updated": ("UPDATE products SET name = 'n' WHERE id = 1", [1]),
    "products updated": ("UPDATE products SET name = name || '!'", [1, 2, 3]),
    "product renumbered": ("UPDATE products SET id = 9 WHERE id = 1", [1, 2, 3, 9]),
    "product deleted": ("DELETE FROM products WHERE id = 1", [1, 2, 3]),
    "product nobody relates to deleted": ("DELETE FROM products WHERE id = 3", [3]),
    "products truncated": ("TRUNCATE products CASCADE", [EVERYTHING]),
    "feature inserted": ("INSERT INTO features (product_id, feature) VALUES (3, 'f')", [3]),
    "feature updated": ("UPDATE features SET value = 'w' WHERE id = 10", [1]),
    "feature moved": ("UPDATE features SET product_id = 3 WHERE id = 10", [1, 3]),
    "feature deleted": ("DELETE FROM features WHERE id = 10", [1]),
    "features truncated": ("TRUNCATE features", [EVERYTHING]),
    "style inserted": ("INSERT INTO styles (product_id, name, original_price) VALUES (3, 's', 1)", [3]),
    "style updated": ("UPDATE styles SET sale_price = 0.5 WHERE id = 100", [1]),
    "style moved, with its photos and skus": ("UPDATE styles SET product_id = 3 WHERE id = 100", [1, 3]),
    "style renumbered": ("UPDATE styles SET id = 900 WHERE id = 100", [1]),
    "style deleted": ("DELETE FROM styles WHERE id = 100", [1]),
    "styles truncated": ("TRUNCATE styles CASCADE", [EVERYTHING]),
    "photo inserted": ("INSERT INTO photos (style_id, url) VALUES (200, 'u')", [2]),
    "photo updated": ("UPDATE photos SET url = 'w' WHERE id = 1000", [1]),
    "photo moved": ("UPDATE photos SET style_id = 200 WHERE id = 1000", [1, 2]),
    "photo deleted": ("DELETE FROM photos WHERE id = 1000", [1]),
    "photos truncated": ("TRUNCATE photos", [EVERYTHING]),
    "sku inserted": ("INSERT INTO skus (style_id, size, quantity) VALUES (200, 'S', 1)", [2]),
    "sku updated": ("UPDATE skus SET quantity = 0 WHERE id = 1000", [1]),
    "skus of several products updated": ("UPDATE skus SET quantity = 0", [1, 2]),
    "sku moved": ("UPDATE skus SET style_id = 200 WHERE id = 1000", [1, 2]),
    "sku deleted": ("DELETE FROM skus WHERE id = 1000", [1]),
    "skus truncated": ("TRUNCATE skus", [EVERYTHING]),
    "relation inserted": ("INSERT INTO related_products (product_id, related_product_id) VALUES (3, 2)", [3]),
    "relation updated": ("UPDATE related_products SET related_product_id = 3 WHERE id = 7001", [1]),
    "relation moved": ("UPDATE related_products SET product_id = 3 WHERE id = 7001", [1, 3]),
    "relation deleted": ("DELETE FROM related_products WHERE id = 7001", [1]),
    "relations truncated": ("TRUNCATE related_products", [EVERYTHING]),
    "upsert": ("INSERT INTO products (id, name, default_price) VALUES (1, 'n', 1), (9, 'n', 1)"
               " ON CONFLICT (id) DO UPDATE SET name = excluded.name", [1, 9]),
    "merge": ("MERGE INTO skus USING (VALUES (1000), (2000)) AS v (id) ON skus.id = v.id"
              " WHEN MATCHED AND v.id = 1000 THEN DELETE WHEN MATCHED THEN UPDATE SET quantity = 0", [1, 2]),
    "two tables by one statement": ("WITH gone AS (DELETE FROM features WHERE id = 20)"
                                    " UPDATE skus SET quantity = 0 WHERE id = 1000", [1, 2]),
}
NO_CHANGES = {
    "update of no row": "UPDATE products SET name = 'n' WHERE id = 77",
    "delete of no row": "DELETE FROM skus WHERE id = 77",
    "insert of no row": "INSERT INTO features (product_id, feature) SELECT 1, 'f' WHERE false",
    "conflict that does nothing": "INSERT INTO products (id, name, default_price) VALUES (1, 'n', 1)"
                                  " ON CONFLICT DO NOTHING",
    "locking read": "SELECT 1 FROM products FOR UPDATE",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_logged_and_notified_once(owner, ear, what):
    statement, products = CHANGES[what]
    xid = change(owner, statement)
    assert logged(owner) == {xid: products}
    assert ear.heard(owner) == [""]


@pytest.mark.parametrize("what", NO_CHANGES)
def test_what_changes_nothing_is_neither_logged_nor_notified(owner, ear, what):
    change(owner, NO_CHANGES[what])
    assert logged(owner) == {}
    assert ear.heard(owner) == []


def test_copy_is_logged(owner, ear):
    with owner.cursor().copy("COPY skus (style_id, size, quantity) FROM STDIN") as copy:
        copy.write("100\tS\t1\n200\tM\t2\n")
    assert list(logged(owner).values()) == [[1, 2]]
    assert ear.heard(owner) == [""]


def test_many_changes_in_one_transaction_are_one_row_a_product_and_one_notification(owner, ear):
    xid = change(owner, "UPDATE skus SET quantity = 5 WHERE id = 1000", "UPDATE products SET name = 'n' WHERE id = 1",
                 "DELETE FROM features WHERE id = 10", "UPDATE skus SET quantity = 6 WHERE id = 2000")
    assert logged(owner) == {xid: [1, 2]}
    assert ear.heard(owner) == [""]


def test_what_is_rolled_back_is_neither_logged_nor_notified(owner, ear):
    with pytest.raises(ZeroDivisionError), owner.transaction():
        owner.execute("UPDATE products SET name = 'n' WHERE id = 1")
        raise ZeroDivisionError
    assert logged(owner) == {}
    assert ear.heard(owner) == []


def test_a_change_after_a_rolled_back_savepoint_is_logged_under_the_whole_transactions_xid(owner, ear):
    xid = change(owner, "SAVEPOINT s", "UPDATE products SET name = 'n' WHERE id = 1", "ROLLBACK TO s",
                 "SAVEPOINT t", "UPDATE products SET name = 'n' WHERE id = 1", "RELEASE t")
    assert logged(owner) == {xid: [1]}
    assert ear.heard(owner) == [""]


def test_notification_can_be_switched_off_for_a_transaction_but_not_the_log(owner, ear):
    xid = change(owner, "UPDATE products SET name = 'n' WHERE id = 1", settings=["SET LOCAL atelier.notify = off"])
    assert logged(owner) == {xid: [1]}
    assert ear.heard(owner) == []
    change(owner, "UPDATE products SET name = 'm' WHERE id = 1")
    assert ear.heard(owner) == [""]


def test_a_two_phase_transaction_works_without_notification(owner, ear):
    owner.execute("BEGIN")
    owner.execute("SET LOCAL atelier.notify = off")
    owner.execute("UPDATE products SET name = 'n' WHERE id = 1")
    owner.execute("PREPARE TRANSACTION 'two phases'")
    assert logged(owner) == {}
    owner.execute("COMMIT PREPARED 'two phases'")
    assert list(logged(owner).values()) == [[1]]
    assert ear.heard(owner) == []


@pytest.mark.parametrize("statement, products", [
    ("INSERT INTO products (id, name, default_price) VALUES (9, 'n', 1)", [9]),
    ("UPDATE products SET name = 'n' WHERE id IN (1, 2)", [1, 2]),
    ("UPDATE features SET product_id = 3 WHERE id = 10", [1, 3]),
    ("DELETE FROM skus WHERE id = 1000", [1]),
    ("INSERT INTO photos (id, product_id, style_id, url) VALUES (9, 2, 200, 'u')", [2]),
    ("UPDATE skus SET quantity = 0", [1, 2]),
    ("DELETE FROM related_products WHERE id = 7003", [3]),
    ("TRUNCATE photos", [EVERYTHING]),
])
def test_a_replica_role_write_is_logged_once(admin, ear, statement, products):
    """What logical replication applies: ordinary triggers are silent there, others stand in for them."""
    xid = change(admin, statement, settings=["SET LOCAL session_replication_role = replica"])
    assert logged(admin) == {xid: products}
    assert ear.heard(admin) == [""]


# ── the product of a photo and a sku ──

@pytest.mark.parametrize("table, row", [("photos", "url) VALUES ({}, 'u')"),
                                        ("skus", "size, quantity) VALUES ({}, 'S', 1)")])
def test_a_style_s_row_gets_the_product_of_its_style(owner, table, row):
    insert = f"INSERT INTO {table} (style_id, {row.format(200)} RETURNING product_id"
    assert owner.execute(insert).fetchone() == (2,)
    with_product = f"INSERT INTO {table} (product_id, style_id, " + row
    owner.execute(with_product.format("2, 200"))
    with pytest.raises(errors.IntegrityError):
        owner.execute(with_product.format("1, 200"))
    with pytest.raises(errors.IntegrityError):
        owner.execute(f"INSERT INTO {table} (style_id, {row.format(77)}")
    with pytest.raises(errors.IntegrityError):
        owner.execute(f"UPDATE {table} SET product_id = 3 WHERE id = 1000")


def products_of_style(connection, style_id):
    """The product of the style itself, then those of its skus: all must be one."""
    return {row[0] for row in connection.execute(
        "SELECT product_id FROM styles WHERE id = %s UNION ALL SELECT product_id FROM skus WHERE style_id = %s",
        [style_id, style_id])}


CONCURRENT = {
    "updated": "UPDATE skus SET quantity = 7 WHERE id = 1000",
    "inserted": "INSERT INTO skus (style_id, size, quantity) VALUES (100, 'L', 7)",
    "deleted": "DELETE FROM skus WHERE id = 1000",
}
MOVE = "UPDATE styles SET product_id = 3 WHERE id = 100"


@pytest.mark.parametrize("what", CONCURRENT)
def test_a_sku_changes_while_its_style_is_being_moved(owner, admin, database, what):
    """The move commits first: the sku's change must then be logged for the new product."""
    with database.connect("atelier_owner") as other:
        owner.execute("BEGIN")
        owner.execute(MOVE)
        waiting = Background(other, CONCURRENT[what]).wait_blocked(admin)
        owner.execute("COMMIT")
        waiting.finish()
    move, after = logged(owner).values()
    assert move == [1, 3] and 3 in after
    assert products_of_style(owner, 100) == {3}


@pytest.mark.parametrize("what", CONCURRENT)
def test_a_style_is_moved_while_its_sku_is_being_changed(owner, admin, database, what):
    """The sku's change commits first: the move must take the sku along, and be logged for both products."""
    with database.connect("atelier_owner") as other:
        other.execute("BEGIN")
        other.execute(CONCURRENT[what])
        waiting = Background(owner, MOVE).wait_blocked(admin)
        other.execute("COMMIT")
        waiting.finish()
    assert sorted(logged(owner).values()) == [[1], [1, 3]]
    assert products_of_style(owner, 100) == {3}


# ── values ──

@pytest.mark.parametrize("price", ["0", "0.01", "9999999999.99"])
def test_a_price_that_is_one_is_accepted(owner, price):
    owner.execute(f"UPDATE products SET default_price = {price} WHERE id = 1")
    owner.execute(f"UPDATE styles SET original_price = {price}, sale_price = {price} WHERE id = 100")


@pytest.mark.parametrize("column", ["products.default_price", "styles.original_price", "styles.sale_price"])
@pytest.mark.parametrize("price", ["'NaN'", "'Infinity'", "-0.01", "10000000000"])
def test_a_price_that_is_none_is_refused(owner, column, price):
    table, name = column.split(".")
    with pytest.raises((errors.CheckViolation, errors.NumericValueOutOfRange)):
        owner.execute(f"UPDATE {table} SET {name} = {price}")


@pytest.mark.parametrize("statement, error", [
    ("INSERT INTO products (id, name, default_price) VALUES (0, 'n', 1)", errors.CheckViolation),
    ("INSERT INTO products (id, name, default_price) VALUES (-1, 'n', 1)", errors.CheckViolation),
    ("INSERT INTO products (id, name, default_price) VALUES (1, 'n', 1)", errors.UniqueViolation),
    ("INSERT INTO products (name, default_price) VALUES (NULL, 1)", errors.NotNullViolation),
    ("INSERT INTO products (name) VALUES ('n')", errors.NotNullViolation),
    ("INSERT INTO features (product_id, feature) VALUES (77, 'f')", errors.ForeignKeyViolation),
    ("INSERT INTO features (product_id) VALUES (1)", errors.NotNullViolation),
    ("INSERT INTO styles (product_id, name, original_price) VALUES (77, 'n', 1)", errors.ForeignKeyViolation),
    ("INSERT INTO related_products (product_id, related_product_id) VALUES (1, 77)", errors.ForeignKeyViolation),
    ("INSERT INTO skus (style_id, size, quantity) VALUES (100, 'S', -1)", errors.CheckViolation),
    ("INSERT INTO skus (style_id, size) VALUES (100, 'S')", errors.NotNullViolation),
])
def test_a_row_that_breaks_the_model_is_refused(owner, statement, error):
    with pytest.raises(error):
        owner.execute(statement)
    assert logged(owner) == {}


def test_the_biggest_ids_are_accepted(owner):
    for table, row in {"products": (catalogue.BIGGEST, "n", "s", "d", "c", 1),
                       "features": (catalogue.BIGGEST, catalogue.BIGGEST, "f", None),
                       "styles": (catalogue.BIGGEST, catalogue.BIGGEST, "n", 1, None, True),
                       "photos": (catalogue.BIGGEST, catalogue.BIGGEST, "u", None),
                       "skus": (catalogue.BIGGEST, catalogue.BIGGEST, "S", 1),
                       "related_products": (catalogue.BIGGEST, catalogue.BIGGEST, 1)}.items():
        catalogue.insert(owner, table, [row])
    assert {tuple(products) for products in logged(owner).values()} == {(catalogue.BIGGEST,)}


# ── rights ──

@pytest.mark.parametrize("table", [*catalogue.TABLES, "feed.change_log", "feed.horizon", "feed.ticks"])
def test_the_reader_reads_but_cannot_write(reader, table):
    column, = reader.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1",
                             [table]).fetchone()
    reader.execute(f"SELECT * FROM {table}")
    for statement in (f"INSERT INTO {table} DEFAULT VALUES", f"UPDATE {table} SET {column} = {column}",
                      f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"):
        with pytest.raises(errors.InsufficientPrivilege), reader.transaction():
            reader.execute(statement)


def test_the_reader_may_lock_the_tables_for_reading(reader):
    with reader.transaction():
        reader.execute(f"LOCK TABLE {', '.join(catalogue.TABLES)} IN ACCESS SHARE MODE")


@pytest.mark.parametrize("statement", ["CREATE TABLE public.t (i int)", "CREATE TABLE feed.t (i int)",
                                       "CREATE SCHEMA s"])
def test_the_reader_cannot_create_anything(reader, statement):
    with pytest.raises(errors.InsufficientPrivilege):
        reader.execute(statement)


@pytest.fixture
def writer(database, admin):
    """A third role, which may write the catalogue and knows nothing of the feed."""
    admin.execute("CREATE ROLE writer LOGIN PASSWORD 'writer'")
    admin.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {', '.join(catalogue.TABLES)} TO writer")
    with database.connect("writer", password="writer") as connection:
        yield connection
    admin.execute("DROP OWNED BY writer; DROP ROLE writer")


@pytest.mark.parametrize("what", CHANGES)
def test_a_third_role_with_rights_on_the_tables_alone_can_write_them(writer, admin, ear, what):
    statement, products = CHANGES[what]
    xid = change(writer, statement)
    assert logged(admin) == {xid: products}
    assert ear.heard(admin) == [""]


def test_a_third_role_cannot_touch_the_feed(writer):
    for statement in ("SELECT * FROM feed.change_log", "INSERT INTO feed.change_log VALUES ('1', 1)",
                      "SELECT feed.prune('1 hour')", "SELECT feed.canary(-1)"):
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute(statement)


def test_a_writer_s_search_path_and_temporary_tables_cannot_divert_the_log(writer, admin):
    admin.execute("GRANT TEMPORARY ON DATABASE atelier TO writer")
    writer.execute("CREATE TEMPORARY TABLE change_log (xid xid8, product_id bigint)")
    writer.execute("CREATE TEMPORARY TABLE styles (LIKE public.styles)")
    writer.execute("SET search_path = pg_temp")
    writer.execute("UPDATE public.products SET name = 'n' WHERE id = 1")
    writer.execute("INSERT INTO public.skus (style_id, size, quantity) VALUES (200, 'S', 1)")
    assert sorted(logged(admin).values()) == [[1], [2]]


# ── pruning ──

def horizon(connection):
    return int(connection.execute("SELECT xid::text FROM feed.horizon").fetchone()[0])


def prune(connection, retention):
    return connection.execute("SELECT feed.prune(%s::interval)", [retention]).fetchone()[0]


def test_pruning_drops_old_rows_and_stores_how_far(owner, reader):
    xid = change(owner, "UPDATE products SET name = 'n' WHERE id = 1")
    prune(reader, "1 hour")
    assert logged(owner) == {xid: [1]}
    while logged(owner):  # the tick that proves the age may be this call's or an earlier one's
        prune(reader, "0 seconds")
    assert horizon(reader) > xid


def test_pruning_keeps_what_a_running_transaction_will_log(owner, reader, database):
    with database.connect("atelier_owner") as slow:
        slow.execute("BEGIN")
        slow.execute("UPDATE products SET name = 'slow' WHERE id = 2")
        running = int(slow.execute("SELECT pg_current_xact_id()::text").fetchone()[0])
        later = change(owner, "UPDATE products SET name = 'n' WHERE id = 1")
        for _ in range(3):
            prune(reader, "0 seconds")
        assert horizon(reader) <= running
        assert logged(owner) == {later: [1]}
        slow.execute("COMMIT")
    assert logged(owner) == {running: [2], later: [1]}


def test_two_prunings_at_once_do_not_wait_for_each_other(owner, reader, database):
    with database.connect("atelier_reader") as other, other.transaction():
        prune(other, "0 seconds")
        reader.execute("SET statement_timeout = '2s'")
        assert prune(reader, "0 seconds") in (0, None)
