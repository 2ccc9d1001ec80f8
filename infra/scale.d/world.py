"""What the parts are measured on: the stack, filled with so many products, and the one replica that most of them ask."""
import contextlib
import os
import time
from pathlib import Path

import psycopg
from atelier.postgres import BIN
from atelier.process import Process, run_checked
from atelier.waiting import wait_until

HOURS = "3h"
STARTED = 1200  # seconds


def pin(pid, cores):
    """All its threads."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(int(task.name), cores)


def available_bytes():
    line, = (line for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
             if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def _peak_bytes(pid):
    """Its largest resident size so far; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def run_measured(name, argv, log, limit):
    """Runs a command to its end: {"seconds", "peak_bytes"}. RuntimeError with its last words if it fails."""
    peak = 0

    def ended():
        nonlocal peak
        peak = max(peak, _peak_bytes(process.pid))
        return not process.running

    process = Process(name, argv, log)
    begun = time.monotonic()
    with process:
        process.start()
        wait_until(f"{name} ends", ended, limit, every=0.01)
        seconds = time.monotonic() - begun
    if process.child.returncode != 0:
        raise RuntimeError(f"{name} failed with {process.child.returncode}: {process.log_text()[-300:].strip()}")
    return {"seconds": round(seconds, 2), "peak_bytes": peak}


class World:
    def __init__(self, stack, products, settings):
        self.stack, self.products, self.seed, self.lengths = stack, products, settings.seed, settings.lengths
        self.folder = stack.folder
        self.ending = contextlib.ExitStack()
        self._replica = None

    def __enter__(self):
        return self

    def __exit__(self, *how):
        return self.ending.__exit__(*how)

    @property
    def replica(self):
        """Started when it is first asked for, and then complete."""
        if not self._replica:
            self._replica = self.ending.enter_context(self.stack.new_replica("r1"))
            self._replica.start()
            self._replica.wait_ready(STARTED)
        return self._replica

    @contextlib.contextmanager
    def connection(self, role="atelier_owner"):
        """Without a limit on statements that the small catalogues of the tests have."""
        try:
            with self.stack.postgres.connect(role) as connection:
                connection.execute(f"SET statement_timeout = '{HOURS}'")
                yield connection
        except psycopg.Error as problem:
            raise RuntimeError(f"Postgres, as {role}: {problem}") from problem

    def psql(self, *commands, role="atelier_reader", limit=3600):
        words = [word for command in commands for word in ("-c", command)]
        conninfo = self.stack.postgres.conninfo(role)
        return run_checked([BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, *words],
                           environment={"PGOPTIONS": f"-c statement_timeout={HOURS}"}, limit=limit)

    def settle(self):
        """What Postgres would do in the background by and by is done now."""
        with self.connection("postgres") as administrator:
            administrator.execute("CHECKPOINT")

    @contextlib.contextmanager
    def on_cores(self):
        """The replica on one core, all that is started meanwhile on another; yields the replica's."""
        allowed = os.sched_getaffinity(0)
        core, other = sorted(allowed)[:2]
        pin(self.replica.pid, {core})
        os.sched_setaffinity(0, {other})
        try:
            yield core
        finally:
            os.sched_setaffinity(0, allowed)
            pin(self.replica.pid, allowed)
