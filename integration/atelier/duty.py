"""The protocol of duty, driven by SQL sessions at full speed. The statements are the server's own, from its source."""
import re

from .build import ROOT
from .postgres import BIN
from .process import Process
from .waiting import wait_until

SOURCE = ROOT / "app" / "refresh" / "duty_sql.h"


def statements():
    """{name: SQL} of duty_sql.h, without the DUTY_ in front."""
    lines = SOURCE.read_text().replace("\\\n", "").splitlines()
    defined = (re.match(r"#define DUTY_(\w+)\s+(.+)", line) for line in lines)
    return {match[1]: "".join(re.findall(r'"([^"]*)"', match[2])) for match in defined if match}


SQL = statements()
LOCK = "locktype = 'advisory' AND classid = 1635018092 AND objid = 3"


class Writers(Process):
    """pgbench with this script, until it is stopped: `clients` sessions, at most `rate` transactions a second in all."""

    def __init__(self, postgres, script, clients=6, rate=None):
        path = postgres.folder / "writers.sql"
        path.write_text(script)
        argv = [BIN / "pgbench", "-n", "-c", clients, "-T", 600, "-f", path, *(["-R", rate] if rate else [])]
        super().__init__("writers", [*argv, postgres.conninfo("atelier_owner")], postgres.folder / "writers.log")

    def __enter__(self):
        self.start()
        return self


def name_notifications(admin):
    """From now on each notification of a writer carries the number of its transaction."""
    body, = admin.execute("SELECT pg_get_functiondef('feed.wake()'::regprocedure)").fetchone()
    silent, named = "pg_notify('atelier_changes', '')", "pg_notify('atelier_changes', pg_current_xact_id()::text)"
    assert body.count(silent) == 1
    admin.execute(body.replace(silent, named))


class Snapshot:
    def __init__(self, text):
        xmin, xmax, running = text.split(":")
        self.xmin, self.xmax = int(xmin), int(xmax)
        self.running = {int(xid) for xid in running.split(",") if xid}


class OnDuty:
    """One who goes on and off duty again and again, and reads the change log as the refresher does."""

    # What was not begun at the last read, and what ran then and has ended since: the log read of change_feed.c.
    READ = ("SELECT pg_current_snapshot()::text, ARRAY(SELECT xid::text FROM feed.change_log WHERE xid >= %s::text::xid8"
            " UNION ALL SELECT xid::text FROM feed.change_log WHERE xid = ANY (%s::text[]::xid8[]))")

    def __init__(self, connection):
        self.connection = connection
        self.connection.execute(SQL["SESSION"])
        self.last = None
        self.passed_on = set()  # transactions that the others were told of

    def ask(self, name):
        return self.connection.execute(SQL[name]).fetchone()[0]

    def read(self):
        """(the snapshot, the transactions that it shows and the one before did not)"""
        since = self.last or self.snapshot()
        text, xids = self.connection.execute(
            self.READ, [str(since.xmax), [str(xid) for xid in since.running]]).fetchone()
        self.last = Snapshot(text)
        return self.last, {int(xid) for xid in xids}

    def pass_on(self):
        snapshot, found = self.read()
        self.passed_on |= found
        return snapshot

    def snapshot(self):
        return Snapshot(self.connection.execute("SELECT pg_current_snapshot()::text").fetchone()[0])

    def term(self, leave):
        """On duty and off again. `leave(self)` → the condition on the snapshot of the last read."""
        self.read()  # what is found off duty nobody is told of
        self.ask("SILENCE")
        self.pass_on()
        assert self.ask("SPEAK")
        is_last = leave(self)
        while not is_last(self.pass_on()):
            pass


def by_bound(on_duty):
    """What the server does: a transaction that was kept silent has a number below the bound."""
    bound = int(on_duty.ask("BOUND"))
    return lambda snapshot: snapshot.xmin > bound


def by_running(on_duty):
    """The naive way: until all have ended that a snapshot names as running when writers may speak again."""
    running = on_duty.snapshot().running
    return lambda snapshot: not running & snapshot.running


# ── as replicas say it ──

def duty(replica):
    return replica.operation("/status").json()["feed"]["duty"]


def on_duty(replicas):
    """The one on duty, once all agree; else None."""
    said = {replica: duty(replica) for replica in replicas}
    here = [replica for replica, where in said.items() if where == "here"]
    return here[0] if sorted(said.values()) == ["elsewhere"] * (len(replicas) - 1) + ["here"] else None


def wait_on_duty(replicas, limit=15):
    return wait_until("one replica is on duty, and the others know", lambda: on_duty(replicas), limit)


def wait_off_duty(replicas, limit=30):
    wait_until("nobody is on duty", lambda: all(duty(replica) == "nobody" for replica in replicas), limit)
