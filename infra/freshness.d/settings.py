"""What a run is asked to do: the options, each checked, and the paths of the project."""
import argparse
import sys
from pathlib import Path

from cores import APART, CORES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "infra" / "lib"))

from measuring import Parser, Refused, check_output, some_of, whole  # noqa: E402

PARTS = ("bound", "writers")  # "" for --parts: none, only --add and --soak


def cores(text):
    if text not in CORES:
        raise argparse.ArgumentTypeError(f"'{text}' came; {' or '.join(CORES)} is accepted")
    return text


def parse(words):
    """The options' values; Refused if one is not acceptable. --help is the business of infra/freshness."""
    parser = Parser(prog="infra/freshness", add_help=False, allow_abbrev=False)
    parser.add_argument("--parts", type=some_of(PARTS, none=True), default=list(PARTS))
    parser.add_argument("--rounds", type=whole(1, 100))
    parser.add_argument("--seconds", type=whole(1, 60))
    parser.add_argument("--writer-rounds", type=whole(1, 100))
    parser.add_argument("--writer-seconds", type=whole(1, 60))
    parser.add_argument("--cores", type=cores, default=APART)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--products", type=whole(4000, 1000000), default=10000)
    parser.add_argument("--rate", type=whole(1, 20000), default=1000)
    parser.add_argument("--reads", type=whole(1, 20000), default=500)
    parser.add_argument("--seed", type=whole(0, 999999999), default=1)
    parser.add_argument("--soak", type=Path)
    parser.add_argument("--add", type=Path)
    parser.add_argument("--output", type=Path)
    settings = parser.parse_args(words)
    fill_in(settings)
    for name, file in (("--soak", settings.soak), ("--add", settings.add)):
        if file and not file.is_file():
            raise Refused(f"{name}: there is no file {file}")
    check_output(settings.output)
    if not (settings.parts or settings.add or settings.soak):
        raise Refused("--parts '' without --add and --soak: nothing is left to do")
    return settings


LENGTHS = {  # option: by default, with --quick
    "rounds": (5, 1), "seconds": (10, 3), "writer_rounds": (3, 1), "writer_seconds": (2, 1),
}


def fill_in(settings):
    for name, (usual, quick) in LENGTHS.items():
        if getattr(settings, name) is None:
            setattr(settings, name, quick if settings.quick else usual)
