"""Beyond a limit: the answer or the error names the limit, the value and the option; and nothing else suffers."""
import json
import re
from itertools import product

import psycopg
import pytest

from atelier import catalogue
from atelier.catalogue import BIGGEST
from atelier.http1 import Http1
from atelier.promises import check_problem
from atelier.replica import Replica
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

MANY, LENGTH = 2000, 4000  # products, characters of each description that gzip makes nothing shorter of
RANDOM = "(SELECT string_agg(md5((n * 1000 + k)::text), '') FROM generate_series(1, %d) AS k)" % (LENGTH // 32)
INSERT = ("INSERT INTO products (id, name, description, default_price)"
          f" SELECT n, 'Long ' || n, {RANDOM}, 1 FROM generate_series(%s::int, %s::int) AS n")
EACH = LENGTH * 3 // 2  # bytes of such a product in memory, at least
SMALL = 4 << 20
PARTS = ("", "/styles", "/related")


def fill_many(owner):
    catalogue.fill(owner)
    owner.execute(INSERT, (10001, 10000 + MANY))


def memory(replica):
    return json.loads(replica.operation("/status").body)["memory"]


@pytest.fixture
def with_limit(own_stack, own):
    """Starts a replica over a stack's Postgres with this limit: with_limit(stack, bytes, more options…)."""
    started = []

    def start(stack, limit, *options):
        replica = Replica(f"r{len(started) + 1}", own, stack.postgres, stack.certificates,
                          ["--memory-limit", limit, *options])
        started.append(replica)
        replica.start()
        return replica
    yield start
    for replica in started:
        replica.stop()


# ── memory: at the start ──

def test_what_is_in_memory_is_stated_exactly(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    payload = 0
    with stack.postgres.connect("atelier_reader") as rows:
        ids = [id for id, in rows.execute("SELECT id FROM products")]
    with Http1(replica.clear) as client:
        for id, part, coding in product(ids, PARTS, ("identity", "gzip")):
            response = client.get(f"/products/{id}{part}", {"Accept-Encoding": f"{coding}, *;q=0"})
            assert response.status == 200 and (response.get("content-encoding") or "identity") == coding
            payload += len(response.body)
    said, metrics = memory(replica), replica.metrics()
    assert said["payload_bytes"] == metrics.total("atelier_cache_payload_bytes") == payload
    assert said["limit_bytes"] == metrics.total("atelier_cache_memory_limit_bytes") == 0
    assert said["products_left_out"] == metrics.total("atelier_cache_left_out") == 0
    assert payload < said["cache_bytes"] == metrics.total("atelier_cache_memory_bytes")
    assert said["overhead_bytes"] > 0 and metrics.total("atelier_overhead_bytes") > 0


def test_a_catalogue_that_fits_is_served(own_stack, with_limit):
    stack = own_stack(fill_many, replicas=1, with_nginx=False)
    needs = memory(stack.replicas[0])["cache_bytes"]
    limit = needs + needs // 50  # gzip's bytes differ a little from replica to replica
    replica = with_limit(stack, limit)
    replica.wait_ready()
    said = memory(replica)
    assert said["payload_bytes"] == pytest.approx(memory(stack.replicas[0])["payload_bytes"], rel=0.01)
    assert said["cache_bytes"] == pytest.approx(needs, rel=0.01)
    assert said["limit_bytes"] == limit and said["products_left_out"] == 0
    assert replica.get(f"/products/{10000 + MANY}").status == 200


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("limit", [1, SMALL])
def test_a_catalogue_that_does_not_fit_is_refused_with_the_arithmetic(own_stack, with_limit, limit, analyzed):
    stack = own_stack(fill_many, replicas=1, with_nginx=False)
    if analyzed:
        with stack.postgres.connect("atelier_owner") as owner:
            owner.execute("ANALYZE products")
    replica = with_limit(stack, limit)
    assert replica.wait(20) == 1
    last = replica.log_text().splitlines()[-1]
    total = MANY + len(catalogue.PRODUCTS)
    found = re.fullmatch(rf"atelierd: the catalogue does not fit into --memory-limit {limit}: {total} products of (\d+) bytes,"
                         r" the mean of the first (\d+), and (\d+) bytes for --expected-products take about (\d+) bytes;"
                         r" raise the limit, or set it to 0 for none", last)
    assert found, last
    each, first, base, about = map(int, found.groups())
    assert about == total * each + base > limit and first < total
    assert limit == 1 or EACH < each < 3 * EACH
    line, = replica.logged("memory_limit_refused")
    assert line["error"] in last
    assert replica.logged("draining") and stack.replicas[0].ready() == 200, "it drained; the others are not concerned"


def test_room_made_in_advance_is_no_part_of_what_a_product_takes(own_stack, with_limit):
    """Of a small slice the table is the larger part; counted for each product, a catalogue that fits would be refused."""
    stack = own_stack(fill_many, replicas=1, with_nginx=False)
    with stack.postgres.connect("atelier_owner") as owner:
        owner.execute("ANALYZE products")
    room = 3 << 20  # a table for 200,000, rounded up to a power of two, and a little more
    replica = with_limit(stack, memory(stack.replicas[0])["cache_bytes"] + room, "--expected-products", 100000, "--slice", 50)
    replica.wait_ready()
    assert memory(replica)["products_left_out"] == 0


def test_statistics_that_are_too_high_refuse_nothing(own_stack, with_limit):
    """The catalogue was ten times as large when Postgres last counted."""
    def shrunk(owner):
        fill_many(owner)
        owner.execute("ALTER TABLE products SET (autovacuum_enabled = off)")
        owner.execute("ANALYZE products")
        owner.execute("DELETE FROM products WHERE id > 10400")
    stack = own_stack(shrunk, replicas=1, with_nginx=False)
    replica = with_limit(stack, memory(stack.replicas[0])["cache_bytes"] * 2)
    replica.wait_ready()
    assert memory(replica)["products_left_out"] == 0


# ── memory: while running ──

def grown(own_stack, with_limit):
    """A replica whose catalogue has outgrown the limit since it started, and all that belongs to it."""
    stack = own_stack(fill_many, replicas=1, with_nginx=False)
    whole, = stack.replicas
    limit = memory(whole)["cache_bytes"] + 50 * EACH
    replica = with_limit(stack, limit)
    replica.wait_ready()
    owner = stack.postgres.connect("atelier_owner")
    owner.execute(INSERT, (20001, 21000))
    wait_until("products are left out", lambda: memory(replica)["products_left_out"] > 800, 10)
    wait_until("all are known", lambda: replica.metrics().total("atelier_cache_entries")
               == whole.metrics().total("atelier_cache_entries"), 10)
    return stack, whole, replica, owner, limit


def test_growth_past_the_limit_leaves_out_what_is_new_and_says_so(own_stack, with_limit):
    stack, whole, replica, owner, limit = grown(own_stack, with_limit)
    with owner, Watch([replica]) as watch:
        said = memory(replica)
        assert said["products_left_out"] < 1000, "some had room"
        assert said["cache_bytes"] < limit + 1000 * 500, "of what is left out only that it exists is kept"
        answers = {id: replica.get(f"/products/{id}") for id in range(20001, 21001)}
        left_out = [id for id, response in answers.items() if response.status == 503]
        assert len(left_out) == said["products_left_out"]
        for id in left_out[:3]:
            for part in PARTS:
                problem = check_problem(replica.get(f"/products/{id}{part}"), 503, "unavailable")
                assert str(id) in problem["detail"] and f"--memory-limit is {limit}" in problem["detail"]
        problem = check_problem(replica.get(f"/products?ids=1,{left_out[0]}"), 503, "unavailable")
        assert "--memory-limit" in problem["detail"], "a list does not lack it without a word"
        assert replica.get("/products?ids=1,2").status == 200
        check_problem(replica.get("/products/77"), 404, "unknown-product")
        line = replica.logged("memory_limit_reached")[0]
        assert line["level"] == "error" and line["option"] == "--memory-limit" and line["limit"] == limit
        assert replica.ready() == 200
        # What was there is fresh: also when it becomes larger than it was.
        owner.execute("UPDATE products SET name = 'Changed' WHERE id IN (1, 10001)")
        owner.execute("UPDATE products SET description = description || description WHERE id = 10002")
        watch.seconds_until_shown(expected_of(owner, 1, 10001, 10002), 1)
        # What is left out is not shown as it was, and a deletion of it is shown.
        owner.execute("UPDATE products SET name = 'Changed' WHERE id = %s", (left_out[0],))
        owner.execute("DELETE FROM products WHERE id = %s", (left_out[1],))
        wait_until("the deletion is shown", lambda: replica.get(f"/products/{left_out[1]}").status == 404, 2)
        assert replica.get(f"/products/{left_out[0]}").status == 503
        assert whole.get(f"/products/{left_out[0]}").json()["name"] == "Changed"


def test_what_was_left_out_comes_back_when_there_is_room(own_stack, with_limit):
    stack, whole, replica, owner, limit = grown(own_stack, with_limit)
    with owner, Watch([replica]) as watch:
        owner.execute("DELETE FROM products WHERE id BETWEEN 10500 AND 12000")
        wait_until("nothing is left out", lambda: memory(replica)["products_left_out"] == 0, 10)
        watch.seconds_until_shown(expected_of(owner, 20001, 20999, 21000), 1)
        assert memory(replica)["cache_bytes"] < limit
        # But for gzip's: each process learns a code of its own.
        assert memory(replica)["payload_bytes"] == pytest.approx(memory(whole)["payload_bytes"], rel=0.02)
        wait_until("it is said", lambda: replica.logged("memory_limit_kept"), 2)
        assert replica.get(f"/products?after=20000&count=1000").json()[-1]["id"] == 21000


def test_without_room_nothing_is_fetched_again_and_again(own_stack, with_limit):
    stack, whole, replica, owner, limit = grown(own_stack, with_limit)
    with owner:
        def fetches():
            return replica.metrics().total("atelier_postgres_fetches_total")
        log_reads = replica.metrics().total("atelier_feed_log_reads_total")
        before = fetches()
        wait_until("a second or so has gone by", lambda: replica.metrics().total("atelier_feed_log_reads_total")
                   > log_reads + 20, 10)
        assert fetches() == before


# ── other limits ──

def test_a_document_over_its_limit_names_size_limit_and_option(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=["--document-max-bytes", 65536])
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner:
        owner.execute("INSERT INTO products (id, name, description, default_price) VALUES (6000, 'L', repeat('x', 70000), 1)")
        wait_until("it is read", lambda: replica.get("/products/6000").status == 503, 2)
        detail = check_problem(replica.get("/products/6000"), 503, "unavailable")["detail"]
        size, = re.fullmatch(r"product 6000 has a document of (\d+) bytes; --document-max-bytes allows 65536",
                             detail).groups()
        assert 70000 < int(size) < 70300
        assert replica.logged("document_too_large")[-1]["bytes"] == int(size)


@pytest.mark.parametrize("document_max, status", [(4 << 20, 200), (65536, 503)])
def test_a_product_with_ten_thousand_skus(own_stack, document_max, status):
    """It is served if its document is within the limit; else the limit is named."""
    stack = own_stack(replicas=1, with_nginx=False, options=["--document-max-bytes", document_max])
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner:
        with owner.transaction():
            owner.execute("INSERT INTO products (id, name, default_price) VALUES (6000, 'Many', 1)")
            owner.execute("INSERT INTO styles (id, product_id, name, original_price) VALUES (6000, 6000, 'One', 1)")
            owner.execute("INSERT INTO skus (id, style_id, size, quantity)"
                          " SELECT 100000 + n, 6000, n::text, n FROM generate_series(1, 10000) AS n")
        wait_until("it is read", lambda: replica.get("/products/6000/styles").status == status, 5)
        response = replica.get("/products/6000/styles")
        if status == 200:
            assert response.body == expected_of(owner, 6000)["/products/6000/styles"]
            assert len(response.json()["results"][0]["skus"]) == 10000
        else:
            assert "--document-max-bytes allows 65536" in check_problem(response, 503, "unavailable")["detail"]
        assert replica.get("/products/1").status == 200


def test_the_last_ids_there_are(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner, Watch([replica]) as watch:
        catalogue.add_product(owner, BIGGEST - 1)
        watch.seconds_until_shown(expected_of(owner, BIGGEST - 1, BIGGEST), 1)
        wait_until("it is listed", lambda: [card["id"] for card in replica.get(f"/products?after={BIGGEST - 2}").json()]
                   == [BIGGEST - 1, BIGGEST], 1)
        assert [card["id"] for card in replica.get(f"/products?ids={BIGGEST},{BIGGEST - 1}").json()] == [BIGGEST, BIGGEST - 1]
        assert replica.get(f"/products?after={BIGGEST}").json() == []
        assert replica.get(f"/products?page={BIGGEST}&count=1000").json() == []
        owner.execute("DELETE FROM products WHERE id >= %s", (BIGGEST - 1,))
        wait_until("they are gone", lambda: replica.get(f"/products?after={catalogue.BEYOND_DOUBLES}").json() == [], 2)
        for id in (BIGGEST, BIGGEST - 1):
            assert str(id) in check_problem(replica.get(f"/products/{id}"), 404, "unknown-product")["detail"]
        for target in (f"/products/{BIGGEST + 1}", f"/products?page={BIGGEST + 1}", f"/products?after={BIGGEST + 1}",
                       f"/products?ids={BIGGEST + 1}", "/products?count=1001"):
            detail = check_problem(replica.get(target), 400, "bad-parameter")["detail"]
            assert ("1000" if "count" in target else str(BIGGEST + 1)) in detail
        with pytest.raises(psycopg.errors.NumericValueOutOfRange):
            owner.execute(f"INSERT INTO products (id, name, default_price) VALUES ({BIGGEST + 1}, 'x', 1)")


def test_an_empty_catalogue(own_stack, with_limit):
    stack = own_stack(lambda owner: owner.execute("TRUNCATE products CASCADE"), replicas=1, with_nginx=False)
    replica, limited = stack.replicas[0], with_limit(stack, SMALL)
    limited.wait_ready()
    for one in (replica, limited):
        for query in ("", "?page=1&count=1000", f"?page={BIGGEST}", "?after=0", "?ids=1,2"):
            assert one.get(f"/products{query}").json() == []
        for part in PARTS:
            check_problem(one.get(f"/products/1{part}"), 404, "unknown-product")
        said = memory(one)
        assert said["payload_bytes"] == 0 and said["products_left_out"] == 0 and one.ready() == 200
    with stack.postgres.connect("atelier_owner") as owner, Watch([replica, limited]) as watch:
        catalogue.add_product(owner, 1)
        watch.seconds_until_shown(expected_of(owner, 1), 2)
