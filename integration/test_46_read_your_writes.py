"""Whoever has written sees what was written, whoever has seen something never sees less, and one product is always of one
piece: on every replica, by Catalogue-At-Least and Catalogue-Version."""
import itertools
import threading
import time

import pytest

from atelier import catalogue
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.promises import check_json, check_problem, version
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

WAIT_MS = 1000  # --wait-ms of these replicas: whether a wait is cut short is seen better where it is long
INSERTS = 300
HOPS = 400
TRANSACTIONS = 2000
ID = 8000  # the product that these tests write to


@pytest.fixture(scope="module")
def three(module_stack):
    return module_stack(with_nginx=False, options=["--wait-ms", WAIT_MS])


@pytest.fixture
def owner(three):
    with three.postgres.connect("atelier_owner") as owner:
        yield owner


@pytest.fixture
def clients(three):
    with Watch(three.replicas) as watch:
        yield list(watch.clients.values())


def at_least(value):
    return {"Catalogue-At-Least": value}


def seen_at_least(response):
    return at_least(f"version={response['catalogue-version']}")


# ── read your writes ──

def test_what_psql_has_just_committed_is_in_the_first_answer_of_every_replica(three, clients):
    for number in range(30):
        xid = three.postgres.psql("atelier_owner", f"BEGIN; UPDATE products SET name = 'psql {number}' WHERE id = 101;"
                                  " SELECT pg_current_xact_id(); COMMIT").strip()
        for client in clients:
            response = client.get("/products/101", at_least(f"xid={xid}"))
            check_json(response)
            assert response.json()["name"] == f"psql {number}"


def test_an_inserted_product_is_on_its_page_at_once(owner, clients):
    """A list that was made before it was listed would lack it."""
    ids = range(10_000, 10_000 + INSERTS)
    for id, client in zip(ids, itertools.cycle(clients)):
        xid, = owner.execute("INSERT INTO products (id, name, default_price) VALUES (%s, 'New', 1)"
                             " RETURNING pg_current_xact_id()::text", [id]).fetchone()
        response = client.get(f"/products?after={id - 1}&count=1", at_least(f"xid={xid}"))
        check_json(response)
        assert [card["id"] for card in response.json()] == [id]
    xid, = owner.execute("WITH gone AS (DELETE FROM products WHERE id >= 10000 AND id < 20000 RETURNING 1)"
                         " SELECT pg_current_xact_id()::text FROM gone LIMIT 1").fetchone()
    for client in clients:
        page = client.get("/products?after=9999&count=1000", at_least(f"xid={xid}"))
        assert all(card["id"] > 20_000 for card in page.json())


def test_a_transaction_that_still_runs_is_waited_for(three, owner, clients):
    """Its own xid is asked for before it commits: the answer comes after the commit, and within the time for waiting."""
    for client in clients:
        with owner.transaction():
            xid, = owner.execute("UPDATE products SET slogan = 'Waited for' || id || clock_timestamp() WHERE id = 102"
                                 " RETURNING pg_current_xact_id()::text").fetchone()
            client.send("GET", "/products/102", at_least(f"xid={xid}"))
            time.sleep(0.1)  # the request is to wait for a while
        response = client.receive()
        check_json(response)
        assert response.body == expected_of(owner, 102)["/products/102"]


def test_a_transaction_that_was_rolled_back_is_not_waited_for(owner, clients):
    owner.execute("BEGIN")
    owner.execute("UPDATE products SET slogan = 'Never' WHERE id = 102")
    xid, = owner.execute("SELECT pg_current_xact_id()::text").fetchone()
    owner.execute("ROLLBACK")
    for client in clients:
        response = client.get("/products/102", at_least(f"xid={xid}"))
        check_json(response)
        assert b"Never" not in response.body


@pytest.mark.parametrize("target", ["/products/102", "/products/102/styles", "/products?count=3", "/products?ids=102",
                                    "/products/77"])
def test_what_does_not_come_in_time_is_refused_and_not_answered_with_less(three, owner, clients, target):
    """A transaction that never commits; no If-None-Match gets around it."""
    with three.postgres.connect("atelier_owner") as slow:
        slow.execute("BEGIN")
        xid, = slow.execute("SELECT pg_current_xact_id()::text").fetchone()
        asked = time.monotonic()
        for client in clients:
            client.send("GET", target, at_least(f"xid={xid}") | {"If-None-Match": "*"})
        for client in clients:
            response = client.receive()
            assert int(response["retry-after"]) >= 0
            check_problem(response, 503, "not-fresh")
        took = time.monotonic() - asked
        assert WAIT_MS / 1000 - 0.1 < took < 5, f"it waited for {took:.3f} s"


def test_the_default_time_for_waiting_is_short(own_stack):
    replica, = own_stack(replicas=1, with_nginx=False).replicas
    asked = time.monotonic()
    check_problem(replica.get("/products/1", at_least("xid=999999999")), 503, "not-fresh")
    assert time.monotonic() - asked < WAIT_MS / 1000


# ── monotonic reads ──

class Numbers:
    """With `with`: product ID's name is a number that rises all the time."""

    def __init__(self, postgres):
        self.postgres, self.running, self.last = postgres, True, 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        wait_until("the numbers rise", lambda: self.last > 3, 5)
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join(20)

    def _run(self):
        with self.postgres.connect("atelier_owner") as connection:
            catalogue.add_product(connection, ID, "0")
            while self.running:
                connection.execute("UPDATE products SET name = %s WHERE id = %s", [f"{self.last + 1}", ID])
                self.last += 1
                time.sleep(0.001)
            connection.execute("DELETE FROM products WHERE id = %s", [ID])


def test_a_client_that_hops_between_replicas_never_sees_less_than_it_has_seen(three, clients):
    with Numbers(three.postgres):
        wait_until("every replica has it", lambda: all(client.get(f"/products/{ID}").status == 200 for client in clients),
                   2)
        headers, number, highest, hops_that_differ = {}, 0, (0, 0), 0
        for hop, client in zip(range(HOPS), itertools.cycle(clients)):
            target = (f"/products/{ID}", f"/products?ids={ID}", f"/products?after={ID - 1}&count=1")[hop % 4 % 3]
            response = client.get(target, headers)
            check_json(response)
            card = response.json() if hop % 4 % 3 == 0 else response.json()[0]
            hops_that_differ += int(card["name"]) > number
            assert int(card["name"]) >= number and version(response) >= highest, f"hop {hop} went backwards"
            number, highest, headers = int(card["name"]), version(response), seen_at_least(response)
        print(f"{hops_that_differ} of {HOPS} hops showed something newer")
        assert hops_that_differ > HOPS / 10, "the numbers did not rise"


def test_versions_of_an_earlier_era_are_satisfied_and_of_a_later_one_are_not(three):
    replica = three.replicas[0]
    with Http1(replica.clear) as client:
        era, v = version(client.get("/products/1"))
        three.postgres.stop()
        three.postgres.start()
        three.postgres.wait_up()
        wait_until("it is in the next era", lambda: version(client.get("/products/1"))[0] > era, 5)
    with Watch(three.replicas) as watch, three.postgres.connect("atelier_owner") as owner:
        owner.execute("UPDATE products SET name = 'In the next era' WHERE id = 101")
        watch.seconds_until_shown(expected_of(owner, 101), 2)
        for client in watch.clients.values():
            for target in ("/products/101", "/products/1", "/products?count=3"):  # changed in this era; not changed
                check_json(client.get(target, at_least(f"version={era}.{v + 10**9}")))
            now, _ = version(client.get("/products/1"))
            check_problem(client.get("/products/1", at_least(f"version={now + 1}.0")), 503, "not-fresh")


# ── one product is of one piece ──

def pieces(owner):
    """Product ID with one of everything, and the products that it may be related to."""
    catalogue.insert(owner, "products", [(id, "0", "0", "0", "0", "1.00") for id in range(ID, ID + 11)])
    catalogue.insert(owner, "features", [(ID, ID, "n", "0")])
    catalogue.insert(owner, "styles", [(ID, ID, "0", "1.00", None, True)])
    catalogue.insert(owner, "photos", [(ID, ID, "0", "0")])
    catalogue.insert(owner, "skus", [(ID, ID, "0", 0)])
    catalogue.insert(owner, "related_products", [(ID, ID, ID + 1)])


# In the server, so that it is quick whatever the readers do: each round is a transaction of its own, with a statement for
# each table, in which everything of the product becomes n.
CHANGE_ALL = f"""DO $$ BEGIN FOR n IN 1..{TRANSACTIONS} LOOP
    UPDATE products SET name = n, slogan = n WHERE id = {ID};
    UPDATE features SET value = n WHERE id = {ID};
    UPDATE styles SET name = n WHERE id = {ID};
    UPDATE photos SET url = n, thumbnail_url = n WHERE id = {ID};
    UPDATE skus SET size = n, quantity = n WHERE id = {ID};
    UPDATE related_products SET related_product_id = {ID + 1} + n % 10 WHERE id = {ID};
    COMMIT;
    PERFORM pg_sleep(0.002);
END LOOP; END $$"""


def numbers_of(product, styles, related):
    """What each document says, piece by piece."""
    style, = styles["results"]
    photo, = style["photos"]
    sku, = style["skus"].values()
    return ({int(product["name"]), int(product["slogan"]), int(product["features"][0]["value"])},
            {int(style["name"]), int(photo["url"]), int(photo["thumbnail_url"]), int(sku["size"]), sku["quantity"]},
            related[0] - ID - 1)


class Trio:
    """Asks one replica for the three documents at once, again and again."""

    def __init__(self, replica):
        self.replica, self.running = replica, True
        self.asked, self.equal, self.changed, self.mixed, self.problem = 0, 0, 0, [], None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def finish(self):
        self.running = False
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.problem:
            raise self.problem

    def _run(self):
        try:
            last = None
            with Http2(self.replica.clear) as client:
                while self.running:
                    streams = [client.open("GET", target.format(ID)) for target in catalogue.DOCUMENTS]
                    last = self._judge([client.finish(stream) for stream in streams], last)
        except Exception as problem:  # kept for finish(), which raises it in the test
            self.problem = problem

    def _judge(self, answers, last):
        self.asked += 1
        product, styles, tenth = numbers_of(*(answer.json() for answer in answers))
        if len(product) > 1 or len(styles) > 1:
            self.mixed.append(("within one document", product, styles))
        if len({answer["catalogue-version"] for answer in answers}) == 1:
            self.equal += 1
            if product != styles or tenth != min(product) % 10:
                self.mixed.append((answers[0]["catalogue-version"], product, styles, tenth))
        self.changed += product != last
        return product


@pytest.mark.limit(120)
def test_what_one_transaction_changed_in_one_product_appears_at_once_in_all_its_documents(three, owner):
    with owner.transaction():
        pieces(owner)
    with Watch(three.replicas) as watch:
        watch.seconds_until_shown(expected_of(owner, ID), 2)
    trios = [Trio(replica) for replica in three.replicas]
    try:
        owner.execute("SET statement_timeout = '80s'")
        owner.execute(CHANGE_ALL)
    finally:
        for trio in trios:
            trio.finish()
    for trio in trios:
        print(f"{trio.replica.name}: asked {trio.asked} times, {trio.equal} with one version, {trio.changed} changes")
        assert trio.mixed == []
        assert trio.equal > 50 and trio.changed > 50, "too little was seen"
    with Watch(three.replicas) as watch:
        watch.seconds_until_shown(expected_of(owner, ID), 1)
    owner.execute("DELETE FROM products WHERE id >= %s AND id < %s", [ID, ID + 11])
