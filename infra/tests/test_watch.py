"""infra/watch: the rules by promtool; rules, dashboard and runbook of one piece; all of it against a stack that runs."""
import json
import re
import shutil
import urllib.parse

import pytest
import yaml

from atelier.build import ROOT
from atelier.http1 import Http1
from atelier.metrics import Metrics
from atelier.ports import free_port
from atelier.process import Process, run, run_checked
from atelier.waiting import wait_until

WATCH = ROOT / "infra" / "watch"
RULES = [rule for group in yaml.safe_load((WATCH / "rules.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = [rule["record"] for rule in RULES if "record" in rule]
DASHBOARD = json.loads((WATCH / "grafana.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

# Of the exporters that stand beside Postgres, NGINX and the hosts, as Debian 12 has them.
EXPORTERS = {"pg_up", "pg_settings_max_connections", "pg_stat_activity_count", "pg_stat_activity_max_tx_duration", "nginx_up",
             "nginx_connections_active", "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
             "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"}

def panel_expressions():
    return [target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            for panel in PANELS for target in panel["targets"]]


def expressions():
    return [rule["expr"] for rule in RULES] + panel_expressions()


def names_in(expression):
    """(metrics, recorded series) that it asks for; a histogram by its own name."""
    recorded = re.findall(r"\w+(?::\w+)+", expression)
    rest = re.sub(r'"[^"]*"|\w+(?::\w+)+', "", expression)
    return {re.sub("_bucket$", "", name) for name in re.findall(r"\b(?:atelier|pg|nginx|node)_\w+", rest)}, recorded


# ── by themselves ──

@pytest.mark.parametrize("words", [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"),
                                   ("test", "rules", "rules_test.yml")])
def test_promtool_finds_no_fault(words):
    run_checked(["promtool", *words], cwd=WATCH)


def test_promtool_s_tests_find_a_rule_that_is_wrong(folder):
    tests = yaml.safe_load((WATCH / "rules_test.yml").read_text())
    tests["tests"] = [test for test in tests["tests"] if test["name"] == "limits are reached"]
    (folder / "rules_test.yml").write_text(yaml.safe_dump(tests))
    rules = (WATCH / "rules.yml").read_text()
    (folder / "rules.yml").write_text(rules.replace('atelier_cache_left_out{job="atelier"} > 0', "atelier_cache_left_out > 3"))
    done = run(["promtool", "test", "rules", "rules_test.yml"], cwd=folder)
    assert done.returncode == 1 and "AtelierProductsLeftOut" in done.stdout + done.stderr


def test_every_alert_is_whole_and_has_fired_in_a_test():
    tests = (WATCH / "rules_test.yml").read_text()
    fired = set(re.findall(r"'\{alertname=\"(\w+)\",severity=\"(\w+)\"", tests))
    assert fired == {(alert["alert"], alert["labels"]["severity"]) for alert in ALERTS}
    for alert in ALERTS:
        assert alert["labels"]["severity"] in ("page", "ticket", "none")
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert alert["annotations"]["runbook_url"] == f"infra/runbook.md#{alert['alert'].lower()}"


def test_every_alert_has_its_paragraph_in_the_runbook_and_every_paragraph_its_alert():
    runbook = (ROOT / "infra/runbook.md").read_text().split("\n## Alerts\n")[1].split("\n## ")[0]
    paragraphs = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    assert len(set(paragraphs)) == len(paragraphs) and set(paragraphs) == {alert["alert"] for alert in ALERTS}


def test_the_dashboard_is_what_its_script_prints_and_its_panels_do_not_overlap():
    assert run_checked([WATCH / "dashboard"]).stdout == (WATCH / "grafana.json").read_text()
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken = [(x, y) for panel in DASHBOARD["panels"] for place in [panel["gridPos"]]
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(set(taken)) == len(taken) and max(taken)[0] < 24
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) == variables | {"__rate_interval", "__all"}
    assert all(target["datasource"]["uid"] == "${datasource}" for panel in PANELS for target in panel["targets"])


def test_the_dashboard_s_expressions_are_promql(folder):
    rules = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(panel_expressions())]
    (folder / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run_checked(["promtool", "check", "rules", folder / "panels.yml"])


def test_what_is_recorded_is_asked_for_and_what_is_asked_for_is_recorded():
    asked = {name for expression in expressions() for name in names_in(expression)[1]}
    assert asked == set(RECORDED)


# ── beside a stack ──

class Prometheus(Process):
    """In a folder with its configuration; quicker than in earnest."""

    def __init__(self, folder, *options):
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text(re.sub(r"(interval|timeout): \d+s", r"\1: 1s", config.read_text()))
        super().__init__("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                                        f"--web.listen-address=127.0.0.1:{self.port}", *options], folder / "prometheus.log")

    def __enter__(self):
        self.start()
        wait_until("Prometheus is up", lambda: self.running and self.get("/-/ready") == b"Prometheus Server is Ready.\n", 20,
                   ignoring=OSError)
        return self

    def get(self, target):
        with Http1(self.port) as client:
            return client.get(target).body

    def query(self, expression):
        """[({label: value}, number)]; an AssertionError says what is wrong with the expression."""
        answer = json.loads(self.get(f"/api/v1/query?query={urllib.parse.quote(expression)}"))
        assert answer["status"] == "success", f"{expression}: {answer}"
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]


def watch_folder(folder, stack):
    """What is in infra/watch, with this stack's ports."""
    shutil.copytree(WATCH, folder, dirs_exist_ok=True)
    targets = folder / "targets" / "atelier.yml"
    targets.write_text(re.sub(r":(91\d\d)'", lambda port: f":{int(port[1]) + stack.offset}'", targets.read_text()))
    return folder


@pytest.fixture(scope="module")
def metrics(running):
    """Of the replicas, all together."""
    for target in ("/products/1", "/products/1/styles", "/nothing"):
        running.get("http", target)
    texts = []
    for name in ("r1", "r2", "r3"):
        with Http1(running.ports[f"{name}-operations"]) as client:
            texts.append(client.get("/metrics").body.decode())
    return Metrics("\n".join(texts))


def test_every_metric_exists(metrics):
    asked = {name for expression in expressions() for name in names_in(expression)[0]}
    assert not asked - metrics.names - EXPORTERS
    assert EXPORTERS <= asked


def test_every_label_that_is_asked_for_exists(metrics):
    """Only where a value is named: outcome="lost"."""
    for expression in expressions():
        for name, labels in re.findall(r"(atelier_\w+)\{([^}]*)\}", expression):
            wanted = {(key, value) for key, value in re.findall(r'(\w+)="([^"]*)"', labels) if key not in ("job", "instance")}
            if wanted:
                assert any(row == name and wanted <= set(had.items()) for row, had, _ in metrics.rows), (name, wanted)


def test_prometheus_scrapes_the_stack_and_evaluates_everything(running, folder):
    with Prometheus(watch_folder(folder, running)) as prometheus:
        wait_until("three replicas are up", lambda: prometheus.query('sum(up{job="atelier"})') == [({}, 3.0)], 20)
        assert {labels["instance"] for labels, _ in prometheus.query("atelier_build_info")} == {"r1", "r2", "r3"}
        for expression in expressions():
            prometheus.query(expression)
        wait_until("rules are evaluated", lambda: prometheus.query('ALERTS{alertname="WatchWorks",alertstate="firing"}'), 10)
        groups = json.loads(prometheus.get("/api/v1/rules"))["data"]["groups"]
        assert {rule["name"] for group in groups for rule in group["rules"]} == {*RECORDED, *(alert["alert"] for alert in ALERTS)}
        assert all(rule["health"] == "ok" for group in groups for rule in group["rules"])


def test_the_readme_s_remote_write_sends_what_it_says(running, folder):
    """To another Prometheus; what is recorded and what replicas say arrives, and nothing else does."""
    readme = (WATCH / "README.md").read_text()
    snippet = re.search(r"```yaml\n(remote_write:.*?)```", readme, re.DOTALL)[1]
    (folder / "there").mkdir()
    (folder / "there" / "prometheus.yml").write_text("global: {scrape_interval: 1s}\n")
    (folder / "key").write_text("secret\n")
    with Prometheus(folder / "there", "--web.enable-remote-write-receiver") as there:
        here = watch_folder(folder / "here", running)
        snippet = re.sub(r"url: \S+", f"url: http://127.0.0.1:{there.port}/api/v1/write", snippet)
        snippet = re.sub(r"credentials_file: \S+", f"credentials_file: {folder}/key", snippet)
        (here / "prometheus.yml").write_text((here / "prometheus.yml").read_text() + snippet)
        run_checked(["promtool", "check", "config", "prometheus.yml"], cwd=here)
        with Prometheus(here):
            wait_until("it arrives", lambda: there.query("atelier_build_info") and there.query("job:atelier_http_requests:rate5m"), 30)
            names = {labels["__name__"] for labels, _ in there.query('{__name__=~".+"}')}
            assert all(re.match("atelier_|up$|ALERTS$|.*:.*|pg_|nginx_|node_", name) for name in names), names
            assert not any(name.endswith("_bucket") or name.startswith("scrape_") for name in names)
