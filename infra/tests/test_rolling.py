"""infra/rolling: what it refuses, and twenty rolling restarts under load."""
import json

import pytest

from atelier.build import ROOT
from atelier.process import run

ROLLING = ROOT / "infra" / "rolling"


@pytest.mark.parametrize("words, said", [
    (["--times", "0"], "'0' came; a whole number from 1 to 1000"), (["--rate", "fast"], "'fast' came"),
    (["--times"], "--times"), (["--nonsense"], "--nonsense"), (["--output", "/no/such/folder/x"], "no folder /no/such/folder")])
def test_bad_words_are_refused_in_one_line(words, said):
    done = run([ROLLING, *words])
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.long
def test_twenty_rolling_restarts_fail_no_request(tmp_path):
    done = run([ROLLING, "--output", tmp_path / "figures.json"], limit=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["summary"]["failed"] == {"http": 0, "edge": 0, "tls": 0} and len(figures["restart_s"]) == 20
    assert figures["load"]["tls"]["goaways"] > 0
