"""CPU time of a process, to the nanosecond, by the scheduler's own account."""
from pathlib import Path


def _threads_ns(pid):
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # the thread has ended since
            pass
    return total


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_ns(pid):
    """What all its threads, and those of its child processes, have spent so far: user and system, and the work for the
    network that the kernel did in their names."""
    return _threads_ns(pid) + sum(cpu_ns(child) for child in _children(pid))
