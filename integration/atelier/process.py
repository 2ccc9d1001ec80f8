"""One child process: its log in a file, signals, and an end by its own pid whatever happens."""
import atexit
import ctypes
import os
import shlex
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .waiting import wait_until

_every = []  # all processes ever started here: conftest shows their logs, the exit ends what is left


class Process:
    """`argv` runs as `user` (only meaningful for root) and dies with us by `death_signal`."""

    def __init__(self, name, argv, log, user=None, environment=None, death_signal="TERM"):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = Path(log)
        self.user = user if os.geteuid() == 0 else None
        self.environment = environment or {}
        self.death_signal = death_signal
        self.child = None

    def start(self):
        """Only from the main thread: the kernel ties the child's life to the thread that starts it."""
        assert not self.running, f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd="/", env={**os.environ, **self.environment}, start_new_session=True)
        _every.append(self)

    def _command(self):
        wrapper = ["setpriv", f"--pdeathsig={self.death_signal}"]
        if self.user:
            wrapper += [f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
        return wrapper + ["--"] + self.argv

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.child.pid

    @property
    def running(self):
        return self.child is not None and self.child.poll() is None

    def send(self, number):
        """A signal."""
        os.kill(self.child.pid, number)

    def wait(self, limit):
        """The exit code; -N when signal N ended it. AssertionError past the limit."""
        wait_until(f"{self.name} ends", lambda: not self.running, limit)
        return self.child.returncode

    def stop(self, number=signal.SIGTERM, limit=15):
        """Asks with `number`, past the limit kills. The exit code, or None if it never ran."""
        if not self.running:
            return self.child and self.child.returncode
        self.send(number)
        self.send(signal.SIGCONT)  # a test that failed may have left it stopped
        try:
            return self.wait(limit)
        except AssertionError:
            self.kill()
            raise

    def kill(self):
        if self.running:
            self.send(signal.SIGKILL)
            self.child.wait()

    def log_size(self):
        return self.log.stat().st_size if self.log.exists() else 0

    def log_text(self, offset=0):
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")


def processes():
    """Every process started so far, each once."""
    return list(dict.fromkeys(_every))


@atexit.register
def _end_what_is_left():
    for process in processes():
        process.kill()


def run(argv, limit=60, user=None, environment=None, cwd="/", input=None):
    """Runs a command to its end: the CompletedProcess, with text output. Never more than `limit` seconds."""
    identity = {"user": user, "group": user, "extra_groups": []} if user and os.geteuid() == 0 else {}
    return subprocess.run([str(word) for word in argv], cwd=cwd, timeout=limit, input=input, capture_output=True,
                          text=True, stdin=None if input is not None else subprocess.DEVNULL,
                          env={**os.environ, **(environment or {})}, **identity)


def run_checked(argv, **how):
    """As run(), and a failure is a RuntimeError with what the command printed."""
    done = run(argv, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, argv))} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


@contextmanager
def stopped(*processes):
    """By SIGSTOP: they are there, and do nothing."""
    for process in processes:
        process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send(signal.SIGCONT)


_ATTACH, _INTERRUPT, _DETACH, _WALL = 0x4206, 0x4207, 17, 0x40000000


@contextmanager
def thread_stopped(process, name):
    """One thread of this name stands still, as if it were stuck; all others go on."""
    def trace(request, thread):
        if ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")

    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    thread = next(int(task.name) for task in tasks if (task / "comm").read_text().strip() == name)
    trace(_ATTACH, thread)
    trace(_INTERRUPT, thread)
    os.waitpid(thread, _WALL)
    try:
        yield
    finally:
        trace(_DETACH, thread)
