"""The API's description, as spectral sees it: no error, no warning. (That it is true: integration/test_28_description.py.)"""
import json
from pathlib import Path

import pytest
from atelier.build import ROOT
from atelier.process import run

HERE = Path(__file__).parent
DESCRIPTION = ROOT / "app" / "openapi.yaml"


def findings(modules, description):
    """The codes of all rules that it breaks."""
    done = run(["node", Path(modules) / "node_modules/@stoplight/spectral-cli/dist/index.js", "lint", "--ruleset", HERE / "spectral.yaml",
                "--format", "json", "--fail-severity", "hint", "--quiet", description], limit=60)
    assert done.returncode in (0, 1) and done.stdout.strip(), done.stderr
    return [f"{found['code']} at {'.'.join(map(str, found['path']))}: {found['message']}" for found in json.loads(done.stdout)]


@pytest.mark.slow
def test_it_is_linted_without_a_warning(modules):
    assert findings(modules, DESCRIPTION) == []


@pytest.mark.slow
def test_the_lint_warns_where_it_should(modules, tmp_path):
    worse = tmp_path / "openapi.yaml"
    worse.write_text(DESCRIPTION.read_text(encoding="utf-8").replace("operationId: getFull", "operationId: get full"), encoding="utf-8")
    assert [found.split()[0] for found in findings(modules, worse)] == ["operation-operationId-valid-in-url"]
