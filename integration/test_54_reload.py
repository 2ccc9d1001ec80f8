"""SIGHUP: options that can change, certificates and ticket keys are read again, all of it or nothing."""
import json
import os
import shutil
import signal
import ssl
import threading
import time

import pytest

from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.metrics import Moves
from atelier.replica import Replica
from atelier.tls import Certificates
from atelier.visitor import Visitor
from atelier.waiting import wait_until

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


class Reloadable(Replica):
    """A replica with a folder of its own, which has its options' file, certificate and ticket keys."""

    def __init__(self, name, folder, stack, ticket_keys=None):
        folder.mkdir(exist_ok=True)
        self.options = folder / f"{name}.options"
        self.options.write_text("")
        super().__init__(name, folder, stack.postgres, stack.certificates, ["--options-file", self.options])
        at = self.argv.index("--access-log-sample")
        del self.argv[at:at + 2]  # or the command line would win over the file
        self.argv += ["--tls-ticket-keys", str(ticket_keys)] if ticket_keys else []
        self.argv += ["--workers", "1"]  # several follow one after the other

    def reload(self, outcome="applied"):
        """SIGHUP, and what became of it."""
        before = self.metrics().total("atelier_reloads_total", outcome=outcome)
        self.send(signal.SIGHUP)
        wait_until(f"the reload is {outcome}",
                   lambda: self.metrics().total("atelier_reloads_total", outcome=outcome) == before + 1, 5)

    def reload_with(self, text, outcome="applied"):
        self.options.write_text(text)
        self.reload(outcome)


@pytest.fixture
def replica(stack, own):
    with Reloadable("r4", own, stack) as replica:
        yield replica


# ── options ──

def test_what_can_change_changes(replica):
    replica.options.write_text("# at the start\nATELIERD_ACCESS_LOG_SAMPLE=0\n")
    replica.start_ready()
    assert replica.get("/products/11")["cache-control"] == "public, no-cache"
    assert not replica.logged("request")
    replica.reload_with("ATELIERD_ACCESS_LOG_SAMPLE=1\nATELIERD_CACHE_CONTROL='private, no-cache'\n"
                        "ATELIERD_WAIT_MS=1\nATELIERD_EVENTS_MAX=0\nATELIERD_UNPROVEN_AFTER_MS=1\n")
    wait_until("the worker follows", lambda: replica.get("/products/11")["cache-control"] == "private, no-cache", 5)
    line = wait_until("it is logged", lambda: replica.logged("request"), 5)[-1]
    assert (line["route"], line["status"]) == ("product", 200) and line["version"] and line["us"] >= 0 and line["bytes"] > 0
    assert "within 1 ms" in replica.get("/products/11", {"Catalogue-At-Least": "xid=999999999999"}).json()["detail"]
    assert "0 streams of events" in replica.get("/events").json()["detail"]
    assert replica.get("/products/11").get("cache-status"), "every answer is older than 1 ms of word from Postgres"
    assert replica.logged("reloaded")[-1]["options_changed"] == 5
    replica.reload_with("")
    wait_until("all is as it was", lambda: replica.get("/products/11")["cache-control"] == "public, no-cache", 5)
    assert replica.get("/products/11").get("cache-status") is None


def test_the_log_level_changes_and_the_line_says_where_a_request_went(replica):
    replica.options.write_text("ATELIERD_LOG_LEVEL=info\nATELIERD_ACCESS_LOG_SAMPLE=1\n")
    replica.start_ready()
    for target, route in (("/products?count=1", "list"), ("/products/11/full", "full"), ("/docs", "asset"),
                          ("/nowhere", "none"), ("/products?count=many", "list")):
        replica.get(target)
        wait_until("it is logged", lambda: replica.logged("request")[-1:] and replica.logged("request")[-1]["path"] == target, 5)
        assert replica.logged("request")[-1]["route"] == route
    replica.reload_with("ATELIERD_LOG_LEVEL=error\nATELIERD_ACCESS_LOG_SAMPLE=1\n")
    size = replica.log_size()
    assert replica.get("/products/11").status == 200
    replica.reload_with("ATELIERD_LOG_LEVEL=info\nATELIERD_ACCESS_LOG_SAMPLE=0\n")
    assert [json.loads(line)["event"] for line in replica.log_text(size).splitlines()] == ["reloaded"]


@pytest.mark.parametrize("text, said", [
    ("ATELIERD_WAIT_MS=7\nATELIERD_WAIT=7\n", "line 2: 'ATELIERD_WAIT' is not an option"),
    ("ATELIERD_CACHE_CONTROL=x\nATELIERD_WAIT_MS=soon\n", "'soon'"), ("ATELIERD_CACHE_CONTROL=x\nrubbish\n", "'rubbish'"),
    ("ATELIERD_CACHE_CONTROL=x\nATELIERD_LOG_LEVEL=loud\n", "'loud' is not debug"),
    ("ATELIERD_CACHE_CONTROL=x\nATELIERD_LISTEN_TLS=\"\n", "quotes"), (None, "No such file")])
def test_a_bad_file_changes_nothing_and_is_said_once(replica, text, said):
    replica.start_ready()
    if text is None:
        replica.options.unlink()
        replica.reload("refused")
    else:
        replica.reload_with(text, "refused")
    line, = replica.logged("reload_refused")
    assert said in line["error"] and line["level"] == "error"
    assert replica.get("/products/11")["cache-control"] == "public, no-cache"
    replica.reload_with("ATELIERD_CACHE_CONTROL=y\n")
    wait_until("a good one is taken", lambda: replica.get("/products/11")["cache-control"] == "y", 5)


def test_what_needs_a_restart_is_named_and_does_not_hold_up_the_rest(replica):
    replica.start_ready()
    replica.reload_with("ATELIERD_CACHE_CONTROL=z\nATELIERD_FETCHERS=7\n")
    assert [line["option"] for line in replica.logged("option_needs_restart")] == ["fetchers"]
    wait_until("the rest is taken", lambda: replica.get("/products/11")["cache-control"] == "z", 5)


def test_the_command_line_and_the_environment_come_before_the_file(replica):
    replica.argv += ["--cache-control", "by-word"]
    replica.environment = {"ATELIERD_WAIT_MS": "9"}
    replica.options.write_text("ATELIERD_CACHE_CONTROL=by-file\nATELIERD_WAIT_MS=8\nATELIERD_EVENTS_MAX=0\n")
    replica.start_ready()
    for _ in range(2):
        assert replica.get("/products/11")["cache-control"] == "by-word"
        assert "within 9 ms" in replica.get("/products/11", {"Catalogue-At-Least": "xid=999999999999"}).json()["detail"]
        assert replica.get("/events").status == 503
        replica.reload()


def test_reloads_under_load_fail_no_request(replica):
    replica.start_ready()
    ended = threading.Event()
    statuses = []

    def ask():
        with Http1(replica.clear) as plain, Http2(replica.tls, replica_context(replica)) as encrypted:
            while not ended.is_set():
                statuses.extend((plain.get("/products/11").status, encrypted.get("/products/11/styles").status))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        replica.reload_with(f"ATELIERD_CACHE_CONTROL=max-age={number}\nATELIERD_WAIT_MS={number + 1}\n")
    ended.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200} and len(statuses) > 100


def replica_context(replica):
    ca = os.path.join(os.path.dirname(replica.argv[replica.argv.index("--tls-certificate") + 1]), "ca.pem")
    return ssl.create_default_context(cafile=ca)


# ── certificates ──

@pytest.fixture
def tls_folder(replica, stack, own):
    """The replica's certificate and key, in files of its own."""
    folder = own / "tls"
    folder.mkdir()
    for option, path in (("--tls-certificate", stack.certificates.certificate), ("--tls-key", stack.certificates.key)):
        replica.argv[replica.argv.index(option) + 1] = str(shutil.copy(path, folder))
    return folder


def trusted(replica, certificates):
    """Whether a new connection is answered with a certificate of this authority."""
    try:
        with Http1(replica.tls, certificates.context()) as client:
            return client.get("/products/11").status == 200
    except ssl.SSLError:
        return False


def test_a_new_certificate_serves_new_connections_and_old_ones_go_on(replica, tls_folder, stack, own):
    replica.start_ready()
    later = Certificates(own / "later", days=5)
    with Http2(replica.tls, stack.certificates.context()) as old:
        assert old.get("/products/11").status == 200
        shutil.copy(later.certificate, tls_folder / "server.pem")
        shutil.copy(later.key, tls_folder / "server.key")
        replica.reload()
        wait_until("the new one is shown", lambda: trusted(replica, later), 5)
        assert not trusted(replica, stack.certificates)
        assert old.get("/products/11").status == 200 and not old.goaway
    expires = replica.metrics().total("atelier_tls_certificate_expires_timestamp_seconds")
    assert abs(expires - time.time() - 5 * 86400) < 300


@pytest.mark.parametrize("damage", ["certificate without its key", "no certificate", "missing"])
def test_a_certificate_that_cannot_be_used_changes_nothing(replica, tls_folder, stack, own, damage):
    replica.start_ready()
    expires = replica.metrics().total("atelier_tls_certificate_expires_timestamp_seconds")
    replica.options.write_text("ATELIERD_CACHE_CONTROL=not-taken\n")
    if damage == "missing":
        (tls_folder / "server.pem").unlink()
    elif damage == "no certificate":
        (tls_folder / "server.pem").write_text("nonsense\n")
    else:
        shutil.copy(Certificates(own / "other", days=9).certificate, tls_folder / "server.pem")
    replica.reload("refused")
    line, = replica.logged("reload_refused")
    assert "--tls-" in line["error"] and str(tls_folder) in line["error"]
    assert trusted(replica, stack.certificates)
    assert replica.get("/products/11")["cache-control"] == "public, no-cache"
    assert replica.metrics().total("atelier_tls_certificate_expires_timestamp_seconds") == expires


def test_handshakes_are_counted_and_those_that_fail(stack):
    replica = stack.replicas[0]
    moves = Moves([replica])
    assert trusted(replica, stack.certificates)
    assert moves.of("atelier_tls_handshakes_total", resumed="no") == 1
    assert moves.of("atelier_tls_handshake_errors_total") == 0
    with pytest.raises(ssl.SSLError):
        Http1(replica.tls, ssl.create_default_context()).close()  # it does not know our authority, and says so
    wait_until("it is counted", lambda: moves.of("atelier_tls_handshake_errors_total") == 1, 5)
    with Http1(replica.tls) as client:
        client.send("GET", "/products/11")
        assert client.is_closed()
    wait_until("no TLS at all is counted", lambda: moves.of("atelier_tls_handshake_errors_total") == 2, 5)
    assert moves.of("atelier_tls_handshakes_total") == 1


# ── session tickets ──

@pytest.fixture
def keys(own):
    path = own / "ticket.keys"
    path.write_bytes(os.urandom(80))
    return path


@pytest.fixture
def pair(stack, own, keys):
    """Two replicas that share the keys of tickets."""
    with Reloadable("r4", own, stack, keys) as r4, Reloadable("r5", own, stack, keys) as r5:
        r4.start()
        r5.start()
        r4.wait_ready()
        r5.wait_ready()
        yield r4, r5


def rotate(keys, replicas, kept=2):
    """A new first key, and so many of those before."""
    keys.write_bytes(os.urandom(80) + keys.read_bytes()[:80 * kept])
    for replica in replicas:
        replica.reload()


@VERSIONS
def test_a_session_goes_on_at_another_replica_and_after_a_restart(stack, pair, version):
    r4, r5 = pair
    visitor = Visitor(stack.certificates.context(), version)
    moves = Moves([r5])
    assert not visitor.resumes(r4.tls)
    assert visitor.resumes(r5.tls)
    assert moves.of("atelier_tls_handshakes_total", resumed="yes") == 1
    r4.stop()
    r4.start_ready()
    assert visitor.resumes(r4.tls)


@VERSIONS
def test_without_shared_keys_a_session_is_its_replica_s(stack, version):
    visitor = Visitor(stack.certificates.context(), version)
    first, second = stack.replicas[:2]
    assert not visitor.resumes(first.tls)
    assert visitor.resumes(first.tls)
    assert not visitor.resumes(second.tls)


@VERSIONS
def test_keys_are_rotated_and_a_ticket_of_an_old_one_is_renewed(stack, pair, keys, version):
    r4, r5 = pair
    stays, comes_back = Visitor(stack.certificates.context(), version), Visitor(stack.certificates.context(), version)
    assert not stays.resumes(r4.tls) and not comes_back.resumes(r4.tls)
    for replica in (r5, r4):
        rotate(keys, pair)
        wait_until("the workers follow", lambda: stays.resumes(replica.tls), 1)
        assert comes_back.resumes(replica.tls, keep=False), "the ticket of the first day"
    rotate(keys, pair)
    assert stays.resumes(r5.tls), "its ticket was renewed at each visit"
    assert not comes_back.resumes(r4.tls, keep=False), "the key of its ticket is gone"


@pytest.mark.parametrize("size", [0, 16, 79, 81, 160 - 1, 80 * 17])
def test_files_that_are_no_keys_are_refused(stack, pair, keys, size):
    r4, _ = pair
    visitor = Visitor(stack.certificates.context(), ssl.TLSVersion.TLSv1_3)
    assert not visitor.resumes(r4.tls)
    keys.write_bytes(os.urandom(size))
    r4.reload("refused")
    line, = r4.logged("reload_refused")
    assert f"has {'at least 1281' if size > 1280 else size} bytes" in line["error"] and "1 to 16 keys of 80" in line["error"]
    assert visitor.resumes(r4.tls), "the old keys are in use"


@pytest.mark.parametrize("content, said", [(None, "No such file"), (b"short", "has 5 bytes")])
def test_without_good_keys_nothing_starts(stack, own, content, said):
    path = own / "bad.keys"
    if content:
        path.write_bytes(content)
    with Reloadable("r4", own, stack, path) as replica:
        replica.may_fail_with = (1, 2)
        replica.start()
        assert replica.wait(10) in (1, 2)
        line = replica.log_text().strip()
        assert str(path) in line and said in line and "\n" not in line
