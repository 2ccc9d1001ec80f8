"""infra/deploy on five hosts: from nothing, again, a new version, a bad one; hosts that go away. In this order."""
import signal
import time

import pytest

from atelier.build import ROOT
from atelier.load import Load
from atelier.visitor import Visitor
from atelier.waiting import wait_until
from deployed import ADDRESSES, LISTENERS, REPLICAS
from machines import run

TARGET = "/products/1/styles"


class Paced:
    """A client that leaves the machine some time for the hosts."""

    def __init__(self, client):
        self.client, self.close = client, client.close

    def get(self, target):
        time.sleep(0.01)
        return self.client.get(target)


class Loads:
    """The listeners that promise that no request fails, each under load."""

    def __init__(self, stack, limit=600):
        body = stack.get("http", TARGET).body
        self.loads = [Load(lambda name=name: Paced(stack.client(name)), {TARGET: body}, limit=limit) for name in ("http", "edge")]

    def __enter__(self):
        for load in self.loads:
            load.__enter__()
        self.go_on()
        return self

    def __exit__(self, *why):
        for load in self.loads:
            load.__exit__(*why)

    def go_on(self):
        """A few requests later."""
        before = [load.answered for load in self.loads]
        wait_until("the loads go on", lambda: all(load.answered > was + 50 for load, was in zip(self.loads, before)), 30)

    def failures(self):
        return [failure for load in self.loads for failure in load.lost + load.wrong]


def test_every_replica_answers_through_nginx(stack):
    before = {replica: stack.answered(replica) for replica in REPLICAS}
    for listener in LISTENERS:
        for _ in range(30):
            assert stack.get(listener, "/products/8").json()["id"] == 8
    assert all(stack.answered(replica) > before[replica] + 10 for replica in REPLICAS)


def test_a_second_run_changes_nothing(stack):
    pids = [stack.pid(replica) for replica in REPLICAS]
    again = stack.deploy().ok()
    assert again.changed == dict.fromkeys(("postgres", "r1", "r2", "r3", "nginx"), 0), again.out
    assert [stack.pid(replica) for replica in REPLICAS] == pids
    assert all(stack.first.changed.values()), stack.first.out


def test_check_says_what_would_change_and_changes_nothing(stack):
    pids = [stack.pid(replica) for replica in REPLICAS]
    assert not any(stack.deploy("--", "--check").ok().changed.values())
    other = stack.deploy("--", "--check", "-e", "{atelier_options: {ATELIERD_LOG_LEVEL: debug}}").ok()
    assert {host for host, changed in other.changed.items() if changed} >= set(REPLICAS), other.out
    assert [stack.pid(replica) for replica in REPLICAS] == pids


@pytest.mark.parametrize("host, files", [
    ("postgres", "/etc/atelier/owner.pgpass /etc/postgresql/15/main/atelier.key"),
    ("r1", "/etc/atelier/server.key /etc/atelier/tickets.keys /etc/atelier/reader.pgpass /etc/atelier/r1.env"),
    ("nginx", "/var/lib/atelier/tls/server.key"),
])
def test_secrets_are_for_whom_they_are_for(stack, host, files):
    said = stack.machines[host].ssh(f"for file in {files}; do test -s $file && ! runuser -u nobody -- test -r $file && echo $file; done")
    assert said.split() == files.split()


def test_postgres_lets_in_the_reader_over_tls_alone(stack):
    assert stack.sql("SELECT count(*) > 2, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                     "WHERE usename = 'atelier_reader'") == "t|t"
    clear = "sslmode=disable host=10.90.0.10 dbname=atelier user=atelier_reader passfile=/etc/atelier/reader.pgpass"
    # The client comes from the package cache; no replica has or needs it.
    stack.machines["r1"].ssh("apt-get install -y -qq --no-install-recommends postgresql-client-15", limit=300)
    with pytest.raises(AssertionError, match="no pg_hba.conf entry"):
        stack.machines["r1"].ssh(f"runuser -u atelier -- psql '{clear}' -c 'SELECT 1'")
    stack.machines["r1"].ssh(f"runuser -u atelier -- psql '{clear.replace('disable', 'require')}' -c 'SELECT 1'")


def test_a_write_by_sql_is_seen_through_nginx(stack):
    stack.sql("UPDATE products SET slogan = 'on five hosts' WHERE id = 8")
    for listener in LISTENERS:
        wait_until("the new slogan", lambda: stack.get(listener, "/products/8").json()["slogan"] == "on five hosts", 5)


def test_a_reload_takes_up_options_and_keeps_the_process(stack):
    pid, machine = stack.pid("r1"), stack.machines["r1"]

    def reloaded(level, outcome):
        before = stack.metrics("r1").total("atelier_reloads_total", outcome=outcome)
        machine.ssh(f"echo ATELIERD_LOG_LEVEL={level} >>/etc/atelier/r1.env && systemctl reload atelierd@r1")
        wait_until(outcome, lambda: stack.metrics("r1").total("atelier_reloads_total", outcome=outcome) == before + 1, 10, every=0.1)

    machine.ssh("cp -p /etc/atelier/r1.env /root")
    reloaded("debug", "applied")
    machine.ssh("cp -p /root/r1.env /etc/atelier")
    reloaded("loud", "refused")
    machine.ssh("cp -p /root/r1.env /etc/atelier")
    assert stack.pid("r1") == pid and stack.is_ready("r1")


def test_a_session_goes_on_at_any_replica_and_when_keys_are_rotated(stack):
    visitor = Visitor(stack.context())

    def resumed():
        return [visitor.resumes(LISTENERS["tls"], ADDRESSES["nginx"]) for _ in REPLICAS]

    pids = [stack.pid(replica) for replica in REPLICAS]
    assert resumed() == [False, True, True]
    changed = stack.deploy("--rotate-tickets").ok().changed
    assert changed == {"postgres": 0, "r1": 2, "r2": 2, "r3": 2, "nginx": 0}
    assert [stack.pid(replica) for replica in REPLICAS] == pids
    assert resumed() == [True, True, True]


def test_a_new_version_fails_no_request(stack):
    old = stack.commit("r1")
    programs = stack.programs("next", lambda program: program.replace(old.encode(), b"f" * len(old)))
    with Loads(stack) as loads:
        done = stack.deploy("--", "-e", programs).ok()
        loads.go_on()
    assert not loads.failures()
    assert {stack.commit(replica) for replica in REPLICAS} == {"f" * len(old)}
    assert {host for host, changed in done.changed.items() if changed} == set(REPLICAS)


def test_a_version_that_does_not_start_stays_out_and_goes_no_further(stack):
    pids = [stack.pid(replica) for replica in REPLICAS]
    programs = stack.programs("broken", lambda program: b"#!/bin/sh\nexit 1\n")
    with Loads(stack) as loads:
        assert stack.deploy("--", "-e", programs).failed == {"r1"}
        assert stack.get("tls", "/products/1").status == 200
        loads.go_on()
        assert not stack.is_ready("r1") and [stack.pid(replica) for replica in REPLICAS[1:]] == pids[1:]
        stack.deploy().ok()  # back to what was built: a roll back
        loads.go_on()
    assert not loads.failures()
    assert stack.machines["nginx"].ssh("ls /var/lib/atelier/nginx/out") == ""


def test_who_dies_or_hangs_is_started_again(stack):
    for number in (signal.SIGKILL, signal.SIGSTOP):
        old = stack.pid("r2")
        with Loads(stack) as loads:
            stack.machines["r2"].ssh(f"kill -{int(number)} {old}")
            wait_until("another process", lambda: stack.pid("r2") not in (0, old), 60, every=0.5)
            loads.go_on()
        assert not loads.failures()


def test_a_host_that_is_cut_off_is_survived(stack):
    with Loads(stack) as loads:
        stack.machines["r3"].cut_off()
        wait_until("r3 is away", lambda: not stack.is_ready("r3"), 30)
        loads.go_on()
        assert stack.get("tls", "/products/1").status == 200
        stack.machines["r3"].cut_off(False)
        wait_until("r3 is back", lambda: stack.is_ready("r3"), 30, every=0.2)
        loads.go_on()
    assert not loads.failures()


@pytest.mark.parametrize("host", ["r3", "postgres", "nginx"])
def test_a_host_that_is_started_again_comes_back_by_itself(stack, host):
    machine = stack.machines[host]
    machine.stop()
    machine.start()
    wait_until(f"{host} is up", machine.answers, 60, every=0.2)
    wait_until("all is well", lambda: stack.get("tls", "/products/8").status == 200, 60, every=0.2, ignoring=(OSError,))
    stack.sql(f"UPDATE products SET slogan = 'after {host}' WHERE id = 8")
    wait_until("a write is seen", lambda: stack.get("http", "/products/8").json()["slogan"] == f"after {host}", 30, every=0.1)


def test_ansible_lint_finds_nothing():
    run("ansible-lint", "--offline", "--profile", "production", "site.yml", cwd=ROOT / "infra/ansible", limit=120)
