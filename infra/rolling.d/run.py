"""Rolling restarts under load, and how many requests they lose: what infra/rolling runs.

The words are infra/rolling's own; --check only says whether they are acceptable.
"""
import json
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "tests"), str(HERE.parents[1] / "integration")]

from managed import Managed  # noqa: E402  the scripts of infra/, as a person uses them
from measuring import Parser, check_output, commit, machine, main, result_file, say, scratch, whole  # noqa: E402

LISTENERS = ("http", "edge", "tls")
WARM_UP_S = 2  # of load, before the first restart and after the last


def parse(words):
    parser = Parser(prog="infra/rolling", add_help=False, allow_abbrev=False)
    parser.add_argument("--times", type=whole(1, 1000), default=20)
    parser.add_argument("--rate", type=whole(10, 1000000), default=10000)
    parser.add_argument("--products", type=whole(1, 1000000), default=1000)
    parser.add_argument("--output", type=Path)
    settings = parser.parse_args(words)
    check_output(settings.output)
    return settings


def build(folder):
    subprocess.run(["cmake", "-S", HERE, "-B", folder / "build", "-G", "Ninja"], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", folder / "build"], check=True, capture_output=True)
    return folder / "build" / "client"


def measure(stack, client, settings):
    """What each restart took, and what the client counted."""
    words = {name: stack.ports[name] for name in LISTENERS} | {"rate": settings.rate, "products": settings.products}
    load = subprocess.Popen([client, *(f"--{name}={value}" for name, value in words.items())],
                            stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(WARM_UP_S)
        took = []
        for number in range(1, settings.times + 1):
            begun = time.monotonic()
            stack.run("restart", limit=300).ok()
            took.append(round(time.monotonic() - begun, 1))
            say(f"rolling restart {number} of {settings.times}: {took[-1]} s")
        time.sleep(WARM_UP_S)
    finally:
        load.terminate()
    counted, _ = load.communicate(timeout=30)
    return {"restart_s": took, "load": json.loads(counted)}


def summary(load):
    requests = {name: load[name]["answered"] + load[name]["failed"] for name in LISTENERS}
    return {"requests": sum(requests.values()), "rate": round(sum(requests.values()) / load["seconds"]),
            "failed": {name: load[name]["failed"] for name in LISTENERS}}


def work(settings):
    result = {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
              "commit": commit("infra", "integration/atelier"), "machine": machine(),
              "setup": {"times": settings.times, "rate": settings.rate, "products": settings.products}}
    with scratch("rolling") as folder:
        stack = Managed(folder / "state")
        try:
            say("a stack …")
            stack.run("up", "--port-offset", stack.offset, "--products", settings.products, limit=600).ok()
            result |= measure(stack, build(folder), settings)
        finally:
            stack.run("down", "--wipe")
    result["summary"] = summary(result["load"])
    output = settings.output or result_file(HERE, result["date"], result["commit"])
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(f"{json.dumps(result['summary'])}\n{output}")
    failed = {name: count for name, count in result["summary"]["failed"].items() if count}
    return failed and "requests failed: " + ", ".join(f"{count} through {name}" for name, count in failed.items())


if __name__ == "__main__":
    sys.exit(main("infra/rolling", sys.argv[1:], parse, work))
