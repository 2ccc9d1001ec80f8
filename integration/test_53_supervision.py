"""What a supervisor asks and is told: `atelierd --check`, /healthz."""
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
