"""What infra's measuring commands share: options, each checked; the commit and the machine; how a run ends."""
import argparse
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "integration"))  # the classes that drive real processes

REPLICAS = ("r1", "r2", "r3")


class Refused(Exception):
    """What came cannot be used; the text is one line that says why and what is accepted."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(message)


def whole(least, most):
    def parse(text):
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"'{text}' came; a whole number from {least} to {most} is accepted")
        return int(text)
    return parse


def some_of(names, none=False):
    """Words of a list with commas, each once, in the order of `names`. `none`: an empty list is one, too."""
    def parse(text):
        words = text.split(",") if text or not none else []
        if len(set(words)) != len(words) or not set(words) <= set(names):
            raise argparse.ArgumentTypeError(f"'{text}' came; some of {','.join(names)} are accepted, each once")
        return [name for name in names if name in words]
    return parse


def check_output(output):
    if output and not output.resolve().parent.is_dir():
        raise Refused(f"--output: there is no folder {output.parent}")


def say(text):
    print(text, flush=True)


@contextmanager
def scratch(name):
    """A folder that Postgres's user, too, may look into; it is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"atelier-{name}-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_of(program, folder):
    """Its own copy, so that a build that goes on meanwhile changes nothing."""
    copy = Path(tempfile.mkdtemp(dir=folder)) / program.name
    copy.parent.chmod(0o755)
    shutil.copy2(program, copy)
    return copy


def output_of(command):
    """Of both streams; nothing, if there is no such program: git may be missing where the project came as an archive."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=20, check=False).stdout


def find(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def commit(*sources):
    """With '+' if something in the sources of what is measured differs from it."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    name = find(r"^([0-9a-f]{7,40})$", output_of([*git, "rev-parse", "--short=12", "HEAD"]))
    changed = name != "unknown" and output_of([*git, "status", "--porcelain", "--", "app", *sources]).strip()
    return name + ("+" if changed else "")


def machine():
    memory = int(find(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8")))
    return {"cpu": find(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8")),
            "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "load_average": round(os.getloadavg()[0], 2)}


def result_file(folder, date, name):
    results = folder / "results"
    results.mkdir(exist_ok=True)
    return results / f"{date[:19].replace(':', '')}-{name.rstrip('+')}.json"


def _interrupted(*_):
    raise KeyboardInterrupt


def main(command, words, parse, work):
    """The exit status. work(settings) returns what is wrong with what was measured, in one line; nothing if all is well.
    The word --check: only says whether the others are acceptable."""
    try:
        settings = parse([word for word in words if word != "--check"])
        if "--check" in words:
            return 0
        signal.signal(signal.SIGTERM, _interrupted)
        status, problem = 1, work(settings)
    except Refused as refused:
        status, problem = 2, f"{refused}; {command} --help lists the options"
    except KeyboardInterrupt:
        status, problem = 130, "interrupted; everything that it had started is stopped"
    except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as failure:
        status, problem = 1, " ".join(str(failure).split())
    if problem:
        print(f"{command}: {problem}", file=sys.stderr)
    return status if problem else 0
