"""A stack in containers, made by infra/docker/up for these tests alone, and seen from outside."""
import json
import os
import random
import signal
import ssl
import subprocess

import psycopg

from atelier.build import ROOT
from atelier.http1 import Http1
from atelier.metrics import Metrics, Moves
from atelier.ports import free_port, free_ports
from atelier.stack import Http2, Listener

DOCKER = ROOT / "infra" / "docker"
SERVICES = ("postgres", "r1", "r2", "r3", "nginx-http", "nginx-stream")
LISTENERS = ("http-h1", "edge-h1", "edge-h2", "tls-h1", "tls-h2")
LOADERIO = f"loaderio-{42:032x}"
UP_LIMIT = 1400  # seconds; the images may have to be built


def run(*words, limit=120, **environment):
    """The output of a command that must succeed."""
    done = subprocess.run(list(map(str, words)), cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=limit)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


class At(Http1):
    """An HTTP/1.1 client of a container: this machine is in its inner network, too."""

    def __init__(self, address, port):
        self.host = address
        super().__init__(port)


class Replica:
    clear, operations = 9001, 9101

    def __init__(self, name, address):
        self.name, self.address = name, address

    def get(self, target, headers=None):
        with At(self.address, self.clear) as client:
            return client.get(target, headers)

    def operation(self, path):
        with At(self.address, self.operations) as client:
            return client.get(path)

    def metrics(self):
        return Metrics(self.operation("/metrics").body.decode())


class MovesOfTests(Moves):
    """Without what the containers' health checks ask for, the index."""

    def of(self, name, **labels):
        moved = super().of(name, **labels)
        if name == "atelier_http_requests_total" and "route" not in labels:
            moved -= super().of(name, route="index", **labels)
        return moved


class Nginx:
    def __init__(self, *ports):
        self.ports = ports


class Certificates:
    def __init__(self, ca):
        self.ca = ca

    def context(self, maximum=None):
        context = ssl.create_default_context(cadata=self.ca)
        if maximum:
            context.maximum_version = maximum
        return context


class Postgres:
    def __init__(self, stack):
        self.stack = stack

    def connect(self, role):
        entries = (line.split(":") for line in self.stack.in_container("postgres", "cat", "/var/lib/atelier/etc/pgpass").split())
        password, = (entry[4] for entry in entries if entry[3] == role)
        return psycopg.connect(host=self.stack.address("postgres"), dbname="atelier", user=role, password=password, autocommit=True,
                               connect_timeout=5, options="-c statement_timeout=20s")


class Containers:
    """What the contract's tests know as a stack, and the containers themselves."""

    def __init__(self):
        self.http, self.tls = Nginx(free_port(), free_port()), Nginx(free_port())
        self.operations = free_ports(3)
        subnet = f"10.{random.randrange(64, 128)}.{random.randrange(256)}"
        self.environment = {
            "COMPOSE_PROJECT_NAME": f"atelier-test-{os.getpid()}", "ATELIER_SUBNET": subnet,
            "ATELIER_HTTP_PORT": str(self.http.ports[0]), "ATELIER_EDGE_PORT": str(self.http.ports[1]),
            "ATELIER_TLS_PORT": str(self.tls.ports[0]), "ATELIER_PROMETHEUS_PORT": str(free_port()),
            "ATELIER_GRAFANA_PORT": str(free_port()), "ATELIER_OPERATIONS_PORTS": f"{self.operations}-{self.operations + 2}",
            "ATELIER_LOADERIO": LOADERIO, "ATELIER_CANARY_MS": "0"}  # no canaries: tests count what moves
        self.replicas = [Replica(f"r{number}", f"{subnet}.1{number}") for number in (1, 2, 3)]
        self.postgres = Postgres(self)

    def script(self, name, *words, limit=300):
        return run(DOCKER / name, *words, limit=limit, **self.environment)

    def up(self, *words):
        said = self.script("up", *words, limit=UP_LIMIT)
        self.certificates = Certificates(self.in_container("nginx-http", "cat", "/var/lib/atelier/tls/ca.pem"))
        return said

    def in_container(self, service, *words):
        return self.script("compose", "exec", "-T", service, *words)

    def inspect(self, service):
        """What Docker knows of its container; of one that has ended, too."""
        labels = {"project": self.environment["COMPOSE_PROJECT_NAME"], "service": service}
        filters = [word for name, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{name}={value}")]
        return json.loads(run("docker", "inspect", run("docker", "ps", "--all", "--quiet", *filters).strip()))[0]

    def address(self, service):
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return next(network["IPAddress"] for name, network in networks.items() if name.endswith("_back"))

    def kill(self, service):
        """Its process, not by Docker, which would take it as somebody's wish and leave it down."""
        pid = self.inspect(service)["State"]["Pid"]
        os.kill(pid, signal.SIGKILL)

    def healthy(self, service):
        return self.inspect(service)["State"]["Health"]["Status"] == "healthy"

    def moves(self):
        return MovesOfTests(self.replicas)

    def client(self, name):
        port = {"http": self.http.ports[0], "edge": self.http.ports[1], "tls": self.tls.ports[0]}[name.split("-")[0]]
        context = None if name.startswith("http") else self.certificates.context()
        return (Http2 if name.endswith("h2") else Http1)(port, context)

    def listeners(self):
        return {name: Listener(name, lambda name=name: self.client(name), not name.startswith("tls")) for name in LISTENERS}
