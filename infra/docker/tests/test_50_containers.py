"""infra/docker: up from nothing, what the containers may do, killed and replaced under load, down and up again."""
import os
import re
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from containers import DOCKER, LOADERIO, SERVICES, run

from atelier.build import ROOT
from atelier.catalogue import all_documents
from atelier.load import Load
from atelier.visitor import Visitor
from atelier.waiting import wait_until

BUILT = ("server", "catalogue", "nginx", "postgres")


def image(name):
    return run("docker", "image", "inspect", "--format", "{{json .}}", f"atelier/{name}:latest")


def documents(containers):
    with containers.postgres.connect("atelier_reader") as rows:
        return dict(list(all_documents(rows).items())[:60])


def under_load(containers, ending, limit, *more):
    """Clients of the two listeners that lose nothing, and of others."""
    expected = documents(containers)
    return [ending.enter_context(Load(lambda name=name: containers.client(name), expected, threads=3, limit=limit))
            for name in ("http-h1", "edge-h2", *more)]


def lost_nothing(loads, answered):
    for load in loads:
        load.stop()
        assert load.answered > answered and not load.lost and not load.wrong, (load.answered, load.lost[:3], load.wrong[:3])


# ── up ──

def test_up_from_nothing_is_well(containers):
    assert all(containers.healthy(service) for service in SERVICES)
    for job in ("prepare", "migrate", "load"):
        state = containers.inspect(job)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), job
    for listener in containers.listeners().values():
        with listener.connect() as client:
            assert [client.get(f"/products/{id}").status for id in (1, 500, 501)] == [200, 200, 404]


def test_the_address_that_up_prints_answers_a_client_that_trusts_its_authority(containers):
    line, = (line for line in containers.said.splitlines() if line.startswith("curl "))
    assert run("sh", "-c", f"{line} --silent --fail --noproxy '*'").startswith("[{")


def test_loader_io_finds_its_token(containers):
    for name in ("http-h1", "edge-h2"):
        with containers.client(name) as client:
            assert client.get(f"/{LOADERIO}/").body.decode() == LOADERIO


def test_a_second_up_changes_nothing(containers):
    before = {service: containers.inspect(service)["State"]["StartedAt"] for service in SERVICES}
    containers.up("--products", 600)
    assert {service: containers.inspect(service)["State"]["StartedAt"] for service in SERVICES} == before
    with containers.client("http-h1") as client:
        assert client.get("/products/501").status == 404


# ── what a container is, and may ──

@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_nobody_and_may_nothing(containers, service):
    about = containers.inspect(service)
    host = about["HostConfig"]
    assert about["Config"]["User"] == "10001:10001" and host["ReadonlyRootfs"] and not host["Privileged"]
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0 and host["PidsLimit"] > 0
    status = Path(f"/proc/{about['State']['Pid']}/status").read_text()
    assert re.search(r"^Uid:(\s10001){4}$", status, re.MULTILINE) and re.search(r"^CapEff:\s0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    with pytest.raises(AssertionError, match="Read-only file system"):
        containers.in_container(service, "touch", "/usr/bin/something")


def test_only_nginx_is_reached_from_outside_and_only_from_this_machine(containers):
    published = {service: containers.inspect(service)["HostConfig"]["PortBindings"] for service in SERVICES}
    assert {service for service, ports in published.items() if ports} == {"nginx-http", "nginx-stream"}
    addresses = {binding["HostIp"] for ports in published.values() for bindings in ports.values() for binding in bindings}
    assert addresses == {"127.0.0.1"}
    assert sorted(port for ports in published.values() for port in ports) == ["8080/tcp", "8443/tcp", "8444/tcp"]


def test_nothing_but_nginx_is_in_the_network_that_leads_out(containers):
    for service in SERVICES:
        networks = containers.inspect(service)["NetworkSettings"]["Networks"]
        assert any(name.endswith("_front") for name in networks) == service.startswith("nginx"), service


def test_passwords_are_in_no_description_and_where_nobody_needs_them(containers):
    passwords = [line.split(":")[4] for line in containers.in_container("postgres", "cat", "/var/lib/atelier/etc/pgpass").split()]
    assert len(set(passwords)) == 4 and all(len(password) == 48 for password in passwords)
    described = [str(containers.inspect(service)) for service in (*SERVICES, "prepare", "migrate", "load")]
    described += [image(name) + run("docker", "history", "--no-trunc", f"atelier/{name}") for name in BUILT]
    described.append(containers.script("compose", "logs", "--no-color"))
    assert not any(password in text for password in passwords for text in described)
    seen = containers.in_container("r1", "find", "/var/lib/atelier", "-type", "f")
    assert set(seen.split()) == {f"/var/lib/atelier/{name}" for name in (
        "reader/pgpass", "tls/ca.pem", "tls/server.pem", "tls/server.key", "tls/tickets.keys")}
    assert containers.in_container("r1", "cat", "/var/lib/atelier/reader/pgpass").count("\n") == 1


# ── the image ──

def test_the_server_s_image_is_small_and_says_what_it_is(containers):
    size = int(run("docker", "image", "inspect", "--format", "{{.Size}}", "atelier/server:latest"))
    print(f"atelier/server: {size / 1e6:.1f} MB")
    assert size <= 150_000_000
    about = containers.inspect("r1")["Config"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in about["Labels"].items()}
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels["version"]) and labels["licenses"] == "MIT"
    assert labels["source"] and labels["revision"] == containers.replicas[0].operation("/status").json()["commit"]
    assert about["Entrypoint"] == ["atelierd"] and about["Healthcheck"]["Test"] == ["CMD", "atelierd", "--check"]


def test_the_health_check_finds_a_server_that_is_stopped(containers):
    pid = containers.inspect("r3")["State"]["Pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until("r3 is unhealthy", lambda: not containers.healthy("r3"), 50, every=0.5)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until("r3 is healthy", lambda: containers.healthy("r3"), 30, every=0.5)


def test_a_container_that_is_stopped_has_drained(containers):
    containers.script("compose", "stop", "r3")
    state = containers.inspect("r3")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert '"event":"stopped"' in containers.script("compose", "logs", "--no-color", "r3").replace(" ", "")
    containers.up()


# ── under load ──

def test_a_replica_that_is_killed_under_load_costs_no_request_and_comes_back(containers):
    with ExitStack() as ending:
        loads = under_load(containers, ending, 120)
        before = containers.inspect("r2")["State"]["Pid"]
        wait_until("the load is under way", lambda: all(load.answered > 200 for load in loads), 30)
        containers.kill("r2")
        wait_until("r2 is another process", lambda: containers.inspect("r2")["State"]["Pid"] not in (0, before), 30, every=0.2)
        wait_until("r2 is healthy", lambda: containers.healthy("r2"), 60, every=0.5)
        lost_nothing(loads, 400)


def test_all_replicas_are_replaced_under_load_and_no_request_fails(containers):
    before = [containers.inspect(replica.name)["Id"] for replica in containers.replicas]
    with ExitStack() as ending:
        loads = under_load(containers, ending, 900, "tls-h2")  # which heeds GOAWAY
        wait_until("the load is under way", lambda: all(load.answered > 200 for load in loads), 30)
        containers.script("rolling", "--build", limit=900)
        lost_nothing(loads, 1000)
        print(f"{sum(load.answered for load in loads)} requests, none failed")
    after = [containers.inspect(replica.name)["Id"] for replica in containers.replicas]
    assert not set(before) & set(after)
    assert all(replica.operation("/readyz").status == 200 for replica in containers.replicas)


def refused(containers, script, *words, **environment):
    done = subprocess.run([DOCKER / script, *words], env=os.environ | containers.environment | environment, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode != 0 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_what_cannot_be_done_is_said_and_not_done(containers):
    assert "The replicas are r1 r2 r3" in refused(containers, "rolling", "r4")
    assert "--products is 'many'" in refused(containers, "up", "--products", "many")
    assert "no Docker engine answers" in refused(containers, "up", DOCKER_HOST="unix:///nonexistent.sock")
    pid = containers.inspect("r2")["State"]["Pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "r2 is not ready, so no replica is taken out" in refused(containers, "rolling")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_session_goes_on_at_any_replica_and_when_keys_are_rotated(containers):
    visitor = Visitor(containers.certificates.context())

    def resumed():
        return [visitor.resumes(containers.tls.ports[0]) for _ in containers.replicas]

    assert resumed() == [False, True, True]
    moves = containers.moves()
    containers.script("compose", "run", "--rm", "-T", "prepare", "tickets")
    containers.script("compose", "kill", "-s", "HUP", "r1", "r2", "r3")
    wait_until("all have read them", lambda: moves.of("atelier_reloads_total", outcome="applied") == 3, 10)
    assert resumed() == [True, True, True]


@pytest.mark.skipif(subprocess.run([ROOT / "k6/get-k6", "--found"], capture_output=True).returncode != 0,
                    reason="k6 is neither on PATH nor built; k6/get-k6 builds it")
def test_k6_beside_it_finds_nothing_wrong(containers):
    """Profile load."""
    run("install", "-D", run(ROOT / "k6/get-k6").strip(), ROOT / "build/docker/k6")
    environment = containers.environment | {"ATELIER_PRODUCTS": "500"}
    assert "PASS  load ci" in run(DOCKER / "compose", "--profile", "load", "run", "--rm", "-T", "k6", limit=600, **environment)


# ── down and up ──

def test_down_and_up_again_keeps_the_data(containers):
    with containers.postgres.connect("atelier_owner") as owner:
        owner.execute("UPDATE products SET name = 'Kept' WHERE id = 7")
    passwords = containers.in_container("postgres", "cat", "/var/lib/atelier/etc/pgpass")
    containers.script("compose", "down")
    containers.up()
    assert containers.in_container("postgres", "cat", "/var/lib/atelier/etc/pgpass") == passwords
    for listener in containers.listeners().values():
        with listener.connect() as client:
            assert client.get("/products/7").json()["name"] == "Kept"
