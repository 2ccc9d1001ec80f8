"""The kinds of change: each a short story of one or two transactions."""
from .events import FACETS
from .transaction import Open


def one_row(w, kind):
    change = w.begin(kind, w.pick(1))
    change.write(w.random.sample(("products", "features", "styles", "skus"), 1))
    change.commit()


def many_products(w, kind):
    change = w.begin(kind, w.pick(w.random.randint(10, 40)))
    change.write(w.some_facets())
    change.commit()


def whole_products(w, kind):
    change = w.begin(kind, w.pick(w.random.randint(2, 8)))
    change.write(FACETS)
    change.commit()


def several_statements(w, kind):
    """The second statement replaces some of what the first one wrote, and adds to it."""
    ids = w.pick(8)
    change = w.begin(kind, ids)
    change.write(("products", "styles"))
    change.write(("products", "skus"), ids[:5])
    change.write(("styles", "features"))
    change.commit()


def savepoint_rolled_back(w, kind):
    ids = w.pick(8)
    change = w.begin(kind, ids)
    change.write(w.some_facets(), ids[:5])
    saved = change.savepoint()
    change.write(("products", "features"), ids[3:])
    change.roll_back_to(saved)
    if w.random.random() < 0.5:
        change.write(("features", "skus"), ids[6:])
    change.commit()


def rolled_back(w, kind):
    change = w.begin(kind, w.pick(w.random.randint(1, 16)))
    change.write(w.some_facets())
    w.stopped.wait(w.random.choice((0, 0.02)))
    change.roll_back()


def without_notification(w, kind):
    change = w.begin(kind, w.pick(w.random.randint(4, 16)), silent=True)
    change.write(w.some_facets())
    change.commit()


def prepared(w, kind):
    """Two-phase commit; one in three is rolled back after all. Postgres refuses it after a notification."""
    change = w.begin(kind, w.pick(8, own=True), silent=True)
    change.write(w.some_facets())
    w.query(f"PREPARE TRANSACTION '{w.prepared}'")
    w.stopped.wait(w.random.choice((0, 0.1, 0.5)))
    end = change.commit if w.random.random() < 0.66 else change.roll_back
    end(f"{'COMMIT' if end == change.commit else 'ROLLBACK'} PREPARED '{w.prepared}'")


def long(w, kind):
    """Many snapshots are taken while it runs, and many later transactions are over before it is."""
    change = w.begin(kind, w.pick(12, own=True))
    change.write(w.some_facets())
    w.stopped.wait(w.random.uniform(0.05, 2))
    change.write(("products",))
    change.commit()


def deleted_and_inserted_again(w, kind):
    ids = w.pick(w.random.randint(1, 4))
    change = w.begin(kind, ids)
    change.delete()
    if w.random.random() < 0.3:
        change.write(("products",))  # in the same transaction: nobody may see them gone
        change.commit()
        return
    change.commit()
    w.stopped.wait(w.random.choice((0, 0.05, 0.4)))
    change = w.begin(kind, ids)
    change.write(("products",))
    change.commit()


def cold(writer, id):
    """Of one product, for a fault that wants one which nobody has changed for long."""
    change = Open(writer, "cold", [id])
    change.write(FACETS)
    change.commit()


KINDS = {do.__name__.replace("_", " "): do for do in (
    one_row, many_products, whole_products, several_statements, savepoint_rolled_back, rolled_back,
    without_notification, prepared, long, deleted_and_inserted_again)}

# How often each is chosen. Most writers hurry; two hold transactions open most of their time.
HURRIED = {"one row": 15, "many products": 45, "whole products": 8, "several statements": 6, "savepoint rolled back": 6,
           "rolled back": 5, "without notification": 6, "deleted and inserted again": 3}
SLOW = {"prepared": 3, "long": 3, "many products": 1}
