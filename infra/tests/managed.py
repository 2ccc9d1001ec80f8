"""A stack that the scripts of infra/ manage, seen from outside: what they print, what runs, what answers."""
import os
import random
import signal
import ssl
import subprocess
from pathlib import Path

from atelier.build import ROOT
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.ports import is_free

SERVICES = ("postgres", "r1", "r2", "r3", "nginx-http", "nginx-stream")
OFFSETS = range(3000, 17000)  # whose ports all stay below Linux's ephemeral ones


def ports_at(offset):
    """Every port of a stack, by what it is for."""
    ports = {"postgres": 15432, "tls": 8443, "http": 8080, "edge": 8444}
    for number in (1, 2, 3):
        ports |= {f"r{number}": 9000 + number, f"r{number}-tls": 9440 + number, f"r{number}-operations": 9100 + number}
    return {name: port + offset for name, port in ports.items()}


def free_offset():
    for _ in range(200):
        offset = random.choice(OFFSETS)
        if all(map(is_free, ports_at(offset).values())):
            return offset
    raise RuntimeError("no --port-offset with free ports")


class Done:
    """How a script ended."""

    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr

    def ok(self):
        assert self.status == 0, f"status {self.status}\n{self.out}{self.err}"
        return self

    def refused(self, *words, status=1):
        """It failed with one line that has these words."""
        assert self.status == status, f"status {self.status}\n{self.out}{self.err}"
        assert self.err.count("\n") == 1 and all(word in self.err for word in words), self.err
        return self


class Managed:
    def __init__(self, folder, offset=None):
        self.folder = Path(folder)
        self.offset = free_offset() if offset is None else offset
        self.ports = ports_at(self.offset)

    def script(self, name, *words, stdin=subprocess.DEVNULL):
        """Popen of infra/NAME for this stack."""
        argv = [ROOT / "infra" / name, "--var", self.folder, *map(str, words)]
        return subprocess.Popen(argv, cwd=ROOT, text=True, stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run(self, name, *words, limit=120):
        process = self.script(name, *words)
        try:
            process.stdout, process.stderr = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            raise
        return Done(process)

    def up(self, *words):
        return self.run("up", "--port-offset", self.offset, *words)

    def sql(self, statement):
        return self.run("psql", "-X", "-At", "-q", "-c", statement).ok().out.strip()

    def pid(self, service):
        text = (self.folder / "service" / service / "supervise" / "pid").read_text().strip()
        return int(text) if text else None

    def pids(self):
        return {service: self.pid(service) for service in SERVICES}

    def processes(self):
        """Whatever works in this stack's folder, as {pid: command line}."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if Path(os.readlink(entry / "cwd")).is_relative_to(self.folder):
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue  # it ended, or is another user's
        return found

    def context(self):
        return ssl.create_default_context(cafile=self.folder / "tls" / "ca.pem")

    def client(self, listener):
        """A connection to NGINX, in the version that suits the listener."""
        port = self.ports[listener]
        return Http1(port) if listener == "http" else Http2(port, self.context())

    def get(self, listener, target):
        with self.client(listener) as client:
            return client.get(target)

    def quantity(self, replica, product, sku):
        with Http1(self.ports[replica]) as client:
            styles = client.get(f"/products/{product}/styles").json()["results"]
        return next(style["skus"][sku]["quantity"] for style in styles if sku in style["skus"])
