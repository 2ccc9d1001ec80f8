"""What a run runs on: a private Postgres, three replicas, each behind a proxy, NGINX, readers on every port."""
from contextlib import ExitStack

from atelier import nginx
from atelier.http1 import Http1
from atelier.http2 import Http2
from atelier.postgres import Postgres
from atelier.replica import Replica
from atelier.stack import WORKERS
from atelier.tls import Certificates

from .network import Network

SLICE = 100  # products: small, so that loading has many steps to be disturbed in


class Rig:
    """With `with`: all processes; fill() is called with a connection of the owner before any replica starts."""

    def __init__(self, folder, template=None, replicas=3):
        self.postgres = Postgres(folder / "postgres", template, max_connections="120", max_prepared_transactions="24")
        self.certificates = Certificates(folder / "tls")
        (folder / "nginx" / "out").mkdir(parents=True)
        names = [f"r{i + 1}" for i in range(replicas)]
        self.network = Network(folder, self.postgres, names)
        self.replicas = [Replica(name, folder, self.network.way(name), self.certificates,
                                 [*WORKERS[i % len(WORKERS)], "--slice", SLICE]) for i, name in enumerate(names)]
        self.http = nginx.http_listeners(folder, self.replicas)
        self.tls = nginx.tls_listener(folder, self.replicas)
        self.ending = ExitStack()

    def start(self, fill):
        self.ending.enter_context(self.postgres)
        self.postgres.create()
        with self.postgres.connect("atelier_owner") as owner:
            fill(owner)
        for process in (self.network, *self.replicas, self.http, self.tls):
            self.ending.enter_context(process)
            process.start()
        for replica in self.replicas:
            replica.wait_ready()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *how):
        return self.ending.__exit__(*how)

    def listeners(self):
        """{name: (connect, the replica's name or None)}: every replica's ports, and NGINX's three."""
        tls = self.certificates.context
        found = {"nginx-http-h1": (lambda: Http1(self.http.ports[0]), None),
                 "nginx-edge-h1": (lambda: Http1(self.http.ports[1], tls()), None),
                 "nginx-edge-h2": (lambda: Http2(self.http.ports[1], tls()), None),
                 "nginx-tls-h1": (lambda: Http1(self.tls.ports[0], tls()), None),
                 "nginx-tls-h2": (lambda: Http2(self.tls.ports[0], tls()), None)}
        for replica in self.replicas:
            found |= {f"{replica.name}-h1": (lambda port=replica.clear: Http1(port), replica.name),
                      f"{replica.name}-h2c": (lambda port=replica.clear: Http2(port), replica.name),
                      f"{replica.name}-tls-h2": (lambda port=replica.tls: Http2(port, tls()), replica.name)}
        return found
