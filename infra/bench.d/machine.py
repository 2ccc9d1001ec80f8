"""Where and of what a measurement was made: goes into its JSON."""
import os
import platform
import re
import subprocess
from pathlib import Path

from settings import ROOT

VERSIONS = {  # name: command, and where in its output the version is
    "gcc": (["gcc", "--version"], r"(\d+\.\d+\.\d+)$"),
    "h2load": (["h2load", "--version"], r"nghttp2/(\S+)"),
    "libh2o": (["dpkg-query", "-W", "-f", "${Version}", "libh2o-evloop0.13"], r"(\S+)"),
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "openssl": (["openssl", "version"], r"OpenSSL (\S+)"),
    "wrk": (["wrk", "-v"], r"wrk (\S+)"),
}


def _output(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=20).stdout


def _find(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def versions():
    return {name: _find(pattern, _output(command)) for name, (command, pattern) in VERSIONS.items()}


def commit():
    """With '+' if something in the programs' sources differs from it."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    name = _find(r"^([0-9a-f]{7,40})$", _output([*git, "rev-parse", "--short=12", "HEAD"]))
    changed = name != "unknown" and _output([*git, "status", "--porcelain", "--", "app", "infra/bench.d"]).strip()
    return name + ("+" if changed else "")


def machine():
    memory = int(_find(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()))
    return {"cpu": _find(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text()), "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "load_average": round(os.getloadavg()[0], 2)}
