"""The history checker: under faults at random no replica shows on any listener what the promises do not allow.

And the checker is checked: faults planted in the server must be found. ATELIER_SEED=N repeats a run's choices.
"""
import json
import os
import time

import pytest

import atelier.build
from atelier.build import ROOT
from history.faults import EXACT_LIMIT
from history.planted import PATCHES, PLANTED, PatchFailed, Planting, apply
from history.run import Settings, run

SEED = int(os.environ.get("ATELIER_SEED") or int.from_bytes(os.urandom(4)))
WRITES = 100_000
LIMIT = 170  # seconds, without the time to start and to end
KINDS_OF_FAULT = 6
FOUND = 100  # seconds within which a planted fault must be found


def told(result):
    return json.dumps({name: value for name, value in result.items() if name != "settings"}, indent=1)


@pytest.mark.slow
@pytest.mark.limit(300)
def test_no_answer_breaks_a_promise_whatever_happens(template, built):
    result = run(Settings(SEED, LIMIT, enough_writes=WRITES), template)
    print(f"seed {SEED}: {result['says']}\n{told(result)}")
    assert result["violations"] == 0, f"seed {SEED}: {json.dumps(result['stories'], indent=1)}"
    assert result["late"] == [] and result["exact_at_the_end_s"], f"seed {SEED}: not exact within {EXACT_LIMIT} s"
    assert result["audit_inconsistent"] == 0, f"seed {SEED}: a replica had missed something and mended it by itself"
    assert result["writes"] >= WRITES
    assert sum(row["runs"] > 0 for row in result["faults"].values()) >= KINDS_OF_FAULT
    assert all(result["listeners"].values()) and len(result["listeners"]) == 14


# ── the checker itself ──

@pytest.fixture(scope="module")
def planting(scratch):
    folder = scratch / "planting"
    folder.mkdir()
    return Planting(folder)


def test_every_patch_has_its_run():
    assert sorted(patch.stem for patch in PATCHES.glob("*.patch")) == sorted(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_every_patch_still_applies(name):
    apply(PATCHES / f"{name}.patch", ROOT, "--dry-run")


def test_a_patch_that_no_longer_applies_says_so(own):
    bad = own / "bad.patch"
    bad.write_text("--- a/app/main.c\n+++ b/app/main.c\n@@ -1,1 +1,1 @@\n-what was never there\n+x\n")
    with pytest.raises(PatchFailed, match="bad.patch no longer applies"):
        apply(bad, ROOT, "--dry-run")


@pytest.mark.slow
@pytest.mark.limit(600)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if "before" in settings else ())
                                  for name, (_, settings) in PLANTED.items()])  # "before": seconds in which nothing happens
def test_a_planted_fault_is_found(name, planting, template, own, monkeypatch):
    monkeypatch.setattr(atelier.build, "BUILD", planting.plant(name, own / "build"))
    crimes, settings = PLANTED[name]
    begun = time.monotonic()
    result = run(Settings(SEED, FOUND, stop_at=crimes, patience=EXACT_LIMIT, window=1, **settings), template)
    print(f"seed {SEED}: {time.monotonic() - begun:.1f} s, {result['violations_by_rule']},"
          f" not exact {result['not_exact']}, {result['writes']} writes\n{json.dumps(result['stories'][:1], indent=1)}")
    assert result["ended"] not in ("time", "enough"), f"seed {SEED}: not found: {told(result)}"
