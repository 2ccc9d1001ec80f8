"""The stack on five hosts: how it is deployed, asked and changed."""
import re
import ssl
import subprocess
import urllib.request

from atelier.build import ROOT
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.metrics import Metrics
from machines import ADDRESSES, run

REPLICAS = ("r1", "r2", "r3")
OPERATIONS = 9101
LISTENERS = {"http": 8080, "edge": 8444, "tls": 8443}


class Run:
    """What infra/deploy printed, and how it ended."""

    def __init__(self, done):
        self.status, self.out = done.returncode, done.stdout + done.stderr
        recap = re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", self.out, re.MULTILINE)
        self.changed = {host: int(changed) for host, changed, _, _ in recap}
        self.failed = {host for host, _, unreachable, failed in recap if int(unreachable) + int(failed)}

    def ok(self):
        assert self.status == 0 and self.changed and not self.failed, self.out
        return self


class Deployed:
    def __init__(self, machines, folder):
        self.machines, self.folder = machines, folder
        self.inventory = machines.inventory()

    def deploy(self, *words, limit=900):
        argv = [ROOT / "infra/deploy", "--yes", "--var", self.folder, "--inventory", self.inventory,
                "--names", f"localhost,{ADDRESSES['nginx']}", *map(str, words)]
        return Run(subprocess.run(argv, capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL))

    def context(self):
        return ssl.create_default_context(cafile=self.folder / "tls" / "ca.pem")

    def client(self, listener):
        tls = self.context()
        port = LISTENERS[listener]
        return Http1(port, address=ADDRESSES["nginx"]) if listener == "http" else Http2(port, tls, address=ADDRESSES["nginx"])

    def get(self, listener, target):
        with self.client(listener) as client:
            return client.get(target)

    def sql(self, statement):
        words = f"runuser -u postgres -- psql -X -At -q -v ON_ERROR_STOP=1 -d atelier -c \"{statement}\""
        return self.machines["postgres"].ssh(words).strip()

    def metrics(self, replica):
        with urllib.request.urlopen(f"http://{ADDRESSES[replica]}:{OPERATIONS}/metrics", timeout=5) as response:
            return Metrics(response.read().decode())

    def answered(self, replica):
        """Requests so far, from whomever."""
        return self.metrics(replica).total("atelier_http_requests_total", status=200)

    def commit(self, replica):
        return next(labels["commit"] for name, labels, _ in self.metrics(replica).rows if name == "atelier_build_info")

    def is_ready(self, replica):
        try:
            with urllib.request.urlopen(f"http://{ADDRESSES[replica]}:{OPERATIONS}/readyz", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def pid(self, replica):
        return int(self.machines[replica].ssh(f"systemctl show --value -p MainPID atelierd@{replica}"))

    def programs(self, name, change):
        """A folder with other programs to deploy: what `change` makes of the bytes of the server."""
        folder = self.folder.parent / name
        folder.mkdir()
        run("cp", "-r", f"{self.folder}/bin/.", folder)
        server = folder / "atelierd"
        server.write_bytes(change(server.read_bytes()))
        return f"atelier_programs={folder}"
