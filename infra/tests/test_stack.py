"""infra/up, status, psql, restart, down: a whole stack, as a person at a terminal uses it."""
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess

import pytest
from managed import SERVICES, Managed

from atelier.build import ROOT
from atelier.http1 import Http1
from atelier.load import Load
from atelier.waiting import wait_until


# ── a stack that is up ──

def test_up_prints_three_curl_lines_that_work_as_printed(running):
    running.first.ok()
    lines = [line for line in running.first.out.splitlines() if line.startswith("curl ")]
    assert len(lines) == 3 and not any("-k" in shlex.split(line) for line in lines)
    for line in lines:
        done = subprocess.run(shlex.split(line) + ["--silent", "--fail", "--max-time", "10"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0 and done.stdout[:1] in b"[{", line


def test_the_page_that_up_prints_shows_the_update_that_it_prints(running):
    page, = re.findall(r"http://localhost:(\d+)/\?product=(\d+)", running.first.out)
    update, = (line for line in running.first.out.splitlines() if line.startswith("infra/psql "))
    subprocess.run(shlex.split(update), cwd=ROOT, check=True, capture_output=True, timeout=20)
    with Http1(int(page[0])) as client:
        assert b"<title>Atelier" in client.get("/", {"Accept": "text/html"}).body
        wait_until("every style is on sale", lambda: all(
            style["sale_price"] == "9.99" for style in client.get(f"/products/{page[1]}/styles").json()["results"]), 5)


def test_page_counts_that_a_product_page_needs_two_requests(running):
    rows = running.run("page", "--products", 10).ok().out.replace(",", "").splitlines()[2:]
    old, ours, files = ([float(cell) for cell in row.strip("| ").split(" | ")[-4:]] for row in rows)
    assert old[0] > 3 and ours[0] == 2 and files[0] > 10
    assert ours[1] < ours[2] < ours[3] < old[3] and files[1] < 60 * 1024
    running.run("page", "--products", "some").refused("1 to 9999", status=2)


def test_the_readme_has_the_pages_that_were_counted(managed, folder):
    table = managed.run("page", "--table", ROOT / "infra/page.json").ok().out
    assert f"<!-- page -->\n{table}<!-- /page -->" in (ROOT / "README.md").read_text()
    (folder / "other.json").write_text("{}")
    managed.run("page", "--table", folder / "other.json").refused("not a file that infra/page wrote")


@pytest.mark.slow
def test_an_old_front_end_s_path_is_kept_until_it_is_taken_back(running):
    def answer():
        with Http1(running.ports["http"]) as client:
            return client.get("/api/fec2/hr-rfp/products/1").status
    assert answer() == 404
    running.up("--path-prefix", "/api/fec2/hr-rfp").ok()
    assert answer() == 200
    pids = running.pids()
    running.up().ok()
    assert answer() == 200 and running.pids() == pids
    running.up("--path-prefix", "").ok()
    assert answer() == 404


@pytest.mark.slow
def test_loader_io_reads_its_token_until_it_is_taken_back(running):
    token = "loaderio-6f96e0b06a1326723958b1646a111311"

    def answers(listener):
        return [running.get(listener, f"/{token}{ending}") for ending in (".txt", ".html", "/")]
    running.up("--loaderio", token).ok()
    running.up().ok()
    for answer in answers("http") + answers("edge"):
        assert (answer.status, answer.body, dict(answer.headers)["content-type"]) == (200, token.encode(), "text/plain")
    assert running.get("http", f"/{token}x.txt").status == 404 and running.get("http", f"/{token}").status == 404
    running.up("--loaderio", "").ok()
    assert [answer.status for answer in answers("http")] == [404] * 3


def test_a_second_up_changes_nothing(running):
    before = running.pids()
    files = {path: path.stat().st_mtime_ns for path in (running.folder / "etc").iterdir()}
    again = running.up("--products", 40).ok()
    assert "stays: 40 generated products" in again.out
    assert running.pids() == before
    assert {path: path.stat().st_mtime_ns for path in (running.folder / "etc").iterdir()} == files


def test_an_update_by_psql_shows_on_every_replica(running):
    sku, product, quantity = running.sql("UPDATE skus SET quantity = quantity + 1 WHERE id = (SELECT min(id) FROM skus)"
                                         " RETURNING id, product_id, quantity").split("|")
    for replica in ("r1", "r2", "r3"):
        wait_until(f"{replica} shows it", lambda: running.quantity(replica, product, sku) == int(quantity), 0.25)


def test_psql_is_the_owner_and_tells_when_a_statement_fails(running):
    assert running.sql("SELECT current_user, current_database()") == "atelier_owner|atelier"
    failed = running.run("psql", "-c", "SELEC")
    assert failed.status == 1 and "syntax error" in failed.err


def test_status_says_what_runs_and_fails_when_something_does_not(running):
    well = running.run("status").ok().out
    assert [line.split()[0] for line in well.splitlines()[1:]] == list(SERVICES)
    assert len(re.findall(r"ready, 40 products, proven fresh \d+ ms ago", well)) == 3
    subprocess.run(["sv", "-w", "20", "down", running.folder / "service" / "r2"], check=True, capture_output=True)
    ill = running.run("status")
    assert ill.status == 1 and re.search(r"^r2 .*NOT RUNNING", ill.out, re.M)
    running.up().ok()
    running.run("status").ok()


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_what_is_killed_comes_back(running, service):
    old = running.pid(service)
    os.kill(old, signal.SIGKILL)
    wait_until(f"another {service}", lambda: running.pid(service) not in (None, old), 10)
    wait_until("all is well", lambda: running.run("status").status == 0, 20)


def test_a_restart_of_the_replicas_fails_no_request(running):
    target = "/products/1/styles"
    body = running.get("http", target).body
    before = running.pids()
    with (Load(lambda: running.client("http"), {target: body}, limit=60) as http,
          Load(lambda: running.client("edge"), {target: body}, limit=60) as edge,
          Load(lambda: running.client("tls"), {target: body}, limit=60) as tls):  # it honours GOAWAY
        loads = http, edge, tls
        running.run("restart").ok()
        answered = [load.answered for load in loads]
        wait_until("the loads go on", lambda: all(load.answered > before + 50
                                                  for load, before in zip(loads, answered)), 10)
    assert not [load.lost + load.wrong for load in loads if load.lost + load.wrong]
    after = running.pids()
    assert {name for name in SERVICES if after[name] != before[name]} == {"r1", "r2", "r3"}
    assert not list((running.folder / "nginx" / "out").iterdir())


@pytest.mark.slow
def test_a_restart_that_fails_leaves_the_others_at_work(running):
    program = running.folder / "bin" / "atelierd"
    good = program.with_name("atelierd.good")
    shutil.copy2(program, good)
    before = running.pids()
    program.unlink()
    program.write_text("#!/bin/sh\necho 'no such luck' >&2\nexit 1\n")
    program.chmod(0o755)
    running.run("restart").refused("r1 does not stay up", "no such luck")
    assert [running.pids()[name] == before[name] for name in ("r2", "r3")] == [True, True]
    assert running.get("http", "/products/1").status == running.get("tls", "/products/1").status == 200
    running.run("restart").refused("r1 is not")
    good.replace(program)
    wait_until("r1 is back by itself", lambda: running.run("status").status == 0, 20)


@pytest.mark.slow
def test_a_certificate_near_its_end_is_renewed(running):
    tls = running.folder / "tls"
    old = (tls / "server.pem").read_bytes()
    shell = ("openssl req -new -key server.key -subj /CN=localhost |"
             " openssl x509 -req -CA ca.pem -CAkey ca.key -days 3 -out server.pem")
    subprocess.run(["sh", "-c", shell], cwd=tls, check=True, capture_output=True)
    running.up().ok()
    assert (tls / "server.pem").read_bytes() != old
    for listener in ("tls", "edge"):
        assert running.get(listener, "/products/1").status == 200


@pytest.mark.slow
def test_a_certificate_of_another_authority_stays(running):
    tls = running.folder / "tls"
    files = [tls / "server.pem", tls / "server.key"]
    ours = [file.read_bytes() for file in files]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3",
                    "-subj", "/CN=shop.example", "-keyout", files[1], "-out", files[0]], check=True, capture_output=True)
    theirs = [file.read_bytes() for file in files]
    running.run("reload").ok()
    running.up().ok()
    assert [file.read_bytes() for file in files] == theirs
    running.run("status").ok()
    for file, content in zip(files, ours):
        file.write_bytes(content)
    running.run("reload").ok()
    assert running.get("tls", "/products/1").status == 200


@pytest.mark.slow
def test_what_an_up_that_failed_has_begun_the_next_one_ends(running):
    """A new program, and a replica out of NGINX: of a run that was killed there."""
    program = running.folder / "bin" / "atelierd"
    shutil.copy2(program, program.with_name("new"))
    program.with_name("new").replace(program)
    (running.folder / "nginx" / "out" / "r2").touch()
    ill = running.run("status")
    assert ill.status == 1 and re.search(r"^r2 .*NOT in NGINX", ill.out, re.M)
    before = running.pids()
    running.up().ok()
    after = running.pids()
    assert {name for name in SERVICES if after[name] != before[name]} == {"r1", "r2", "r3"}
    running.run("status").ok()


def renew(tls, days):
    """Another certificate of the stack's own authority."""
    shell = ("openssl req -new -key server.key -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 |"
             f" openssl x509 -req -CA ca.pem -CAkey ca.key -days {days} -copy_extensions copy -out server.new"
             " && cat server.new >server.pem && rm server.new")
    subprocess.run(["sh", "-c", shell], cwd=tls, check=True, capture_output=True)


def presented(running, listener):
    """The certificate that a new connection is shown."""
    with running.client(listener) as client:
        return ssl.DER_cert_to_PEM_cert(client.socket.getpeercert(binary_form=True))


def test_reload_takes_up_a_certificate_and_options_without_a_restart(running):
    before = running.pids()
    options = running.folder / "etc" / "atelierd.options"
    renew(running.folder / "tls", days=40)
    options.write_text("ATELIERD_CACHE_CONTROL=by-options\n")
    running.run("reload").ok()
    for listener in ("tls", "edge"):
        wait_until(f"{listener} shows it", lambda: presented(running, listener)
                   == (running.folder / "tls" / "server.pem").read_text(), 5)
    for listener in ("http", "tls"):
        wait_until("the option is in force",
                   lambda: running.get(listener, "/products/1")["cache-control"] == "by-options", 5)
    options.write_text("ATELIERD_CACHE_CONTROL\n")
    running.run("reload", "r2").refused("r2 goes on as before", "atelierd.options line 1")
    assert running.get("http", "/products/1")["cache-control"] == "by-options"
    options.write_text("ATELIERD_FETCHERS=4\n")
    assert "--fetchers: not before infra/restart" in running.run("reload", "r2").ok().out
    options.write_text("")
    assert "not before" not in running.run("reload", "r1", "r2", "r3").ok().out
    running.run("reload", "postgres").refused("'postgres'", status=2)
    assert running.pids() == before


def test_ticket_keys_are_rotated_and_two_old_ones_are_kept(running):
    keys = running.folder / "tls" / "tickets.keys"
    before, all_keys = running.pids(), keys.read_bytes()
    for _ in range(3):
        running.run("rotate-tickets").ok()
        now = keys.read_bytes()
        assert len(now) == min(len(all_keys) + 80, 240) and now[80:] == all_keys[:160] and now[:80] not in all_keys
        all_keys = now
    assert keys.stat().st_mode & 0o777 == 0o600 and running.pids() == before
    assert running.get("tls", "/products/1").status == 200


@pytest.mark.slow
def test_two_stacks_run_side_by_side(running, managed):
    managed.up("--products", 7).ok()
    assert (managed.sql("SELECT count(*) FROM products"), running.sql("SELECT count(*) FROM products")) == ("7", "40")
    assert len(managed.get("http", "/products?count=100").json()) == 7
    managed.run("down").ok()
    running.run("status").ok()


def test_a_running_stack_cannot_be_moved_to_other_ports(running):
    running.run("up", "--port-offset", running.offset + 1).refused("--port-offset", "infra/down")
    running.run("status").ok()


# ── going down ──

@pytest.mark.slow
def test_down_keeps_the_data_and_another_wish_replaces_them(managed):
    managed.up("--products", 7).ok()
    managed.sql("UPDATE products SET name = 'Mine' WHERE id = 1")
    managed.run("down").ok()
    assert not managed.processes()
    managed.run("psql", "-c", "SELECT 1").refused("infra/up")
    managed.run("restart").refused("infra/up")
    managed.run("down").ok()
    assert "stays: 7 generated products" in managed.run("up").ok().out, "it remembers its ports and its catalogue"
    assert managed.get("http", "/products/1").json()["name"] == "Mine"
    managed.up("--products", 3).ok()
    assert managed.sql("SELECT count(*) FROM products") == "3"


@pytest.mark.slow
def test_csv_files_are_loaded_and_what_was_rejected_is_kept(managed, folder):
    csv = shutil.copytree(ROOT / "unit/data/catalogue", folder / "csv")
    said = managed.up("--csv", csv).ok().out
    table = re.search(r"^all +(\d+) +(\d+) +(\d+) +(\d+)$", said, re.M)
    assert f"rejected rows, each with its line and reason: {managed.folder}/rejected.csv" in said
    assert (managed.folder / "rejected.csv").read_text(errors="replace").startswith("file,line,reason,row\n")
    assert int(table[4]) > 0 and managed.sql("SELECT count(*) FROM products") == "21"
    assert f"stays: {csv}" in managed.up("--csv", csv).ok().out


# ── what goes wrong ──

@pytest.mark.parametrize("words, said", [
    (["--products", "0"], "--products is '0'"), (["--products", "many"], "whole number"), (["--products"], "needs a value"),
    (["--csv", "x", "--products", "1"], "exclude each other"), (["--nonsense"], "'--nonsense'"),
])
def test_bad_words_are_usage_errors(managed, words, said):
    managed.run("up", *words).refused(said, status=2)
    assert not managed.folder.exists()


@pytest.mark.parametrize("words, said", [
    (["--csv", "/nowhere"], "no folder"), (["--csv", "/proc/self"], "no .csv file"),
    (["--path-prefix", "api/v1"], "'/' before it"), (["--path-prefix", "/a b"], "'/' before it"),
    (["--loaderio", "6f96e0b06a13"], "loaderio-"), (["--loaderio", "loaderio-6f96;return"], "small letters and digits"),
    (["--port-offset", "50001"], "0 to 50000"), (["--port-offset", "-1"], "0 to 50000"),
])
def test_wishes_that_cannot_be_met_are_told_before_anything_happens(managed, words, said):
    managed.run("up", *words).refused(said)
    assert not managed.folder.exists()


@pytest.mark.parametrize("taken", ["http", "tls", "r2-operations", "postgres"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_busy_port_is_found_before_anything_is_started(managed, taken, address):
    with socket.create_server((address, managed.ports[taken])):
        managed.up("--products", 3).refused(f"port {managed.ports[taken]} is in use", "--port-offset")
    assert not managed.processes()


@pytest.mark.slow
def test_a_step_that_fails_leaves_nothing_running(managed, folder):
    broken = folder / "csv"
    broken.mkdir()
    (broken / "product.csv").write_text("nonsense\n")
    managed.up("--csv", broken).refused("catalogue")
    assert not managed.processes()


@pytest.mark.slow
@pytest.mark.parametrize("printed", ["certificates", "schema", "replicas"])
def test_an_interrupted_up_leaves_nothing_running(managed, printed):
    up = managed.script("up", "--port-offset", managed.offset, "--products", 5)
    text = ""
    while printed not in text:
        more = up.stdout.read(1)
        assert more, f"it ended before: {text}{up.stderr.read()}"
        text += more
    up.send_signal(signal.SIGINT)
    _, said = up.communicate(timeout=60)
    assert (up.returncode, "interrupted" in said) == (130, True), said
    assert not managed.processes()


@pytest.mark.parametrize("script", ["up", "down", "psql", "status", "restart", "reload", "rotate-tickets", "backup", "restore", "test"])
def test_help_is_for_people(script):
    done = subprocess.run([ROOT / "infra" / script, "--help"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and not done.stderr and f"infra/{script} " in done.stdout
    assert "shellcheck" not in done.stdout.replace("(shellcheck)", "")


def test_a_folder_that_is_no_stack_is_left_alone(folder):
    (folder / "letter").write_text("dear")
    stack = Managed(folder)
    stack.up().refused("neither empty nor a stack's folder")
    stack.run("down", "--wipe").refused("not a stack's folder")
    assert [path.name for path in folder.iterdir()] == ["letter"]


def test_without_a_stack_there_is_nothing_to_stop_and_nobody_to_ask(managed):
    assert "nothing to stop" in managed.run("down").ok().out
    for script in ("psql", "status", "restart", "reload", "rotate-tickets"):
        managed.run(script).refused("infra/up")
