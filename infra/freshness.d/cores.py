"""Who runs on which cores: what following changes costs is kept apart from what writing costs."""
import os
from pathlib import Path

APART, SHARED = CORES = ("apart", "shared")
READERS = "usename = 'atelier_reader'"


def halves():
    """Half of the cores for the writers, the others for those that follow them; the same twice if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    middle = (len(allowed) + 1) // 2
    return set(allowed[:middle]), set(allowed[middle:] or allowed)


def keep_apart(stack):
    """Postgres, and with it every writer's backend, on the one half; the replicas and their backends on the other. To be
    called again whenever connections may be new."""
    writing, following = halves()
    for pid in [stack.postgres.pid, *_children(stack.postgres.pid)]:
        _pin(pid, writing)
    for pid in [*stack.postgres.backends(READERS), *(replica.pid for replica in stack.replicas)]:
        _pin(pid, following)


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _pin(pid, cores):
    """All its threads."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended since
