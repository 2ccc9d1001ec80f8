"""Load on one server: wrk for HTTP/1.1, h2load for HTTP/2. What came is a Load.

All clients of one h2load walk its list in step, so that the same document would be asked for by all at about the
same time: hence one h2load a connection, each with a list of its own.
"""
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cpu import cpu_ns

WRK_SCRIPT = Path(__file__).resolve().with_name("wrk.lua")
HTTP1_CONNECTIONS = 64
HTTP2_CONNECTIONS = 8
HTTP2_STREAMS = 32
LISTS = HTTP2_CONNECTIONS
LIST_LENGTH = 20000
GRACE = 60  # seconds beyond what was planned


@dataclass
class Load:
    requests: int
    failed: int
    seconds: float
    bytes: int  # of responses: heads, frames and bodies, before TLS


class GeneratorFailed(RuntimeError):
    pass


def _together(commands, limit):
    """Runs all at once; their outputs."""
    children = [subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True) for command in commands]
    try:
        outputs = [child.communicate(timeout=limit)[0] for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait()
    for child, output in zip(children, outputs):
        if child.returncode != 0:
            raise GeneratorFailed(f"{child.args[0]} ended with {child.returncode}: {output.strip()[-300:]}")
    return outputs


def _find(pattern, output):
    found = re.search(pattern, output)
    if not found:
        raise GeneratorFailed(f"a generator printed something unexpected: {output.strip()[-300:]}")
    return found.groups()


def _wrk(port, lists, seconds):
    command = ["wrk", "--threads", 1, "--connections", HTTP1_CONNECTIONS, "--duration", f"{seconds}s",
               "--timeout", "10s", "--script", WRK_SCRIPT, f"http://127.0.0.1:{port}", "--", *lists]
    output, = _together([command], seconds + GRACE)
    requests, size, failed, took = _find(r"figures requests=(\d+) bytes=(\d+) failed=(\d+) seconds=([\d.]+)", output)
    return Load(int(requests), int(failed), float(took), int(size))


def _h2load(scheme, port, lists, seconds):
    base = f"{scheme}://127.0.0.1:{port}"
    commands = [["h2load", "--clients", 1, "--max-concurrent-streams", HTTP2_STREAMS, "--duration", seconds,
                 "--base-uri", base, "--input-file", file] for file in lists]
    loads = [_read_h2load(output, seconds) for output in _together(commands, seconds + GRACE)]
    return Load(sum(load.requests for load in loads), sum(load.failed for load in loads), seconds,
                sum(load.bytes for load in loads))


def _read_h2load(output, seconds):
    total, good = _find(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded", output)
    good2xx, = _find(r"status codes: (\d+) 2xx", output)
    size, = _find(r"traffic: \S+ \((\d+)\) total", output)
    return Load(int(good), int(total) - min(int(good), int(good2xx)), seconds, int(size))


def load(protocol, port, lists, seconds):
    """Asks the server at `port` for what the lists say, `seconds` long."""
    if protocol == "http1":
        return _wrk(port, lists, seconds)
    return _h2load("https" if protocol == "h2" else "http", port, lists, seconds)


def round_to(number, digits):
    return float(f"{number:.{digits}f}")


def figures(load, cpu_ns):
    """What came, and what the server has spent on it, as it goes into a JSON."""
    rate = load.requests / load.seconds
    cpu_us = cpu_ns / 1000 / load.requests
    return {"requests": load.requests, "seconds": round_to(load.seconds, 3), "cpu_us": round_to(cpu_us, 4),
            "requests_per_second": round_to(rate, 1), "busy": round_to(cpu_us * rate / 1e6, 3),
            "bytes_per_response": round_to(load.bytes / load.requests, 1)}


def measure_load(name, pid, protocol, port, lists, seconds):
    """The figures of one run on the server `name`, process `pid`. A request that fails ends it with a RuntimeError."""
    before = cpu_ns(pid)
    done = load(protocol, port, lists, seconds)
    spent = cpu_ns(pid) - before
    if done.failed or not done.requests:
        raise RuntimeError(f"{name}, {protocol}: {done.failed} requests failed, {done.requests} did not")
    return figures(done, spent)
