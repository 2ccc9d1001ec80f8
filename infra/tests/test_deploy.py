"""infra/deploy: what it refuses before anything happens. (Its tests on hosts are infra/ansible/tests.)"""
import subprocess

import pytest

from atelier.build import ROOT

EXAMPLE = ROOT / "infra/ansible/inventory.example.yml"


def deploy(folder, *words):
    done = subprocess.run([ROOT / "infra/deploy", "--var", folder / "hosts", *map(str, words)], capture_output=True, text=True,
                          timeout=20, stdin=subprocess.DEVNULL)
    assert done.stdout == "" and done.stderr.count("\n") == 1 and not (folder / "hosts").exists(), done
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["--hosts", "r1"], ["r1"], ["--names"], ["--inventory"]])
def test_bad_words_are_usage_errors(folder, words):
    assert deploy(folder, *words)[0] == 2


@pytest.mark.parametrize("words, said", [
    (["--inventory", "/nowhere.yml", "--names", "shop.example"], "no inventory /nowhere.yml"),
    (["--inventory", EXAMPLE], "--names is missing"),
    (["--inventory", EXAMPLE, "--names", "shop.example; rm"], "'shop.example; rm'"),
])
def test_what_cannot_be_is_told_before_anything_happens(folder, words, said):
    status, line = deploy(folder, *words)
    assert status == 1 and said in line
