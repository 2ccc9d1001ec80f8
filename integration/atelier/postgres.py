"""A private Postgres cluster: loopback TCP only, its data in a folder of its own, the schema by sqitch."""
import os
import secrets
import shutil
import signal
from pathlib import Path

import psycopg

from .build import ROOT
from .ports import free_port
from .process import Process, run_checked
from .waiting import wait_until

BIN = Path("/usr/lib/postgresql/15/bin")
MIGRATIONS = ROOT / "migrations"
USER = "postgres"  # both the administrator's role, and who the server runs as when we are root
ROLES = (USER, "atelier_owner", "atelier_reader")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # what a crash of Postgres loses does not depend on it, only what a crash of the machine loses
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_prepared_transactions": "4",
    "log_line_prefix": "%m [%p] %a ",
}


class Postgres(Process):
    def __init__(self, folder, template=None, **settings):
        """`template`: another Postgres, created and stopped, to start from as a copy. `settings`: more lines
        for postgresql.conf."""
        self.folder = Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        self.data = self.folder / "data"
        self.settings = SETTINGS | {"port": self.port} | settings
        self.template = template
        self.passwords = template.passwords if template else {role: secrets.token_urlsafe(12) for role in ROLES}
        self.passfile = self.folder / "passfile"
        super().__init__("postgres", [BIN / "postgres", "-D", self.data], self.folder / "postgres.log",
                         user=USER, death_signal="QUIT")

    def create(self):
        """A new cluster, running, with the schema in it."""
        self.passfile.touch(0o600)
        self.passfile.write_text("".join(f"127.0.0.1:{self.port}:*:{role}:{word}\n"
                                         for role, word in self.passwords.items()))
        if self.template:
            run_checked(["cp", "-a", self.template.data, self.data])
        else:
            self._initdb()
        with open(self.data / "postgresql.conf", "a") as conf:  # of two lines for one setting the later one counts
            conf.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())
        self.start()
        self.wait_up()
        if not self.template:
            self.bootstrap()
            self.sqitch("deploy")
        return self

    def _initdb(self):
        self.data.mkdir()
        words = self.folder / "administrator"
        words.write_text(self.passwords[USER])
        if os.geteuid() == 0:
            for path in (self.data, words):
                shutil.chown(path, USER, USER)
        run_checked([BIN / "initdb", "-D", self.data, "-U", USER, "--pwfile", words, "--auth=scram-sha-256",
                     "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], user=USER)
        words.unlink()

    def bootstrap(self, **more):
        """What the administrator runs once, with more in the environment."""
        run_checked([BIN / "psql", "-X", "-q", "-d", self.conninfo(USER, "postgres"),
                     "-f", MIGRATIONS / "bootstrap.sql"],
                    environment={"ATELIER_OWNER_PASSWORD": self.passwords["atelier_owner"],
                                 "ATELIER_READER_PASSWORD": self.passwords["atelier_reader"]} | more)

    def sqitch(self, command, *words):
        """Runs sqitch as the owner of the database."""
        return run_checked(["sqitch", "--quiet", command, *words,
                            "--target", f"db:pg://atelier_owner@127.0.0.1:{self.port}/atelier"],
                           cwd=MIGRATIONS, environment={
                               "PGPASSFILE": str(self.passfile), "TZ": "UTC", "SQITCH_USER_CONFIG": os.devnull,
                               "SQITCH_FULLNAME": "Integration", "SQITCH_EMAIL": "integration@localhost"})

    def conninfo(self, role, database="atelier"):
        return f"host=127.0.0.1 port={self.port} user={role} dbname={database} passfile={self.passfile}"

    def connect(self, role, **how):
        """An autocommit connection with a limit on every statement."""
        return psycopg.connect(self.conninfo(role), autocommit=True, connect_timeout=5,
                               options="-c statement_timeout=20s", **how)

    def psql(self, role, *commands):
        """What psql prints, unaligned and without headings."""
        words = [word for command in commands for word in ("-c", command)]
        return run_checked([BIN / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(role),
                            *words]).stdout

    def prune(self):
        """Empties the change log, as the servers do with what is old."""
        with self.connect("atelier_reader") as reader:
            while reader.execute("SELECT 1 FROM feed.change_log").fetchone():
                reader.execute("SELECT feed.prune('0 seconds')")

    def is_up(self):
        assert self.running, f"Postgres ended with {self.child.returncode}"
        psycopg.connect(self.conninfo(USER, "postgres"), connect_timeout=2).close()
        return True

    def wait_up(self, limit=30):
        wait_until("Postgres accepts connections", self.is_up, limit, every=0.02, ignoring=(psycopg.OperationalError,))

    def stop(self, number=signal.SIGINT, limit=30):
        """SIGINT is Postgres's fast shutdown: sessions are cut off, nothing is lost."""
        return super().stop(number, limit)

    def __exit__(self, *_):
        """Its data is thrown away: no time is spent on writing it out."""
        self.crash()

    def crash(self):
        """SIGQUIT is the immediate one: what was not flushed is lost, as in a crash."""
        return super().stop(signal.SIGQUIT)

    def backends(self, where="true", values=()):
        """The pids of the server's own processes for which a condition on pg_stat_activity holds."""
        with self.connect(USER) as connection:
            return [pid for pid, in connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {where}", values)]
