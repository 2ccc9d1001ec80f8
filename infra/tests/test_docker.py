"""infra/docker without an engine: what can be said of its files; the rest is tested by infra/test --docker."""
import os
import re
import subprocess

import pytest
import yaml

from atelier.build import ROOT

DOCKER = ROOT / "infra" / "docker"


def dockerfile():
    return (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def test_without_an_engine_it_is_said_what_is_missing():
    for words in ([ROOT / "infra" / "test", "--docker"], [DOCKER / "up", "--products", "1"]):
        done = subprocess.run(words, capture_output=True, text=True,
                              timeout=30, env=os.environ | {"DOCKER_HOST": "unix:///nonexistent.sock"})
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert re.search("no Docker engine answers|is not installed", done.stderr)


def test_every_package_of_an_image_is_in_the_lists():
    listed = {word for file in ("build", "run", "images") for line in
              (ROOT / "third_party" / "packages" / f"{file}.txt").read_text().splitlines() for word in line.split("#")[0].split()}
    named = {word for words in re.findall(r"^RUN install-packages (.*?) &&", dockerfile(), re.MULTILINE)
             for word in words.split() if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", word)}
    assert len(named) > 8 and named <= listed, named - listed


def test_a_commit_alone_changes_no_container():
    """What differs from commit to commit goes to `build`: whatever it changes in here, docker-compose starts anew."""
    text = (DOCKER / "compose.yaml").read_text()
    assert not re.search("ATELIER_(VERSION|REVISION|SOURCE)", text)
    assert all(f"--build-arg {name}=" in (DOCKER / "compose").read_text() for name in ("VERSION", "REVISION", "SOURCE"))


def test_what_every_container_may_holds_for_all_of_them(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["mem_limit"] and service["pids_limit"], name
        assert "ports" not in service or service["image"].startswith("atelier/nginx:"), name
        assert service["image"].startswith("atelier/") or name == "grafana"
        assert not re.search(r"password\S*[:=]\s*\S", str(service.get("environment")), re.IGNORECASE), name


def test_the_last_user_of_every_image_is_not_root():
    stages = re.split(r"^FROM ", dockerfile(), flags=re.MULTILINE)[1:]
    built = {service["build"]["target"] for service in yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"].values()
             if "build" in service}
    names = {re.match(r"\S+ AS (\w+)", stage)[1]: stage for stage in stages}
    assert built == set(names) - {"build", "runtime"}
    for name in built:
        assert re.findall(r"^USER (\S+)$", names[name], re.MULTILINE)[-1:] == ["10001:10001"], name
        assert re.search(r"^ENTRYPOINT \[", names[name], re.MULTILINE) or name == "exporters"
