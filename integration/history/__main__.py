"""A long run of the history checker: what infra/soak runs. The words are infra/soak's own; --check only says whether
they are acceptable."""
import argparse
import json
import os
import signal
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

HOURS_MAX = 1000


class Refused(Exception):
    """What came cannot be used; the text is one line that says why and what is accepted."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(message)


def hours(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= HOURS_MAX:
        raise argparse.ArgumentTypeError(f"'{text}' came; a number above 0 and up to {HOURS_MAX} is accepted")
    return value


def seed(text):
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"'{text}' came; a whole number from 0 to {2**32 - 1} is accepted")
    return int(text)


def parse(words):
    """--help is the business of infra/soak."""
    parser = Parser(prog="infra/soak", add_help=False, allow_abbrev=False)
    parser.add_argument("--hours", type=hours, required=True)
    parser.add_argument("--seed", type=seed, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--commit", default="unknown")
    options = parser.parse_args(words)
    if not options.output.resolve().parent.is_dir():
        raise Refused(f"--output: there is no folder {options.output.parent}")
    return options


def say(text):
    print(text, flush=True)


def main(words):
    try:
        options = parse([word for word in words if word != "--check"])
    except Refused as problem:
        print(f"infra/soak: {problem}; infra/soak --help lists the options", file=sys.stderr)
        return 2
    if "--check" in words:
        return 0
    from .run import Settings, run  # after the words: it needs what infra/soak installs
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    say(f"seed {options.seed}, {options.hours:g} hours; interrupted, it still says what it has found")
    try:
        result = run(Settings(options.seed, options.hours * 3600, long_outages=0.1), say=say, interrupted=interrupted)
    except (RuntimeError, AssertionError, OSError) as problem:
        print(f"infra/soak: seed {options.seed}: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    result = {"date": date, "commit": options.commit} | result
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(f"{result['says']}; {result['not_exact']} times a replica was not exact in time\n{options.output}")
    good = not (result["violations"] or result["not_exact"] or result["audit_inconsistent"])
    return 130 if good and result["ended"] == "interrupted" else 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
