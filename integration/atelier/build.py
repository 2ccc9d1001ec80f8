"""The programs under test: below $ATELIER_BUILD, or build/release of this checkout."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("ATELIER_BUILD", "build/release")


def program(name):
    """The path of atelierd or atelier-catalogue; None while it has not been built."""
    found = [path for path in sorted((BUILD / "app").rglob(name)) if path.is_file() and os.access(path, os.X_OK)]
    return found[0] if found else None
