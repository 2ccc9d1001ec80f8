"""infra/kubernetes: what kustomize makes of it, against Kubernetes's own schemas, strictly; and what schemas do not know."""
import re
import shutil
import subprocess

import pytest
import yaml

from atelier.build import ROOT, program

FOLDER = ROOT / "infra" / "kubernetes"
VERSIONS = ("1.27", "1.37")  # the oldest that is promised, the newest that the validator knows


def output_of(*words, cwd=ROOT):
    done = subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(folder):
    kubectl = output_of(FOLDER / "get-kubectl").strip()
    return output_of(kubectl, "kustomize", folder)


def validated(text, version, path):
    """The validator's exit status and everything that it says."""
    path.write_text(text)
    validate = output_of(ROOT / "integration" / "get-description-tools").strip() + "/kubernetes-validate"
    done = subprocess.run([validate, "--strict", "-k", version, path], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def example():
    return rendered(FOLDER / "example")


@pytest.fixture(scope="module")
def objects(example):
    """{(kind, name): object}; a secret's name without the hash of its content."""
    found = {}
    for item in yaml.safe_load_all(example):
        name = item["metadata"]["name"]
        found[item["kind"], re.sub(r"-\w{10}$", "", name) if item["kind"] == "Secret" else name] = item
    return found


@pytest.fixture(scope="module")
def pod(objects):
    return objects["Deployment", "atelierd"]["spec"]["template"]


def test_every_object_is_as_kubernetes_wants_it(example, objects, tmp_path):
    for version in VERSIONS:
        status, said = validated(example, version, tmp_path / "example.yaml")
        assert status == 0 and said.count(" passed ") == len(objects) == 11, said


@pytest.mark.parametrize("file, right, wrong", [
    ("deployment.yaml", "readinessProbe", "readinesProbe"),
    ("deployment.yaml", "containerPort: 9001", "containerPort: nine"),
    ("autoscaler.yaml", "stabilizationWindowSeconds", "stabilisationWindowSeconds"),
    ("network.yaml", "namespaceSelector", "nameSpaceSelector"),
])
def test_a_misspelt_field_is_found(tmp_path, file, right, wrong):
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("example"))
    text = (copy / "base" / file).read_text()
    assert right in text
    (copy / "base" / file).write_text(text.replace(right, wrong, 1))
    status, said = validated(rendered(copy / "base"), VERSIONS[-1], tmp_path / "base.yaml")
    assert status != 0 and wrong.split(":")[0] in said, said


def test_whatever_selects_pods_selects_these(objects, pod):
    labels = pod["metadata"]["labels"].items()
    selectors = [objects["Deployment", "atelierd"]["spec"]["selector"]["matchLabels"],
                 objects["Service", "atelierd"]["spec"]["selector"],
                 objects["Service", "atelierd-operations"]["spec"]["selector"],
                 objects["PodDisruptionBudget", "atelierd"]["spec"]["selector"]["matchLabels"],
                 objects["NetworkPolicy", "atelierd"]["spec"]["podSelector"]["matchLabels"]]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod["spec"]["topologySpreadConstraints"]]
    assert all(selector.items() <= labels for selector in selectors)
    job = objects["Job", "atelier-migrate"]["spec"]["template"]["metadata"]["labels"].items()
    assert objects["NetworkPolicy", "atelier-migrate"]["spec"]["podSelector"]["matchLabels"].items() <= job
    assert not any(selector.items() <= job for selector in selectors)
    target = objects["HorizontalPodAutoscaler", "atelierd"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in objects


def test_ports_are_called_by_names_that_there_are(objects, pod):
    container, = pod["spec"]["containers"]
    names = {port["name"] for port in container["ports"]}
    used = {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    used |= {port["targetPort"] for name in ("atelierd", "atelierd-operations")
             for port in objects["Service", name]["spec"]["ports"]}
    used |= {port["port"] for rule in objects["NetworkPolicy", "atelierd"]["spec"]["ingress"] for port in rule["ports"]}
    assert used == names


def test_pods_are_restricted_whatever_they_do(objects, pod):
    for template in (pod, objects["Job", "atelier-migrate"]["spec"]["template"]):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"]


def test_there_is_time_to_drain(pod):
    container, = pod["spec"]["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = int(re.search(r"`--drain-timeout-ms` .*? \| (\d+) \|", output_of(program("atelierd"), "--help-markdown"))[1])
    assert pod["spec"]["terminationGracePeriodSeconds"] >= pause + drain / 1000 + 5


def test_variables_are_options_and_secrets_are_placeholders(objects, pod):
    options = output_of(program("atelierd"), "--help-markdown")
    container, = pod["spec"]["containers"]
    assert all(f"`{variable['name']}`" in options for variable in container["env"])
    secret = objects["Secret", "atelier-postgres"]
    used = [variable["valueFrom"]["secretKeyRef"] for kind, name in (("Deployment", "atelierd"), ("Job", "atelier-migrate"))
            for variable in objects[kind, name]["spec"]["template"]["spec"]["containers"][0]["env"]
            if "secretKeyRef" in variable.get("valueFrom", {})]
    assert {(key["name"], key["key"]) for key in used} == {(secret["metadata"]["name"], key) for key in secret["data"]}
    literals = yaml.safe_load((FOLDER / "example" / "kustomization.yaml").read_text())["secretGenerator"][0]["literals"]
    assert all(":PLACEHOLDER@" in literal for literal in literals)


def test_the_memory_limit_leaves_room(pod):
    container, = pod["spec"]["containers"]
    limit, = (int(variable["value"]) for variable in container["env"] if variable["name"] == "ATELIERD_MEMORY_LIMIT")
    whole = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 2**30
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
    assert 0.6 * whole < limit < 0.9 * whole


def test_images_are_targets_of_the_dockerfile(objects):
    targets = re.findall(r"^FROM .* AS (\w+)$", (ROOT / "infra" / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    for key in (("Deployment", "atelierd"), ("Job", "atelier-migrate")):
        container, = objects[key]["spec"]["template"]["spec"]["containers"]
        assert re.fullmatch(r"registry\.example\.org/atelier/(\w+):[0-9.]+", container["image"])[1] in targets
