"""k6/: what its README says of its results; and what its scripts refuse. (Its tests of the server need k6, and a stack.)"""
import subprocess

import pytest

from atelier.build import ROOT


def k6(script, *words):
    return subprocess.run([ROOT / "k6" / script, *words], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL)


def test_the_readme_s_results_are_those_in_the_folder():
    done = k6("table")
    assert done.returncode == 0, done.stderr
    assert f"<!-- results -->\n{done.stdout}<!-- /results -->" in (ROOT / "k6/README.md").read_text()


@pytest.mark.parametrize("words, said", [
    ([], "smoke, seed and soak"), (["storm"], "'storm'"), (["smoke", "--rate", "5"], "one pass"),
    (["seed", "--rate", "0"], "whole number"), (["soak", "--duration", "5"], "90s"), (["seed", "--ids", "9-1"], "FIRST-LAST"),
    (["seed", "--duration"], "needs a value"),
])
def test_bad_words_are_usage_errors(words, said):
    done = k6("run", *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done
