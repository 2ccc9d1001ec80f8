"""One atelierd: its ports, its log, its metrics, the listeners it offers."""
import json
import signal

from .build import program
from .http1 import Http1
from .metrics import Metrics
from .ports import free_port
from .process import Process
from .waiting import wait_until


class Replica(Process):
    def __init__(self, name, folder, postgres, certificates, options=()):
        """`options`: more words for the command line, such as ["--workers", 4]."""
        self.clear, self.tls, self.operations = free_port(), free_port(), free_port()
        argv = [program("atelierd"), "--name", name,
                "--listen", f"127.0.0.1:{self.clear}",
                "--listen-tls", f"127.0.0.1:{self.tls}", "--proxy-protocol",
                "--listen-operations", f"127.0.0.1:{self.operations}",
                "--tls-certificate", certificates.certificate, "--tls-key", certificates.key,
                "--postgres", postgres.conninfo("atelier_reader"),
                "--access-log-sample", 0,
                "--canary-ms", 0,  # tests count what moves; some switch it on
                *options]
        super().__init__(name, argv, folder / f"{name}.log")
        self.may_fail_with = ()

    def __exit__(self, *how):
        """It must end well; and if it has ended already, then because it was asked to, or killed by a test."""
        code = self.stop()
        assert code in (None, 0, -signal.SIGKILL, *self.may_fail_with), f"{self.name} ended with {code}"

    def start_ready(self, limit=20):
        self.start()
        self.wait_ready(limit)
        return self

    def operation(self, path):
        """GET on the operations port."""
        with Http1(self.operations) as client:
            return client.get(path)

    def ready(self):
        """The status of /readyz; None while nobody listens."""
        assert self.running, f"{self.name} ended with {self.child.returncode}"
        try:
            return self.operation("/readyz").status
        except OSError:
            return None

    def wait_ready(self, limit=20):
        wait_until(f"{self.name} is ready", lambda: self.ready() == 200, limit)

    def metrics(self):
        return Metrics(self.operation("/metrics").body.decode())

    def logged(self, event):
        """The log lines of this event, as dictionaries."""
        lines = [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def get(self, target, headers=None):
        """GET on the clear port, over HTTP/1.1 and a connection of its own."""
        with Http1(self.clear) as client:
            return client.get(target, headers)
