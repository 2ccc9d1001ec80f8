"""What a run is asked to do: the options, each checked, and the paths of the project."""
import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "infra" / "lib"))

from measuring import Parser, Refused, check_output, some_of, whole  # noqa: E402

PROTOCOLS = ("http1", "h2c", "h2")
DOCUMENTS = {"product": "", "styles": "/styles", "related": "/related"}


def document(text):
    if text not in DOCUMENTS:
        raise argparse.ArgumentTypeError(f"'{text}' came; {', '.join(DOCUMENTS)} are accepted")
    return text


def cores(text):
    allowed = [str(core) for core in sorted(os.sched_getaffinity(0))]
    words = text.split(",")
    if len(words) != 2 or words[0] == words[1] or not set(words) <= set(allowed):
        raise argparse.ArgumentTypeError(f"'{text}' came; two different ones of {','.join(allowed)} are accepted")
    return [int(word) for word in words]


def executable(text):
    path = Path(text).resolve()
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise argparse.ArgumentTypeError(f"there is no program '{text}'")
    return path


def first_cores():
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Refused("two processor cores are needed, one for the servers and one for the load; there is one")
    return allowed[:2]


def parse(words):
    """The options' values; Refused if one is not acceptable. --help is the business of infra/bench."""
    parser = Parser(prog="infra/bench", add_help=False, allow_abbrev=False)
    parser.add_argument("--rounds", type=whole(1, 100), default=9)
    parser.add_argument("--seconds", type=whole(1, 60), default=1)
    parser.add_argument("--products", type=whole(10, 100000), default=10000)
    parser.add_argument("--document", type=document, default="styles")
    parser.add_argument("--protocols", type=some_of(PROTOCOLS), default=list(PROTOCOLS))
    parser.add_argument("--seed", type=whole(0, 999999999), default=1)
    parser.add_argument("--cores", type=cores)
    parser.add_argument("--before", type=executable)
    parser.add_argument("--output", type=Path)
    settings = parser.parse_args(words)
    settings.cores = settings.cores or first_cores()
    check_output(settings.output)
    return settings
