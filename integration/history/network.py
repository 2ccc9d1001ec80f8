"""The network between the replicas and Postgres: a proxy for each replica, all in a process of their own, so that
whatever the checker computes delays nobody.

    python3 -m history.network CONTROL_PORT POSTGRES_PORT NAME=PORT …

takes lines of JSON on its control port: [name, method of atelier.proxy.Proxy, arguments], and answers each with what
the method returned.
"""
import json
import signal
import socket
import sys
from pathlib import Path

from atelier.ports import free_port
from atelier.process import Process
from atelier.proxy import Proxy
from atelier.waiting import wait_until


class Network(Process):
    def __init__(self, folder, postgres, names):
        self.postgres = postgres
        self.control = free_port()
        self.ports = {name: free_port() for name in names}
        self.passfile = folder / "passfile"  # for any port
        super().__init__("network", [sys.executable, "-B", "-m", "history.network", self.control, postgres.port,
                                     *(f"{name}={port}" for name, port in self.ports.items())],
                         folder / "network.log", environment={"PYTHONPATH": str(Path(__file__).resolve().parents[1])})

    def start(self):
        self.passfile.touch(0o600)
        self.passfile.write_text("".join(f"127.0.0.1:*:*:{role}:{word}\n"
                                         for role, word in self.postgres.passwords.items()))
        super().start()
        wait_until("the network's proxies listen", self._connects, 10, ignoring=(OSError,))

    def _connects(self):
        self.socket = socket.create_connection(("127.0.0.1", self.control), timeout=30)
        self.answers = self.socket.makefile("r")
        return True

    def tell(self, name, method, *arguments):
        self.socket.sendall((json.dumps([name, method, arguments]) + "\n").encode())
        return json.loads(self.answers.readline())

    def way(self, name):
        """What a Replica takes for its Postgres: the same, by the proxy's port."""
        return Way(self.ports[name], self.passfile)


class Way:
    def __init__(self, port, passfile):
        self.port, self.passfile = port, passfile

    def conninfo(self, role):
        """Without TLS: the proxy reads messages."""
        return (f"host=127.0.0.1 port={self.port} user={role} dbname=atelier sslmode=disable"
                f" passfile={self.passfile}")


class Switched(Proxy):
    """A proxy whose deafness can be switched, for connections that are made from then on."""

    def lose_notifications(self, loses):
        self.loses_notifications = loses


def serve(control, postgres, ports):
    proxies = {}
    for name, port in ports.items():
        proxies[name] = Switched(postgres)
        proxies[name].port = port
        proxies[name].__enter__()
    with socket.create_server(("127.0.0.1", control)) as server:
        client, _ = server.accept()
        with client, client.makefile("r") as lines:
            for line in lines:
                name, method, arguments = json.loads(line)
                client.sendall((json.dumps(getattr(proxies[name], method)(*arguments)) + "\n").encode())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(int(sys.argv[1]), int(sys.argv[2]),
          {name: int(port) for name, _, port in (word.partition("=") for word in sys.argv[3:])})
