"""infra/capacity: the tables in its README are what it prints; words that it refuses."""
import json
import subprocess

import pytest

from atelier.build import ROOT

FOLDER = ROOT / "infra" / "capacity.d"


def capacity(*words):
    return subprocess.run([ROOT / "infra" / "capacity", *words], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


def test_the_readme_s_tables_are_of_the_newest_result():
    done = capacity("--table", str(max((FOLDER / "results").glob("*.json"))))
    assert done.returncode == 0, done.stderr
    assert f"<!-- tables -->\n{done.stdout}<!-- /tables -->" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("words, said", [
    (["--seconds", "1"], "2 to 600"), (["--products", "some"], "whole number"), (["--seconds"], "expected one argument"),
    (["--table"], "needs a value"), (["--table", "/nowhere.json"], "cannot read"), (["--output", "/nowhere/x"], "no folder"),
])
def test_bad_words_are_refused_in_one_line(words, said):
    done = capacity(*words)
    assert done.returncode in (1, 2) and said in done.stderr and done.stderr.count("\n") == 1, done


@pytest.mark.long
def test_a_short_run_measures_everything(folder):
    output = folder / "result.json"
    done = subprocess.run(["/usr/bin/python3", "-B", FOLDER / "run.py", "--seconds", "2", "--products", "1000", "--output", output],
                          capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    idle, some, many = json.loads(output.read_text())["rates"].values()
    assert idle["changes_per_second"] == 0 < some["changes_per_second"] < many["changes_per_second"]
    assert idle["statements_per_second"]["fetches"] < 1 < many["statements_per_second"]["fetches"]
    assert 0 < idle["postgres_cores"] < many["postgres_cores"] and idle["bytes_per_second"] < many["bytes_per_second"] / 10
    assert 15 < idle["statements_per_second"]["log reads"] < 30 and 2 <= idle["sent_by_all_per_second"] <= 12
