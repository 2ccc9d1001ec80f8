"""Faults that are planted into a copy of the server, so that the checker is checked: it must find each of them.

integration/planted/NAME.patch is applied to a copy of app/, and only what it touches is compiled again.
"""
import os
import shutil
from pathlib import Path

from atelier.build import ROOT
from atelier.process import run, run_checked

PATCHES = ROOT / "integration" / "planted"
SOURCES = ("CMakeLists.txt", "app", "third_party", "unit")

# For each: what it must be convicted of (one of these), and the settings of a run that gives it the opportunity. A
# product that few write to is found stale for longer. What was published in the 30 s before a life ended is marked
# anyway.
_CALM = dict(products=300, writes=400, hurried=4, slow=2)
_OLD = ("stale", "at least", "version order")
PLANTED = {
    "mark-skipped": (_OLD, dict(products=40, faults=())),
    "version-compare-skipped": (_OLD, dict(products=40, faults=())),
    "xip-skipped": (_OLD, dict(_CALM, faults=())),
    "heartbeat-off": (("not exact",), dict(_CALM, writes=20, hurried=1, slow=0, faults=("feed deaf",))),
    "over-read-skipped": (("stale", "at least"), dict(_CALM, faults=("transaction ids reused",), before=35)),
}


class PatchFailed(AssertionError):
    """The patch no longer fits the sources: it must be made anew."""


def apply(patch, sources, *words):
    done = run(["patch", "-p1", "--batch", "--fuzz=0", "-d", sources, "-i", patch, *words])
    if done.returncode != 0:
        raise PatchFailed(f"integration/planted/{patch.name} no longer applies; make it anew for what app/ is now:"
                          f"\n{done.stdout}{done.stderr}")


class Planting:
    """A build folder of its own below `folder`, which takes one patch after the other."""

    def __init__(self, folder):
        self.sources, self.build = folder / "sources", folder / "build"
        self.sources.mkdir()
        for name in SOURCES:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, self.sources / name)
        run_checked(["cmake", "-G", "Ninja", "-S", self.sources, "-B", self.build, "-DCMAKE_BUILD_TYPE=None",
                     "-DCMAKE_C_FLAGS=-O1"], limit=120)
        self._make()

    def _make(self):
        run_checked(["cmake", "--build", self.build, "--target", "atelierd", "-j", os.cpu_count()], limit=300)

    def plant(self, name, into: Path):
        """The program with this fault, in a folder as atelier.build expects it."""
        patch = PATCHES / f"{name}.patch"
        apply(patch, self.sources, "--dry-run")
        apply(patch, self.sources)
        try:
            self._make()
        finally:
            apply(patch, self.sources, "--reverse")
        (into / "app").mkdir(parents=True)
        shutil.copy(self.build / "app" / "atelierd", into / "app")
        return into
