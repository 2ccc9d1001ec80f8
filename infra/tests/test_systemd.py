"""infra/systemd: every directive is known to systemd, and how little the services may do is kept. systemd itself need not run."""
import subprocess

import pytest

from atelier.build import ROOT

UNITS = ROOT / "infra/systemd"
# systemd's figure for what a service could do if it were taken over, in tenths: 0 nothing, 100 everything.
EXPOSURE = {"atelierd@.service": 12, "atelier-nginx@.service": 15}


def analyze(*words):
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr


def copy_of(name, folder, **instead):
    """The unit with a program that is here, whatever is installed; and words replaced."""
    text = (UNITS / name).read_text().replace("/usr/local/bin/atelierd", "/bin/true")
    for old, new in instead.items():
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)
    return folder / name


def test_every_unit_has_a_limit():
    assert {unit.name for unit in UNITS.glob("*.service")} == set(EXPOSURE)


@pytest.mark.parametrize("name", EXPOSURE)
def test_systemd_finds_nothing_wrong(name, folder):
    assert analyze("verify", copy_of(name, folder)) == (0, "")


@pytest.mark.parametrize("directive", ["NoNewPrivileges", "TimeoutStopSec", "WatchdogSec"])
def test_a_misspelt_directive_is_found(directive, folder):
    status, said = analyze("verify", copy_of("atelierd@.service", folder, **{directive: directive + "z"}))
    assert f"'{directive}z'" in said, (status, said)


@pytest.mark.parametrize("name", EXPOSURE)
def test_a_service_may_do_no_more_than_it_must(name):
    assert analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE[name]}", UNITS / name)[0] == 0


def test_a_right_given_back_is_found(folder):
    unit = copy_of("atelierd@.service", folder, NoNewPrivileges="#NoNewPrivileges", PrivateUsers="#PrivateUsers")
    assert analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE[unit.name]}", unit)[0] == 1
