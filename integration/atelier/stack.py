"""The whole: Postgres, replicas, NGINX; and every way there is to talk to them."""
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Callable

from . import nginx
from .http1 import Http1
from .http2 import Http2
from .metrics import Moves
from .postgres import Postgres
from .replica import Replica
from .tls import Certificates

# The numbers of worker threads that the contract must hold with; the empty one is the default, one a core.
WORKERS = (["--workers", 1], ["--workers", 4], [])


@dataclass(frozen=True)
class Listener:
    """One port, in one version of HTTP."""
    name: str
    connect: Callable  # () → a client, connected
    proxied: bool      # NGINX reads the requests and may answer itself


class Stack:
    """With `with`: everything that was started is stopped at the end, in reverse."""

    def __init__(self, folder, template=None, replicas=len(WORKERS), options=(), with_nginx=True):
        """`template`: as Postgres takes it. `options`: more words for every replica."""
        self.postgres = Postgres(folder / "postgres", template)
        self.certificates = Certificates(folder / "tls")
        (folder / "nginx" / "out").mkdir(parents=True)
        self.replicas = [Replica(f"r{i + 1}", folder, self.postgres, self.certificates, [*WORKERS[i], *options])
                         for i in range(replicas)]
        self.http = nginx.http_listeners(folder, self.replicas) if with_nginx else None
        self.tls = nginx.tls_listener(folder, self.replicas) if with_nginx else None
        self.ending = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *how):
        return self.ending.__exit__(*how)

    def start(self, fill=None):
        """Postgres first; then `fill`, called with a connection of the owner; then the rest, until all are ready."""
        self.ending.enter_context(self.postgres)
        self.postgres.create()
        if fill:
            with self.postgres.connect("atelier_owner") as owner:
                fill(owner)
        for process in filter(None, [*self.replicas, self.http, self.tls]):
            self.ending.enter_context(process)
            process.start()
        for replica in self.replicas:
            replica.wait_ready()
        return self

    def moves(self):
        return Moves(self.replicas)

    def listeners(self):
        """{name: Listener}; a replica's own ports with one worker and with four."""
        found = [
            Listener("http-h1", lambda: Http1(self.http.ports[0]), True),
            Listener("edge-h1", lambda: Http1(self.http.ports[1], self._tls()), True),
            Listener("edge-h2", lambda: Http2(self.http.ports[1], self._tls()), True),
            Listener("tls-h1", lambda: Http1(self.tls.ports[0], self._tls()), False),
            Listener("tls-h2", lambda: Http2(self.tls.ports[0], self._tls()), False),
        ]
        for replica in self.replicas[:2]:
            found += self._own_listeners(replica)
        return {listener.name: listener for listener in found}

    def _own_listeners(self, replica):
        return [Listener(f"{replica.name}-h1", lambda: Http1(replica.clear), False),
                Listener(f"{replica.name}-h2c", lambda: Http2(replica.clear), False),
                Listener(f"{replica.name}-tls-h1", lambda: Http1(replica.tls, self._tls()), False),
                Listener(f"{replica.name}-tls-h2", lambda: Http2(replica.tls, self._tls()), False)]

    def _tls(self):
        return self.certificates.context()


LISTENERS = ("r1-h1", "r1-h2c", "r1-tls-h1", "r1-tls-h2", "r2-h1", "r2-h2c", "r2-tls-h1", "r2-tls-h2",
             "http-h1", "edge-h1", "edge-h2", "tls-h1", "tls-h2")
