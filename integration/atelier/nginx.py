"""NGINX as infra runs it: the same templates, two processes."""
from .build import ROOT
from .http1 import Http1
from .ports import free_port
from .process import Process, run_checked
from .waiting import wait_until

RENDER = ROOT / "infra" / "nginx" / "render"


class Nginx(Process):
    """`state` is the folder that infra/nginx/render describes; `words` are what it takes after that."""

    def __init__(self, kind, state, ports, *words):
        self.kind = kind
        self.state = state
        self.ports = ports
        self.words = words
        self.configuration = state / "nginx" / f"{kind}.conf"
        super().__init__(f"nginx-{kind}", ["nginx", "-e", "stderr", "-p", state / "nginx", "-c", self.configuration],
                         state / f"nginx-{kind}.log", death_signal="QUIT")

    def start(self):
        done = run_checked([RENDER, self.kind, self.state, *self.ports, *self.words])
        self.configuration.write_text(done.stdout)
        super().start()
        wait_until(f"{self.name} listens", self._listens, 10, ignoring=(OSError,))

    def _listens(self):
        assert self.running, f"{self.name} ended with {self.child.returncode}"
        for port in self.ports:
            Http1(port).close()
        return True


def http_listeners(state, replicas):
    """The HTTP listener (ports[0]) and the edge listener (ports[1])."""
    ports = [free_port(), free_port()]
    return Nginx("http", state, ports, *(f"{replica.name}={replica.clear}" for replica in replicas))


def tls_listener(state, replicas):
    """TLS passed through to the replicas."""
    return Nginx("stream", state, [free_port()], *(f"{replica.name}={replica.tls}" for replica in replicas))
