"""A transaction that is under way, and the SQL of stamped changes."""
import time

from .events import FACETS, Change, Transaction

SCHEMA = """
CREATE SCHEMA history;
-- Locked by whoever changes a product: so positions have the order of commits, and survive a deletion.
CREATE TABLE history.products (id bigint PRIMARY KEY, position bigint NOT NULL, alive boolean NOT NULL)
    WITH (fillfactor = 50);
-- The last transaction of each writer that was committed: says what became of one whose connection was lost.
CREATE TABLE history.writers (name text PRIMARY KEY, serial bigint NOT NULL) WITH (fillfactor = 50);
"""

_PARTS = {  # the rows of product i beside its own: so many of each; ids are made from the product's
    "features": "INSERT INTO features (id, product_id, feature, value) SELECT i * 10 + n, i, 'F' || n, {stamp}",
    "styles": "INSERT INTO styles (id, product_id, name, original_price) SELECT i * 10 + n, i, {stamp}, 1",
    "photos": "INSERT INTO photos (id, product_id, style_id, url, thumbnail_url)"
              " SELECT i * 10 + n, i, i * 10 + 1, {stamp}, 't'",
    "skus": "INSERT INTO skus (id, product_id, style_id, size, quantity)"
            " SELECT i * 10 + n, i, i * 10 + n, 'S', {stamp}",
}
ROWS = {"products": 1} | dict.fromkeys(_PARTS, 2)  # of one product


def ids_sql(ids):
    return "ARRAY[" + ",".join(map(str, ids)) + "]::bigint[]"


def insert_sql(ids, stamp):
    """All rows of these products, all with this stamp."""
    made = ["INSERT INTO products (id, name, slogan, category, default_price)"
            f" SELECT i, 'Product ' || i, {stamp}, 'history', 1 FROM unnest({ids_sql(ids)}) i"]
    made += [f"{sql.format(stamp=stamp)} FROM unnest({ids_sql(ids)}) i, generate_series(1, {ROWS[facet]}) n"
             for facet, sql in _PARTS.items()]
    return made


def update_sql(facet, ids, stamp):
    key = "id" if facet == "products" else "product_id"
    return f"UPDATE {facet} SET {FACETS[facet]} = {stamp} WHERE {key} = ANY ({ids_sql(ids)})"


def fill(connection, products, recorder):
    """The schema of the checker, and products 1 … `products`, as one transaction."""
    connection.execute(SCHEMA)
    made = Transaction("fill", "fill", 0, time.monotonic_ns())
    made.sent = made.begun
    stamp = next(recorder.stamps)
    ids = range(1, products + 1)
    with connection.transaction():
        for sql in insert_sql(ids, stamp):
            connection.execute(sql)
        connection.execute("INSERT INTO history.products SELECT id, 0, true FROM products")
    made.acked, made.committed = time.monotonic_ns(), True
    made.changes = [Change(id, 0, dict.fromkeys(FACETS, stamp)) for id in ids]
    recorder.record_transaction(made)


class Open:
    """A transaction under way: it has locked its products. Every statement is one round trip."""

    def __init__(self, writer, kind, ids, silent=False):
        """`silent`: without a notification."""
        self.writer = writer
        self.record = Transaction(writer.name, kind, next(writer.recorder.stamps), time.monotonic_ns())
        self.positions, self.alive, self.stamps, self.given = {}, {}, {}, set()
        writer.open = self
        rows = writer.query(
            f"BEGIN; {'SET LOCAL atelier.notify = off;' if silent else ''}"
            f" UPDATE history.writers SET serial = {self.record.serial} WHERE name = '{writer.name}';"
            f" WITH locked AS (SELECT id FROM history.products WHERE id = ANY ({ids_sql(ids)}) ORDER BY id FOR UPDATE)"
            " UPDATE history.products p SET position = p.position + 1 FROM locked WHERE p.id = locked.id"
            " RETURNING p.id, p.position, p.alive, pg_current_xact_id()::text::bigint")
        self.record.xid = rows[0][3]
        self.positions = {row[0]: row[1] for row in rows}
        self.alive = {row[0]: row[2] for row in rows}
        self.stamps = {id: {} for id in self.positions}  # as it will be once this is committed; None: deleted

    def write(self, facets, ids=None):
        """One new stamp in these facets; a product that does not exist is inserted again, whole."""
        ids = self.positions if ids is None else ids
        stamp = next(self.writer.recorder.stamps)
        self.given.add(stamp)
        there, gone = ([id for id in ids if self.alive[id] == alive] for alive in (True, False))
        statements = [update_sql(facet, there, stamp) for facet in facets] if there else []
        if gone:
            statements += insert_sql(gone, stamp)
            statements += [f"UPDATE history.products SET alive = true WHERE id = ANY ({ids_sql(gone)})"]
        self.writer.query("; ".join(statements))
        for id in ids:
            whole = FACETS if not self.alive[id] else facets
            self.stamps[id] = (self.stamps[id] or {}) | dict.fromkeys(whole, stamp)
            self.alive[id] = True

    def delete(self):
        ids = ids_sql(self.positions)
        self.writer.query(f"DELETE FROM products WHERE id = ANY ({ids});"
                          f" UPDATE history.products SET alive = false WHERE id = ANY ({ids})")
        self.stamps = dict.fromkeys(self.positions)
        self.alive = dict.fromkeys(self.positions, False)

    def savepoint(self):
        self.writer.query("SAVEPOINT a")
        return {id: dict(stamps) for id, stamps in self.stamps.items()}, dict(self.alive)

    def roll_back_to(self, saved):
        self.writer.query("ROLLBACK TO a")
        self.stamps, self.alive = saved

    def commit(self, sql="COMMIT"):
        self.record.sent = self.writer.recorder.in_doubt[self.writer.name] = time.monotonic_ns()
        self.writer.query(sql)
        self.end(True)

    def roll_back(self, sql="ROLLBACK"):
        self.writer.query(sql)
        self.end(False)

    def end(self, committed):
        record = self.record
        if committed:
            record.committed, record.acked = True, time.monotonic_ns()
        record.changes = [Change(id, self.positions[id], stamps) for id, stamps in self.stamps.items()]
        last = {stamp for stamps in self.stamps.values() for stamp in (stamps or {}).values()}
        record.hidden = tuple(self.given - last)
        self.writer.recorder.record_transaction(record)
        self.writer.recorder.in_doubt.pop(self.writer.name, None)
        self.writer.open = None
