"""What a run is asked to do: the options, each checked, and the paths of the project."""
import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "infra" / "lib"))

from measuring import Parser, Refused, check_output, some_of, whole  # noqa: E402

PARTS = ("data", "start", "memory", "lists", "ids", "refresh", "bulk")  # in the order in which they are measured
SIZE_MIN, SIZE_MAX = 1000, 10_000_000


@dataclass(frozen=True)
class Lengths:
    """How long each part is measured."""
    start_rounds: int
    load_rounds: int    # of lists and ids
    load_seconds: int   # of each run in them
    updates: int        # single ones
    bulk_rounds: int
    quiet_seconds: int  # reads before a bulk change


USUAL, QUICK = Lengths(3, 7, 1, 400, 3, 5), Lengths(1, 1, 1, 50, 1, 1)
SIZES, QUICK_SIZES = [10_000, 100_000, 1_000_011], [2000, 5000]


def sizes(text):
    one = whole(SIZE_MIN, SIZE_MAX)
    found = [one(word) for word in text.split(",")]
    if len(set(found)) != len(found):
        raise argparse.ArgumentTypeError(f"'{text}' came; each size is accepted once")
    return sorted(found)


def check_cores():
    if len(os.sched_getaffinity(0)) < 2:
        raise Refused("two processor cores are needed, one for the server and one for the load; there is one")


def parse(words):
    """The options' values; Refused if one is not acceptable. --help is the business of infra/scale."""
    parser = Parser(prog="infra/scale", add_help=False, allow_abbrev=False)
    parser.add_argument("--sizes", type=sizes)
    parser.add_argument("--minutes", type=whole(1, 1440), default=60)
    parser.add_argument("--parts", type=some_of(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=whole(0, 999999999), default=1)
    parser.add_argument("--add", type=Path)
    parser.add_argument("--output", type=Path)
    settings = parser.parse_args(words)
    settings.sizes = settings.sizes or (QUICK_SIZES if settings.quick else SIZES)
    settings.lengths = QUICK if settings.quick else USUAL
    if settings.add and not settings.add.is_file():
        raise Refused(f"--add: there is no file {settings.add}")
    check_output(settings.output)
    check_cores()
    return settings
