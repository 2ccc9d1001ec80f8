"""What is measured: a Postgres that keeps what it has committed, and replicas; all of it private and in one folder."""
from contextlib import ExitStack

from atelier.build import program
from atelier.postgres import Postgres
from atelier.process import run_checked
from atelier.replica import Replica
from atelier.tls import Certificates
from atelier.waiting import wait_until
from measuring import REPLICAS, copy_of

# Postgres's own defaults, in place of what the tests take to be quick: a commit is on the disk before it is acknowledged.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "128MB",
           "max_connections": "100", "max_wal_size": "4GB"}
REPORTED = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "commit_delay", "shared_buffers",
            "max_connections", "max_wal_size", "checkpoint_timeout", "autovacuum", "server_version")
READY = 60      # seconds
CAUGHT_UP = 30  # seconds within which replicas must have taken in whatever a round has written


class Stack:
    """With `with`: what was started ends, in reverse. The replicas come and go by replicas_up and replicas_down."""

    def __init__(self, folder):
        self.folder = folder
        self.atelierd, self.catalogue = (copy_of(program(name), folder) for name in ("atelierd", "atelier-catalogue"))
        self.ending = ExitStack()
        self.replicas, self.options = [], None

    def __enter__(self):
        return self

    def __exit__(self, *how):
        return self.ending.__exit__(*how)

    def start(self, **settings):
        """Postgres, with these settings besides its own, and no product."""
        self.postgres = self.ending.enter_context(Postgres(self.folder / "postgres", **DURABLE | settings)).create()
        self.certificates = Certificates(self.folder / "tls")
        self.ending.callback(self.replicas_down)
        return self

    def load_words(self, products, seed):
        """The command that replaces the catalogue by so many products."""
        return [self.catalogue, "generate", "--products", products, "--seed", seed, "--load",
                "--postgres", self.postgres.conninfo("atelier_owner")]

    def load(self, products, seed):
        run_checked(self.load_words(products, seed), limit=600)

    def new_replica(self, name, options=()):
        replica = Replica(name, self.folder, self.postgres, self.certificates, ["--workers", 1, *options])
        replica.argv[0] = str(self.atelierd)
        return replica

    def replicas_up(self, options=()):
        """Three replicas with these options, warm; the ones that run already if they have the same."""
        if self.replicas and self.options == list(options):
            return
        self.replicas_down()
        self.options = list(options)
        self.replicas = [self.new_replica(name, options) for name in REPLICAS]
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            replica.wait_ready(READY)

    def replicas_down(self):
        for replica in self.replicas:
            replica.stop()
        self.replicas = []

    def wait_caught_up(self):
        for replica in self.replicas:
            wait_until(f"{replica.name} has taken in all changes", lambda: self._is_caught_up(replica), CAUGHT_UP,
                       every=0.02)

    @staticmethod
    def _is_caught_up(replica):
        status = replica.operation("/status").json()
        return status["feed"]["backlog"] == 0 and status["feed"]["proven"] and not status["load"]["running"]

    def settings(self):
        with self.postgres.connect("postgres") as connection:
            return {name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0] for name in REPORTED}

    def execute(self, sql, role="atelier_owner"):
        with self.postgres.connect(role) as connection:
            connection.execute(sql)

    def knows(self, option):
        """Whether this atelierd has the option."""
        return f"--{option}`" in run_checked([self.atelierd, "--help-markdown"]).stdout
