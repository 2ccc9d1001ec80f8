"""Many products: one statement that changes all of them, a load that takes its time, documents without end."""
import time

import pytest

from atelier import catalogue
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.sessions import Threads
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

MANY = 10_000
SHOWN_LIMIT = 5  # seconds until all of a bulk change is rendered, on every replica
MARKED = "detail=marked"


def fill_many(owner):
    owner.execute(f"INSERT INTO products (id, name, default_price) SELECT n, 'Product ' || n, n FROM"
                  f" generate_series(1, {MANY}) AS n")
    owner.execute("INSERT INTO styles (id, product_id, name, original_price, default_style)"
                  " SELECT id, id, 'Only', default_price, true FROM products")
    owner.execute("INSERT INTO skus (id, style_id, size, quantity) SELECT id, id, 'One', id FROM products")
    owner.execute("ANALYZE products, styles, skus")


@pytest.fixture(scope="module")
def many(module_stack):
    return module_stack(fill_many, with_nginx=False)


@pytest.fixture
def writer(many):
    with many.postgres.connect("atelier_owner") as owner:
        yield owner


class Readers(Threads):
    """One thread a replica that reads products all over the range; each answer is fresh or says that it is not."""

    def __init__(self, replicas, stale):
        super().__init__([lambda replica=replica: self._run(replica) for replica in replicas])
        self.stale = stale  # bytes that a fresh answer does not have
        self.changed = None  # when the change was committed
        self.silent, self.slow, self.answered = [], [], 0

    def _run(self, replica):
        with Http1(replica.clear) as client:
            while self.running:
                for id in range(1, MANY, 97):
                    began = time.monotonic()
                    response = client.get(f"/products/{id}")
                    self.answered += 1
                    if time.monotonic() - began > 2:
                        self.slow.append(id)
                    late = self.changed and began > self.changed + 0.25
                    if late and self.stale in response.body and "cache-status" not in response:
                        self.silent.append((id, response))


def test_a_change_of_ten_thousand_products_in_one_statement_is_no_cliff(many, writer):
    moves = many.moves()
    with Readers(many.replicas, b'"slogan":null') as readers:
        wait_until("the readers read", lambda: readers.answered > 100, 10)
        writer.execute("UPDATE products SET slogan = 'bulk'")
        readers.changed = time.monotonic()
        wait_until("all of it is rendered on every replica",
                   lambda: all(replica.metrics().total("atelier_refresh_backlog") == 0 for replica in many.replicas)
                   and moves.of("atelier_refresh_published_total") >= MANY * len(many.replicas), SHOWN_LIMIT)
    assert readers.silent == [] and readers.slow == []
    with Watch(many.replicas) as watch:
        watch.seconds_until_shown(expected_of(writer, 1, MANY // 2, MANY), 0)


def test_what_is_waited_for_comes_first(many, writer):
    """The last product of a bulk change is asked for at once: it does not wait for the ten thousand before it."""
    with Http1(many.replicas[0].clear) as client:
        writer.execute("UPDATE products SET slogan = 'first come'")
        wait_until("the mark is there, and the wait was worth it",
                   lambda: b"first come" in client.get(f"/products/{MANY}").body, 1.5)


def test_lists_are_right_under_inserts_and_deletes(many, writer):
    """Ids that split the index's leaves and empty them again, in the middle and at the end."""
    with Watch(many.replicas) as watch:
        def check():
            ids = [id for id, in writer.execute("SELECT id FROM products ORDER BY id")]
            for page in (1, 7, len(ids) // 1000 + 1):
                wanted = ids[(page - 1) * 1000:page * 1000]
                wait_until(f"page {page} is right everywhere",
                           lambda: all([card["id"] for card in client.get(f"/products?page={page}&count=1000").json()]
                                       == wanted for client in watch.clients.values()), 2)
        writer.execute("DELETE FROM products WHERE id BETWEEN 3000 AND 4999")
        check()
        writer.execute("INSERT INTO products (id, name, default_price)"
                       " SELECT n, 'Back', 1 FROM generate_series(3000, 4999) AS n")
        writer.execute("INSERT INTO products (id, name, default_price)"
                       " SELECT n, 'Beyond', 1 FROM generate_series(1000000, 1000700) AS n")
        check()
        writer.execute("DELETE FROM products WHERE id >= 1000000")
        check()


def test_what_is_not_loaded_yet_is_read_through_once_however_many_wait(own_stack):
    """One product a slice: the load takes long enough to be overtaken."""
    stack = own_stack(fill_many, replicas=1, with_nginx=False, options=["--slice", 100000, "--wait-ms", 5000])
    replica, = stack.replicas
    replica.stop()
    replica.argv += ["--slice", "1"]
    replica.start()
    wait_until("it listens and has read the log", lambda: replica.metrics().total("atelier_feed_log_reads_total") > 0, 10,
               ignoring=(OSError,))
    before = replica.metrics()
    answers = []
    with Http2(replica.clear) as client:
        streams = [client.open("GET", f"/products/{MANY}") for _ in range(50)]
        answers = [client.finish(stream) for stream in streams]
        unknown = client.get("/products/777777")
        again = client.get("/products/777777")
    after = replica.metrics()
    assert after.total("atelier_load_completed_total") == 0, "the load was too quick for this test"
    assert {answer.status for answer in answers} == {200} and unknown.status == again.status == 404
    fetches = after.total("atelier_postgres_fetches_total") - before.total("atelier_postgres_fetches_total")
    assert fetches <= 3, "one for the product, one for the unknown id, remembered; perhaps one twice under way"
    with Http1(replica.clear) as client:
        assert client.get("/products").status == 503, "a list is answered once it can be whole"


def test_a_document_over_the_limit_is_refused_and_nothing_else(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=["--document-max-bytes", 65536])
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        catalogue.add_product(owner, 6000)
        catalogue.add_product(owner, 6001)
        watch.seconds_until_shown(expected_of(owner, 6000, 6001), 1)
        owner.execute("UPDATE products SET description = repeat('x', 70000) WHERE id = 6000")
        owner.execute("UPDATE products SET name = 'beside it' WHERE id = 6001")
        watch.seconds_until_shown(expected_of(owner, 6001), 1)
        refused = wait_until("it is refused", lambda: (lambda r: r.status == 503 and r)(replica.get("/products/6000")), 1)
        assert "--document-max-bytes" in refused.json()["detail"]
        assert 6000 not in [card["id"] for card in replica.get("/products?ids=6000,6001").json()]
        line = replica.logged("document_too_large")[-1]
        assert (line["product"], line["limit"]) == (6000, 65536) and line["bytes"] > 70000
        owner.execute("UPDATE products SET description = 'short again' WHERE id = 6000")
        watch.seconds_until_shown(expected_of(owner, 6000), 1)


@pytest.mark.parametrize("version", ["h1", "h2c"])
def test_connections_are_asked_to_go_at_an_age_and_nothing_is_lost(own_stack, version):
    stack = own_stack(replicas=1, with_nginx=False, options=["--connection-age-max-s", 2])
    replica, = stack.replicas
    connect = {"h1": Http1, "h2c": Http2}[version]
    went, end = 0, time.monotonic() + 20
    client = connect(replica.clear)
    while went < 2:
        assert time.monotonic() < end, "no connection was asked to go"
        response = client.get("/products/1")
        assert response.status == 200
        if (response.get("connection") == "close") if version == "h1" else client.goaway:
            client.close()
            client = connect(replica.clear)
            went += 1
    client.close()
