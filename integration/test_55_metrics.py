"""What operators watch: the table of all metrics, and the metrics that need something to happen before they move."""
import re
import time

import psycopg
import pytest

from atelier.build import ROOT, program
from atelier.following import Follower, mark, on, touch
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.metrics import Metrics
from atelier.postgres import USER
from atelier.process import run, stopped
from atelier.waiting import wait_until

CANARIES = ["--canary-ms", 100]


@pytest.fixture(scope="module")
def measured(module_stack):
    """Two replicas that send canaries."""
    return module_stack(replicas=2, with_nginx=False, options=CANARIES)


def shown(replica):
    return replica.metrics().total("atelier_feed_canaries_total", outcome="shown")


def wait_canaries(replicas, count=10):
    """So many more of each are shown."""
    before = {replica: shown(replica) for replica in replicas}
    wait_until("canaries are shown", lambda: all(shown(replica) >= before[replica] + count for replica in replicas), 20)


# ── the table ──

@pytest.fixture(scope="module")
def table(built):
    """{metric: type} of the table that the program prints."""
    done = run([program("atelierd"), "--metrics-markdown"], limit=10)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in (ROOT / "app/admin/README.md").read_text(), "atelierd --metrics-markdown says something else"
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \| (.+) \| (.+) \|$", done.stdout, re.M)
    assert len(rows) == len(done.stdout.splitlines()) - 2, "a row that is none"
    return {name: kind for name, kind, *_ in rows}


def test_every_metric_is_in_the_table_and_the_other_way_round(measured, table):
    replica, *_ = measured.replicas
    wait_canaries([replica], 1)
    text = replica.operation("/metrics").body.decode()
    assert dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.M)) == table
    sampled = {re.sub("_(bucket|sum|count)$", "", name) if table.get(name) is None else name
               for name, _, _ in Metrics(text).rows}
    assert sampled == set(table)


# ── canaries ──

def test_canaries_are_shown_and_timed(measured):
    wait_canaries(measured.replicas)
    for replica in measured.replicas:
        metrics = replica.metrics()
        count, seconds = samples(metrics, "atelier_feed_visible_seconds")
        assert count == metrics.total("atelier_feed_canaries_total", outcome="shown") >= 10
        assert 0 < seconds / count < 1
        assert metrics.total("atelier_feed_canaries_total", outcome="lost") == 0


def samples(metrics, name):
    """A histogram's count and sum."""
    found = {key: number for key, labels, number in metrics.rows if key.startswith(name) and not labels}
    return found[f"{name}_count"], found[f"{name}_sum"]


def buckets(metrics, name, at_least):
    """How many were longer than `at_least` seconds."""
    rows = {labels["le"]: number for key, labels, number in metrics.rows if key == f"{name}_bucket"}
    return rows["+Inf"] - rows[at_least]


def test_canaries_disturb_nobody(measured):
    """No follower is told, no change is counted, no list waits, none is logged; another's is no reason to read."""
    moves = measured.moves()
    first, second = measured.replicas
    with measured.postgres.connect("atelier_owner") as owner, Follower(on(first)) as one, Follower(on(second)) as other, \
            Http1(first.clear) as client:
        before = shown(first)
        while shown(first) < before + 10:
            answer = client.get("/products?count=5")
            assert answer.status == 200 and "cache-status" not in dict(answer.headers)
        mark(owner, one, other)
        assert len(one.products()) == len(other.products()) == 1
        assert one.reloads() == other.reloads() == []
    for name in ("atelier_http_waits_total", "atelier_http_marked_total", "atelier_feed_everything_total",
                 "atelier_audit_alarms_total", "atelier_events_reloads_total", "atelier_duty_terms_total"):
        assert moves.of(name) == 0, name
    assert moves.of("atelier_feed_changes_total") == 2  # the mark, on both


def test_who_comes_back_to_events_is_not_told_of_canaries(measured):
    first, second = measured.replicas
    with measured.postgres.connect("atelier_owner") as owner:
        with Follower(on(first)) as follower:
            mark(owner, follower)
            seen = follower.events[-1].id
        wait_canaries(measured.replicas, 3)
        touch(owner, 101)
        with Follower(on(second), last_id=seen) as follower:
            mark(owner, follower)
            assert follower.products()[0] == 101 and len(follower.products()) == 2


def test_a_canary_under_duty_is_passed_on(own_stack):
    """Writers are silent then, and canaries as they are."""
    stack = own_stack(replicas=1, with_nginx=False, options=CANARIES)
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as somebody:
        somebody.execute("SELECT pg_advisory_lock(1635018092, 3)")
        heard = replica.metrics().total("atelier_feed_notifications_total")
        wait_canaries([replica], 5)
        beats = replica.metrics().total("atelier_feed_heartbeats_total")
        assert replica.metrics().total("atelier_feed_notifications_total") - heard <= beats


def definition(owner):
    return owner.execute("SELECT pg_get_functiondef('feed.canary(bigint)'::regprocedure)").fetchone()[0]


@pytest.mark.long
def test_a_canary_that_does_not_come_is_lost(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=CANARIES)
    replica, = stack.replicas
    wait_canaries([replica])
    with stack.postgres.connect("atelier_owner") as owner:
        as_it_was = definition(owner)
        owner.execute("CREATE OR REPLACE FUNCTION feed.canary(canary_id bigint) RETURNS void LANGUAGE sql AS ''")
        wait_until("one is lost", lambda: replica.metrics().total("atelier_feed_canaries_total", outcome="lost") == 1, 20)
        assert replica.logged("canary_lost")
        owner.execute(as_it_was)
    wait_canaries([replica])


@pytest.mark.long
@pytest.mark.limit(150)
def test_a_start_loses_none(own_stack):
    """Nor does one that is committed before the log is first read, from where it is then."""
    stack = own_stack(replicas=3, with_nginx=False, options=["--canary-ms", 20])
    for _ in range(3):
        wait_canaries(stack.replicas, 105)  # ten a second: whatever was lost has been counted by then
        assert sum(replica.metrics().total("atelier_feed_canaries_total", outcome="lost")
                   for replica in stack.replicas) == 0
        for replica in stack.replicas:
            replica.stop()
            replica.start_ready()


def connect_duty_again(stack):
    with stack.postgres.connect(USER) as admin:
        for pid in stack.postgres.backends("application_name LIKE 'atelierd/%%/duty'"):
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_without_canaries_in_the_schema_all_else_works(own_stack):
    """As when the schema was taken back under a running server."""
    stack = own_stack(replicas=1, with_nginx=False, options=CANARIES)
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner:
        as_it_was = definition(owner)
        owner.execute("DROP FUNCTION feed.canary(bigint)")
        connect_duty_again(stack)
        moves = stack.moves()
        wait_until("heartbeats go on", lambda: moves.of("atelier_feed_heartbeats_total") > 3, 10)
        assert moves.of("atelier_feed_canaries_total") <= 1, "one may have been under way"
        owner.execute(as_it_was)
        owner.execute("GRANT EXECUTE ON FUNCTION feed.canary(bigint) TO atelier_reader")
    connect_duty_again(stack)
    wait_canaries([replica])


@pytest.mark.parametrize("id", [0, 1, None])
def test_a_product_s_id_is_no_canary_s(measured, id):
    with measured.postgres.connect("atelier_reader") as reader:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="below 0"):
            reader.execute("SELECT feed.canary(%s)", [id])


# ── the operators' page ──

PEERS = "127.0.0.1:9102,https://r3.example:9103"
ORIGINS = ["http://127.0.0.1:9102", "https://r3.example:9103"]


@pytest.fixture(scope="module")
def paged(module_stack):
    replica, = module_stack(replicas=1, with_nginx=False, options=["--operations-peers", PEERS]).replicas
    return replica


def test_the_page_is_of_this_program_alone_and_may_ask_its_peers_alone(paged):
    page = paged.operation("/")
    assert page.status == 200 and page["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in page["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"].split() == ["'self'", *ORIGINS]
    files = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.body.decode())
    assert len(files) > 3 and "//" not in page.body.decode().replace("<!doctype", "")
    for file in files:
        answer = paged.operation(file)
        assert answer.status == 200 and b"http://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")


def test_other_replicas_pages_may_read_what_is_said_here(paged):
    for path in ("/status", "/metrics", "/readyz"):
        assert paged.operation(path)["access-control-allow-origin"] == "*"
    with Http1(paged.operations) as client:
        assert client.request("POST", "/status").status == 405


def test_status_says_what_the_page_shows(paged):
    said = paged.operation("/status").json()
    assert said["peers"] == ORIGINS
    assert len(said["http"]["durations"]) == len(said["http"]["bounds_us"]) + 1
    before, changes = sum(said["http"]["durations"]), said["changes"]
    assert before == said["http"]["requests"]
    paged.get("/products/11")
    wait_until("it is counted", lambda: paged.operation("/status").json()["http"]["requests"] == before + 1, 5)
    assert changes == 0 and said["canaries"] == {"shown": 0, "lost": 0, "sum_us": 0}
    assert {"checked", "inconsistent", "repaired", "cycles", "last_cycle_s", "last_cycle_ended"} == set(said["audit"])


def test_the_last_changes_are_listed_the_newest_first(measured):
    def recent():
        return [change["id"] for change in measured.replicas[0].operation("/status").json()["recent"]]

    with measured.postgres.connect("atelier_owner") as owner:
        for id in (101, 102, 103):
            touch(owner, id)
            wait_until(f"{id} is the newest", lambda id=id: recent()[:1] == [str(id)], 5)
        assert recent()[:3] == ["103", "102", "101"] and len(recent()) <= 12
        owner.execute("TRUNCATE related_products")
        wait_until("everything is", lambda: recent()[:1] == ["0"], 10)
        ms = measured.replicas[0].operation("/status").json()["recent"][0]["ms"]
        assert abs(time.time() * 1000 - ms) < 30000


def test_what_is_not_there_is_told_what_is(paged):
    answer = paged.operation("/nothing")
    assert answer.status == 404
    for path in ("/,", "/healthz", "/readyz", "/metrics", "/status"):
        assert path in answer.json()["detail"]


# ── what else moves ──

def test_a_loop_that_stood_still_was_late(measured):
    replica, *_ = measured.replicas
    late = buckets(replica.metrics(), "atelier_event_loop_lag_seconds", "0.25")
    with stopped(replica):
        time.sleep(0.5)  # this is what is measured
    wait_until("it is counted", lambda: buckets(replica.metrics(), "atelier_event_loop_lag_seconds", "0.25") > late, 5)


def test_an_error_of_http2_is_counted(measured):
    moves = measured.moves()
    with Http2(measured.replicas[0].clear) as client:
        client.get("/products/11")
        client.socket.sendall(bytes.fromhex("000004" "08" "00" "00000001" "00000000"))  # WINDOW_UPDATE by nothing
        wait_until("it is counted", lambda: moves.of("atelier_http2_errors_total") > 0, 5)
    assert moves.of("atelier_http2_errors_total", kind="protocol") == 1


def test_the_queue_of_notifications_fills_behind_who_does_not_listen(measured):
    replica, *_ = measured.replicas
    postgres = measured.postgres

    def filled():
        return replica.metrics().total("atelier_feed_notify_queue_ratio")

    assert filled() < 0.0001
    with postgres.connect("atelier_owner") as deaf, postgres.connect("atelier_owner") as loud:
        deaf.execute("LISTEN elsewhere")
        with deaf.transaction():
            deaf.execute("SELECT 1")
            loud.execute("SELECT pg_notify('elsewhere', repeat('x', 7000) || n) FROM generate_series(1, 1000) n")
            wait_until("it is measured", lambda: filled() > 0.0001, 20)
    wait_until("it is empty again", lambda: filled() < 0.0001, 20)
