"""Where and of what a measurement was made: goes into its JSON."""
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from settings import ROOT

BLOCK, BLOCKS = bytes(8192), 200


def _output(command):
    """Nothing, if there is no such program: git may be missing where the project came as an archive."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=20, check=False).stdout


def _find(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def commit():
    """With '+' if something in the programs' sources differs from it."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    name = _find(r"^([0-9a-f]{7,40})$", _output([*git, "rev-parse", "--short=12", "HEAD"]))
    changed = name != "unknown" and _output([*git, "status", "--porcelain", "--", "app", "migrations",
                                             "infra/freshness.d/*.[ch]"]).strip()
    return name + ("+" if changed else "")


def fdatasync_us(folder):
    """What the disk takes to keep one block: the median. On a disk of memory it is next to nothing, and so is a commit."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(BLOCKS):
            begun = time.perf_counter_ns()
            os.write(file.fileno(), BLOCK)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter_ns() - begun)
    return round(median(took) / 1000)


def machine(folder):
    memory = int(_find(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii")))
    return {"cpu": _find(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8")),
            "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "load_average": round(os.getloadavg()[0], 2), "fdatasync_us": fdatasync_us(folder),
            "filesystem": _output(["stat", "-f", "-c", "%T", str(folder)]).strip()}
