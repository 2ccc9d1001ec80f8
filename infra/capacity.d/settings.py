"""What a run is asked to do, and the paths of the project."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "infra" / "lib"))

from measuring import Parser, check_output, whole  # noqa: E402


def parse(words):
    """The options' values; Refused if one is not acceptable. --help is the business of infra/capacity."""
    parser = Parser(prog="infra/capacity", add_help=False, allow_abbrev=False)
    parser.add_argument("--seconds", type=whole(2, 600), default=15)
    parser.add_argument("--products", type=whole(1000, 1000000), default=10000)
    parser.add_argument("--output", type=Path)
    settings = parser.parse_args(words)
    check_output(settings.output)
    return settings
