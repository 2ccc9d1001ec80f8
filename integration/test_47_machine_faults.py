"""The machine misbehaves: logs that nobody takes, disks that are full, clocks that jump. Whoever can go on goes on."""
import fcntl
import glob
import json
import os
import re
import shlex
import time
from contextlib import contextmanager
from datetime import datetime, timezone

import psycopg
import pytest

from atelier import catalogue
from atelier.build import ROOT, program
from atelier.http1 import Http1
from atelier.postgres import USER
from atelier.process import Process, run
from atelier.promises import check_json, check_problem
from atelier.replica import Replica
from atelier.waiting import wait_until
from atelier.watching import Watch, expected_of

BACK = 1.0  # … once Postgres answers again


@pytest.fixture
def replica(stack, own):
    """A fourth replica beside the three, not started yet; it logs every request."""
    with Replica("r4", own, stack.postgres, stack.certificates, ["--access-log-sample", 1]) as replica:
        yield replica


def check_follows(replica, owner, name, limit=None):
    """A change is shown, and nothing is out of the ordinary."""
    with Watch([replica]) as watch:
        owner.execute("UPDATE products SET name = %s WHERE id = 101", [name])
        watch.seconds_until_shown(expected_of(owner, 101), limit)
        check_json(watch.clients[replica.name].get("/products/101"))


# ── logs ──

def redirect(replica, how):
    """From its next start on, by the shell's words, such as 2>/dev/full."""
    replica.argv = ["/bin/sh", "-c", f'exec "$@" {how}', "sh", *replica.argv]


@pytest.fixture
def pipe(own):
    os.mkfifo(own / "pipe")
    return own / "pipe"


def check_serves(replica, owner):
    """More requests than a pipe has room for log lines; a change; an orderly end."""
    with Http1(replica.clear) as client:
        for number in range(600):
            assert client.get(f"/products/11?{number:0200}").status == 200
    check_follows(replica, owner, f"Logged nowhere by {replica.pid}")
    assert replica.stop() == 0


@pytest.mark.parametrize("how", ["2>/dev/full", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_log_that_cannot_be_written_stops_nothing(replica, owner, how):
    redirect(replica, how)
    check_serves(replica.start_ready(), owner)


def test_a_log_whose_reader_is_gone_stops_nothing(replica, owner, pipe):
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    redirect(replica, f"2>{pipe}")
    replica.start_ready()
    os.close(reader)
    check_serves(replica, owner)


def test_a_log_that_nobody_reads_stops_nothing(replica, owner, pipe):
    """The pipe is full: a svlogd whose own disk is full waits, and does not read."""
    redirect(replica, f"2<>{pipe}")
    check_serves(replica.start_ready(), owner)


def test_what_postgres_says_at_parting_does_not_break_the_log(own_stack):
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    stack.postgres.stop()
    wait_until("the loss is logged", lambda: replica.logged("feed_lost"), 5)
    assert all(json.loads(line)["event"] for line in replica.log_text().splitlines())


def rotating_log(own, pipe):
    """svlogd as a stack runs it, but with small files, all of them kept."""
    folder = own / "log" / "r4"
    folder.mkdir(parents=True)
    config = (ROOT / "infra/runit/log-config").read_text()
    for name, value in (("s", 20000), ("n", 0), ("N", 0)):
        config, found = re.subn(rf"^{name}\d+$", f"{name}{value}", config, flags=re.M)
        assert found == 1
    (folder / "config").write_text(config)
    script = (ROOT / "infra/runit/log.in").read_text().replace("@STATE@", str(own)).replace("@NAME@", "r4")
    (own / "run").write_text(script)
    return folder, Process("svlogd", ["/bin/sh", "-c", f"exec sh {own}/run < {pipe}"], own / "svlogd.log")


def test_rotation_loses_and_breaks_no_line(replica, own, pipe):
    folder, svlogd = rotating_log(own, pipe)
    redirect(replica, f"2>{pipe}")
    with svlogd, open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as room:
        fcntl.fcntl(room, fcntl.F_SETPIPE_SZ, 1 << 20)  # for all lines, however late svlogd is given a turn
        svlogd.start()
        replica.start_ready()
        with Http1(replica.clear) as client:
            for number in range(400):
                client.get(f"/products/11?{'x' * (number * 5 % 1900)}", {"X-Request-Id": f"number-{number}"})
        replica.stop()
        assert svlogd.wait(10) == 0  # it has read to the end
    files = sorted(path for path in folder.iterdir() if path.name.startswith("@")) + [folder / "current"]
    assert len(files) > 5
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    ids = [line["id"] for line in lines if line["event"] == "request"]
    assert [id for id in ids if id.startswith("number-")] == [f"number-{number}" for number in range(400)]
    assert lines[-1]["event"] == "stopped"


# ── disks ──
# The kernel refuses to let files grow beyond a size, as it does on a disk that is full. (Postgres ignores the
# signal that comes with it.)

WAL_SEGMENT = 16 << 20


@contextmanager
def full_disk(pids, size=WAL_SEGMENT):
    """While it lasts, no file of these processes of Postgres, and of those that they start, gets longer. By
    default the write-ahead log, whose files are of that size, has room."""
    def limit(pid, words):
        return run(["prlimit", f"--pid={pid}", f"--fsize={words}:"], user=USER).returncode

    assert not any(limit(pid, size) for pid in pids)
    yield
    for pid in pids:
        limit(pid, "unlimited")  # it may not have lived through it


FILL = ("INSERT INTO features (id, product_id, feature, value)"
        " SELECT 1000000 + n, 101, 'Filling', repeat('x', 1500) FROM generate_series(1, 20000) AS n")


def test_a_full_disk_fails_the_writer_and_nobody_else(stack, rows, owner):
    before = catalogue.all_documents(rows)
    with full_disk([owner.info.backend_pid]), pytest.raises(psycopg.Error, match="could not (extend|write)"):
        owner.execute(FILL)
    assert catalogue.all_documents(rows) == before
    with Watch(stack.replicas) as watch:
        watch.seconds_until_shown(before, BACK)
    for replica in stack.replicas:
        check_follows(replica, owner, f"There is room again on {replica.name}")


@pytest.mark.limit(120)
def test_a_full_disk_that_ends_postgres_leaves_what_is_in_memory(own_stack):
    """There is no room for the write-ahead log either: Postgres gives up, and cannot start either."""
    stack = own_stack(replicas=1, with_nginx=False)
    replica, = stack.replicas
    with stack.postgres.connect("atelier_owner") as owner:
        expected = catalogue.all_documents(owner)
        backends = stack.postgres.backends("pid <> pg_backend_pid()")
        with full_disk([stack.postgres.pid, *backends], WAL_SEGMENT // 2), pytest.raises(psycopg.OperationalError):
            owner.execute(FILL)
            owner.execute("CHECKPOINT")
            pytest.fail("there was room")
        stack.postgres.crash()
    with Http1(replica.clear) as client:
        for target, body in expected.items():
            response = client.get(target)
            assert (response.status, response.body) == (200, body)
    wait_until("it says that it is unproven",
               lambda: "detail=unproven" in (replica.get("/products/11").get("cache-status") or ""), 5)
    stack.postgres.start()
    stack.postgres.wait_up()
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        watch.seconds_until_shown(expected, 5)
        check_follows(replica, owner, "There is room again", BACK)


@pytest.fixture
def large_csv(own):
    """A catalogue whose texts do not fit: 30 MB that cannot be compressed."""
    folder = own / "csv"
    folder.mkdir()
    headers = {"features": "id,product_id,feature,value", "styles": "id,productId,name,sale_price,original_price,default_style",
               "photos": "id,styleId,url,thumbnail_url", "skus": "id,styleId,size,quantity",
               "related": "id,current_product_id,related_product_id"}
    for name, header in headers.items():
        (folder / f"{name}.csv").write_text(header + "\n")
    with open(folder / "product.csv", "w", encoding="ascii") as file:
        file.write("id,name,slogan,description,category,default_price\n")
        file.writelines(f"{id},Large,s,{os.urandom(5000).hex()},c,1\n" for id in range(1, 3001))
    return folder


def tool(postgres, *words, under=()):
    return run([*under, program("atelier-catalogue"), *words, "--postgres", postgres.conninfo("atelier_owner")], limit=50)


def failed_with(done, *words):
    """After the lines of progress one line says why, and there is no report."""
    assert (done.returncode, done.stdout) == (1, ""), done
    line = done.stderr.splitlines()[-1]
    assert line.startswith("atelier-catalogue: ") and all(word in line for word in words), done.stderr


@pytest.mark.slow
@pytest.mark.limit(120)
def test_an_import_onto_a_full_disk_leaves_the_catalogue_as_it_was(database, large_csv):
    postgres = database
    words = ["import", large_csv, "--rejects", large_csv / "rejected"]
    with postgres.connect("atelier_owner") as owner:
        catalogue.fill(owner)
        before = catalogue.all_documents(owner)
        with full_disk([postgres.pid]):
            failed_with(tool(postgres, *words), "product.csv: Postgres: could not extend file")
            assert catalogue.all_documents(owner) == before
            assert owner.execute("SELECT to_regnamespace('incoming')").fetchone() == (None,), "room is given back"
        done = tool(postgres, *words)
        assert done.returncode == 0, done
        assert owner.execute("SELECT count(*) FROM products").fetchone() == (3000,)


def test_a_full_disk_for_rejected_rows_fails_the_import_before_the_swap(database):
    with database.connect("atelier_owner") as owner:
        catalogue.fill(owner)
        before = catalogue.all_documents(owner)
        failed_with(tool(database, "import", ROOT / "unit/data/catalogue", "--rejects", "/dev/full"),
                    "/dev/full", "No space left")
        assert catalogue.all_documents(owner) == before


def redirected_load(database, how):
    argv = [program("atelier-catalogue"), "generate", "--products", 3, "--load",
            "--postgres", database.conninfo("atelier_owner")]
    return run(["/bin/sh", "-c", f"{shlex.join(map(str, argv))} {how}"])


def test_a_load_without_standard_files_does_not_take_others_for_them(database):
    done = redirected_load(database, "0<&- 1>&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_report_that_cannot_be_written_is_said_and_the_catalogue_is_loaded(database):
    failed_with(redirected_load(database, "> /dev/full"), "all is done", "No space left")
    with database.connect("atelier_owner") as owner:
        assert owner.execute("SELECT count(*) FROM products").fetchone() == (3,)


def test_csv_files_that_do_not_fit_are_not_left_half_written(own):
    """The signal is ignored, as a full disk sends none."""
    argv = [program("atelier-catalogue"), "generate", "--products", 20000, "--csv", own / "csv"]
    failed_with(run(["prlimit", "--fsize=1000000", "env", "--ignore-signal=XFSZ", *argv]), str(own / "csv"))
    assert list((own / "csv").iterdir()) == []


# ── clocks ──

class Clock:
    """A wall clock that can be set, for some processes; their monotonic clock is the real one."""

    def __init__(self, file):
        self.file = file
        library, = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        self.words = ["env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={file}", "FAKETIME_NO_CACHE=1",
                      "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        self.set(0)

    def under(self, process):
        """From its next start on it lives by this clock."""
        process.argv = [*self.words, *process.argv]

    def set(self, seconds):
        """So far from the real one."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.rename(self.file)


@pytest.fixture
def clock(own):
    return Clock(own / "clock")


def seconds_of(line):
    """How far a log line's time is from now."""
    then = datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
    return (then - datetime.now(timezone.utc)).total_seconds()


JUMPS = [-7200, 7200, 400 * 86400]
NEVER = {"Catalogue-At-Least": "xid=999999999"}


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_changes_nothing(replica, owner, clock, jump):
    """Under a request that waits, before others that wait, under a change, before a drain."""
    replica.argv += ["--wait-ms", "300", "--workers", "1"]
    clock.under(replica)
    replica.start_ready()
    with Http1(replica.clear) as client, Http1(replica.clear) as idle:
        check_json(idle.get("/products/11"))
        moves = replica.metrics().total("atelier_http_waits_total")
        client.send("GET", "/products/11", NEVER)
        check_json(idle.get("/products/11"))  # by the one worker, which has taken up the other by now
        clock.set(jump)
        check_problem(client.receive("GET"), 503, "not-fresh")
        asked = time.monotonic()
        check_problem(client.get("/products/11", NEVER), 503, "not-fresh")
        assert time.monotonic() - asked < 2
        assert replica.metrics().total("atelier_http_waits_total") == moves + 2
        check_follows(replica, owner, f"It jumped by {jump}")
        asked = time.monotonic()
        assert replica.stop() == 0
        assert time.monotonic() - asked < 5
    assert abs(seconds_of(replica.logged("stopped")[0]) - jump) < 60, "the clock did jump"


@pytest.mark.parametrize("jump", JUMPS)
def test_a_postgres_that_comes_back_with_another_time_is_followed(own_stack, clock, jump):
    stack = own_stack(replicas=1, with_nginx=False)
    stack.postgres.stop()
    clock.set(jump)
    clock.under(stack.postgres)
    stack.postgres.start()
    stack.postgres.wait_up()
    with stack.postgres.connect("atelier_owner") as owner, Watch(stack.replicas) as watch:
        told, = owner.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert abs(told - time.time() - jump) < 60, "the clock did jump"
        watch.seconds_until_shown(expected_of(owner, 11), 5)
        check_follows(stack.replicas[0], owner, "Another time", BACK)


@pytest.mark.parametrize("jump", ["-1 day", "1 day"])
def test_the_change_log_is_pruned_whatever_postgres_s_clock_did(database, jump):
    """What a jump does to it: the ticks of before are in the future, or long ago."""
    with database.connect("postgres") as admin, database.connect("atelier_owner") as owner:
        database.prune()
        catalogue.fill(owner)
        admin.execute("SELECT feed.prune('10 minutes')")
        admin.execute("UPDATE feed.ticks SET at = at - %s::interval", [jump])
        owner.execute("UPDATE products SET name = 'After the jump' WHERE id = 1")
        admin.execute("SELECT feed.prune('10 minutes')")
        left, = admin.execute("SELECT count(*) FROM feed.change_log WHERE product_id = 1").fetchone()
        assert left >= 1, "what is younger than the retention stays"
        database.prune()
        assert admin.execute("SELECT count(*) FROM feed.change_log").fetchone() == (0,)
