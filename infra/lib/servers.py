"""Servers on one core each, with one worker; ports() says where each speaks what. And bare libh2o, which answers the same
documents with the same heads and does nothing else (infra/bench.d)."""
from atelier.http1 import Http1
from atelier.ports import free_port
from atelier.process import Process, run_checked
from atelier.replica import Replica
from atelier.waiting import wait_until
from measuring import ROOT

OURS, BARE = "atelierd", "bare libh2o"


def build_bare(folder):
    """Two seconds of work: built anew for each run, and nothing of it stays."""
    build = folder / "build"
    run_checked(["cmake", "-G", "Ninja", "-S", ROOT / "infra" / "bench.d", "-B", build], limit=120)
    run_checked(["cmake", "--build", build], limit=120)
    return build / "bare-h2o"


class Pinned(Process):
    """A process on one core, that is up once its ports are open."""

    def __init__(self, name, argv, core, folder):
        super().__init__(name, ["taskset", "--cpu-list", core, *argv], folder / f"{name.replace(' ', '-')}.log")

    def ports(self):
        return {"http1": self.clear, "h2c": self.clear, "h2": self.tls}

    def up(self, limit=30):
        self.start()
        wait_until(f"{self.name} listens", self._listens, limit, ignoring=(ConnectionRefusedError,))
        return self

    def _listens(self):
        if not self.running:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}: {self.log_text()[-300:].strip()}")
        for port in self.ports().values():
            Http1(port).close()
        return True


class Atelierd(Pinned):
    def __init__(self, name, program, core, folder, postgres, certificates):
        self.clear, self.tls, self.operations = free_port(), free_port(), free_port()
        argv = [program, "--name", name.replace(" ", "-"), "--workers", 1,
                "--listen", f"127.0.0.1:{self.clear}", "--listen-tls", f"127.0.0.1:{self.tls}",
                "--listen-operations", f"127.0.0.1:{self.operations}",
                "--tls-certificate", certificates.certificate, "--tls-key", certificates.key,
                "--postgres", postgres.conninfo("atelier_reader")]
        super().__init__(name, argv, core, folder)

    operation, ready, wait_ready, metrics = Replica.operation, Replica.ready, Replica.wait_ready, Replica.metrics

    def up(self, limit=120):
        super().up()
        self.wait_ready(limit)
        return self


class Bare(Pinned):
    def __init__(self, program, core, folder, certificates, documents):
        self.clear, self.tls = free_port(), free_port()
        argv = [program, "--listen", f"127.0.0.1:{self.clear}", "--listen-tls", f"127.0.0.1:{self.tls}",
                "--tls-certificate", certificates.certificate, "--tls-key", certificates.key,
                "--documents", documents.packed, "--head", documents.head, "--spare", documents.spare]
        super().__init__(BARE, argv, core, folder)
