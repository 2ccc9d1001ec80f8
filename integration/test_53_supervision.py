"""What a supervisor asks and is told: `atelierd --check`, /healthz, sd_notify."""
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from atelier.build import program
from atelier.ports import free_port
from atelier.process import run, stopped, thread_stopped
from atelier.replica import Replica
from atelier.waiting import wait_until


def check(address, **how):
    """atelierd --check of what listens there: (exit status, what it printed)."""
    began = time.monotonic()
    done = run([program("atelierd"), "--check"], environment={"ATELIERD_LISTEN_OPERATIONS": address}, limit=10, **how)
    assert time.monotonic() - began < 4 and not done.stdout and done.stderr.count("\n") <= 1
    return done.returncode, done.stderr


@pytest.fixture
def replica(stack, own):
    """A fourth replica beside the three, not started yet."""
    with Replica("r4", own, stack.postgres, stack.certificates) as replica:
        yield replica


# ── --check ──

@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", ""])
def test_a_replica_that_is_well_passes_its_check(stack, host):
    assert check(f"{host}:{stack.replicas[0].operations}") == (0, "")


def test_a_check_finds_who_listens_on_any_address_of_ipv6(replica):
    replica.argv[replica.argv.index("--listen-operations") + 1] = f"[::]:{replica.operations}"
    replica.start()
    wait_until("it is well", lambda: check(f"[::]:{replica.operations}") == (0, ""), 10, every=0.1)


def test_an_option_tells_the_check_where_to_ask(stack):
    done = run([program("atelierd"), "--listen-operations", f"127.0.0.1:{stack.replicas[0].operations}", "--check"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@contextmanager
def answering(data):
    """Somebody who accepts one connection and says this, whatever he is asked; None: he says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(data or b"")
                data is None and ended.wait(10)
        ended = threading.Event()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join()


@pytest.mark.parametrize("data, said", [
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\nworker 2 of 4 is stuck\n", "with 503: worker 2 of 4 is stuck"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "not with HTTP/1.1"), (b"", "not with HTTP/1.1"), (None, "Connection timed out")])
def test_whatever_else_answers_fails_the_check_in_one_line(data, said):
    with answering(data) as address:
        status, line = check(address)
    assert status == 1 and said in line and address in line


@pytest.mark.parametrize("address, said", [("", "--listen-operations is empty"), ("nowhere", "HOST:PORT"),
                                           (f"127.0.0.1:{free_port()}", "Connection refused")])
def test_where_nobody_listens_the_check_fails_in_one_line(built, address, said):
    status, line = check(address)
    assert status == 1 and said in line


def test_a_replica_that_is_stopped_fails_its_check(replica):
    replica.start_ready()
    with stopped(replica):
        assert check(f"127.0.0.1:{replica.operations}") == (1, f"atelierd: 127.0.0.1:{replica.operations} does not answer"
                                                               " /healthz: Connection timed out\n")
    assert check(f"127.0.0.1:{replica.operations}") == (0, "")


def test_a_worker_that_is_stuck_is_named_until_it_turns_again(replica):
    replica.argv += ["--workers", "2"]
    replica.start_ready()
    address = f"127.0.0.1:{replica.operations}"
    with thread_stopped(replica, "worker"):
        wait_until("it is found", lambda: replica.operation("/healthz").status == 503, 10, every=0.1)
        assert replica.operation("/readyz").status == 200, "the other one answers"
        status, line = check(address)
        assert status == 1 and "with 503: worker 1 of 2 is stuck: its event loop has not turned for 5 s" in line
    wait_until("it is well again", lambda: check(address) == (0, ""), 5, every=0.1)


# ── what systemd is told ──

class Notifications:
    """A datagram socket as systemd has it: what came, each word with when it came."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.words = []

    def take_in(self):
        while True:
            try:
                datagram = self.socket.recv(4096)
            except BlockingIOError:
                return self.words
            self.words += [(time.monotonic(), word) for word in datagram.decode().split("\n")]

    def said(self, word):
        """When that was said, each time."""
        return [at for at, said in self.take_in() if said == word]


@pytest.fixture
def systemd(own):
    notifications = Notifications(own / "notify")
    yield notifications
    notifications.socket.close()


def test_systemd_is_told_ready_when_readyz_says_so_and_stopping_when_it_drains(replica, systemd, stack):
    replica.environment = {"NOTIFY_SOCKET": str(systemd.path)}
    replica.argv[replica.argv.index("--postgres") + 1] = stack.postgres.conninfo("atelier_reader", "nowhere")
    replica.start()
    wait_until("it says what it is doing", lambda: any("STATUS=Loading" in word for _, word in systemd.take_in()), 10)
    assert replica.ready() == 503 and not systemd.said("READY=1")
    replica.stop()
    assert systemd.said("STOPPING=1") and not systemd.said("READY=1")
    replica.argv[replica.argv.index("--postgres") + 1] = stack.postgres.conninfo("atelier_reader")
    replica.start()
    wait_until("it is ready", lambda: systemd.said("READY=1"), 10)
    assert replica.ready() == 200
    products = int(replica.metrics().total("atelier_cache_entries"))
    assert systemd.said(f"STATUS=Ready: {products} products")
    assert not systemd.said("WATCHDOG=1"), "nobody has asked for it"
    replica.stop()
    assert len(systemd.said("STOPPING=1")) == 2


def test_the_watchdog_is_fed_while_all_loops_turn_and_not_otherwise(replica, systemd):
    replica.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "2000000"}
    replica.start_ready()
    wait_until("it is fed", lambda: len(systemd.said("WATCHDOG=1")) >= 3, 5)
    times = systemd.said("WATCHDOG=1")
    assert all(later - earlier < 2 for earlier, later in zip(times, times[1:]))
    for thread in ("worker", "operations"):
        with thread_stopped(replica, thread):
            wait_until(f"the {thread} is missed", lambda: time.monotonic() - systemd.said("WATCHDOG=1")[-1] > 2, 12)
        fed = len(systemd.said("WATCHDOG=1"))
        wait_until("it is fed again", lambda: len(systemd.said("WATCHDOG=1")) > fed, 5)


def test_a_watchdog_that_is_another_process_s_is_not_fed(replica, systemd):
    replica.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}
    replica.start()
    wait_until("it is ready", lambda: systemd.said("READY=1"), 10)
    replica.stop()
    assert not systemd.said("WATCHDOG=1")
