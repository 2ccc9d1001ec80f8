"""The servers that are compared, each with one worker on one core; ports() says where it speaks what."""
from atelier.http1 import Http1
from atelier.ports import free_port
from atelier.process import Process
from atelier.replica import Replica
from atelier.waiting import wait_until
from settings import HERE
from summary import BARE, NGINX


class Pinned(Process):
    """A process on one core, that is up once its ports are open."""

    def __init__(self, name, argv, core, folder):
        super().__init__(name, ["taskset", "--cpu-list", core, *argv], folder / f"{name.replace(' ', '-')}.log")

    def ports(self):
        return {"http1": self.clear, "h2c": self.clear, "h2": self.tls}

    def up(self):
        self.start()
        wait_until(f"{self.name} listens", self._listens, 30, ignoring=(ConnectionRefusedError,))
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

    def up(self):
        super().up()
        self.wait_ready(120)
        return self


class Bare(Pinned):
    def __init__(self, program, core, folder, certificates, documents):
        self.clear, self.tls = free_port(), free_port()
        argv = [program, "--listen", f"127.0.0.1:{self.clear}", "--listen-tls", f"127.0.0.1:{self.tls}",
                "--tls-certificate", certificates.certificate, "--tls-key", certificates.key,
                "--documents", documents.packed, "--head", documents.head, "--spare", documents.spare]
        super().__init__(BARE, argv, core, folder)


class Nginx(Pinned):
    """NGINX 1.22 cannot tell HTTP/1.1 from h2c on one port: h2c has a port of its own."""

    def __init__(self, core, folder, certificates, documents):
        self.clear, self.h2c, self.tls = free_port(), free_port(), free_port()
        home = folder / "nginx"
        home.mkdir()
        tokens = {"HOME": home, "ROOT": documents.tree, "CLEAR": self.clear, "H2C": self.h2c, "TLS": self.tls,
                  "CERTIFICATE": certificates.certificate, "KEY": certificates.key, "FILES": documents.count + 1000}
        text = (HERE / "nginx.conf.in").read_text()
        for name, value in tokens.items():
            text = text.replace(f"@{name}@", str(value))
        (home / "nginx.conf").write_text(text)
        super().__init__(NGINX, ["nginx", "-e", "stderr", "-p", home, "-c", home / "nginx.conf"], core, folder)

    def ports(self):
        return super().ports() | {"h2c": self.h2c}
