"""Profile watch, but for Grafana, whose image is not built here."""
import json
import urllib.request

from atelier.waiting import wait_until

SERVICES = ("prometheus", "postgres-exporter", "nginx-exporter", "node-exporter", "nginx-watch")


def test_prometheus_reaches_all_there_is_to_watch_through_nginx_s_port(containers):
    containers.script("compose", "--profile", "watch", "up", "-d", "--no-deps", *SERVICES, limit=1200)
    base = f"http://127.0.0.1:{containers.environment['ATELIER_PROMETHEUS_PORT']}/api/v1"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(path):
        return json.load(opener.open(base + path, timeout=5))["data"]

    def up():
        return {(row["metric"]["job"], row["metric"]["instance"]) for row in ask("/query?query=up==1")["result"]}
    expected = {("atelier", "r1"), ("atelier", "r2"), ("atelier", "r3"), ("nginx", "nginx"), ("node", "host"), ("postgres", "postgres")}
    wait_until("all targets are up", lambda: up() == expected, 90, every=1, ignoring=(OSError,))
    for metric in ("pg_up", "nginx_up"):
        assert [row["value"][1] for row in ask(f"/query?query={metric}")["result"]] == ["1"], metric
    assert all(rule["health"] in ("ok", "unknown") for group in ask("/rules")["groups"] for rule in group["rules"])
    with containers.postgres.connect("atelier_owner") as writer:  # another's session, of which ordinary roles see no state
        writer.execute("BEGIN")
        writer.execute("SELECT 1")
        wait_until("its transaction is seen", lambda: ask(
            "/query?query=sum(pg_stat_activity_count{state=\"idle in transaction\"})>0".replace(" ", "%20"))["result"], 60, every=1)
    for number in (1, 2, 3):
        page = f"http://127.0.0.1:{containers.operations + number - 1}"
        assert json.load(opener.open(f"{page}/status", timeout=5))["replica"] == f"r{number}"
        assert b"<html" in opener.open(page, timeout=5).read()
    for service in SERVICES:
        host = containers.inspect(service)["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
        assert bool(host["PortBindings"]) == (service == "nginx-watch")
