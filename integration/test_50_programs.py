"""The programs from outside: options, help, exit codes, and the catalogue tool against running replicas."""
import json
import re
import signal
import socket

import pytest

from atelier import catalogue
from atelier.build import ROOT, program
from atelier.ports import free_port
from atelier.process import run
from atelier.replica import Replica
from atelier.watching import Watch

PROGRAMS = ("atelierd", "atelier-catalogue")
SHOWN = 5  # seconds until replicas show a catalogue that was swapped as a whole


def call(name, *words, **how):
    """Runs it to its end; it must not start to serve, and has ten seconds."""
    return run([program(name), *words], limit=10, **how)


def check_one_line(done, code, *words):
    """It failed with this code and one line that has all these words in it; and it printed nothing else."""
    assert done.returncode == code, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]


# ── options ──

@pytest.mark.parametrize("name", PROGRAMS)
def test_help_and_reference_come_from_one_table(built, name):
    shown, reference = call(name, "--help"), call(name, "--help-markdown")
    assert shown.returncode == reference.returncode == 0
    assert shown.stderr == reference.stderr == ""
    options = set(re.findall(r"^  --([a-z-]+)", shown.stdout, re.M)) - {"help"}
    assert options and options == set(re.findall(r"^\| `--([a-z-]+)`", reference.stdout, re.M))
    for option in options:
        assert f"_{option.upper().replace('-', '_')}`" in reference.stdout


def test_the_readme_s_options_are_the_program_s(built):
    readme = (ROOT / "README.md").read_text()
    assert call("atelierd", "--help-markdown").stdout in readme


def test_help_names_the_options_that_infra_uses(built):
    shown = call("atelierd", "--help").stdout
    for option in ("name", "listen", "listen-tls", "proxy-protocol", "listen-operations", "tls-certificate", "tls-key",
                   "postgres", "workers", "drain-timeout-ms", "access-log-sample"):
        assert re.search(rf"^  --{option}\b", shown, re.M), option


@pytest.mark.parametrize("words, said", [
    (["--no-such-option"], "--no-such-option"), (["--workers", "many"], "many"), (["--workers", "-1"], "-1"),
    (["--workers=100000"], "100000"), (["--workers", ""], "workers"),
    (["--proxy-protocol=maybe"], "maybe"), (["left-over"], "left-over"), (["--listen", "nowhere"], "nowhere"),
    (["--operations-peers", "127.0.0.1:9102,http://r3:9103/x"], "http://r3:9103/x"),
    (["--listen", "127.0.0.1:99999"], "99999"), (["--listen", "", "--listen-operations", "127.0.0.1"], "127.0.0.1")])
def test_a_bad_option_is_a_usage_error_in_one_line(built, words, said):
    check_one_line(call("atelierd", *words, "--postgres", "dbname=nowhere"), 2, said)


def test_an_option_without_its_value_is_a_usage_error(built):
    check_one_line(call("atelierd", "--workers"), 2, "--workers", "needs a value")


def test_without_postgres_there_is_nothing_to_do(built):
    check_one_line(call("atelierd"), 2, "--postgres")


def test_a_bad_value_from_the_environment_is_a_usage_error_that_names_the_variable(built):
    check_one_line(call("atelierd", environment={"ATELIERD_WORKERS": "many"}), 2, "ATELIERD_WORKERS", "many")


@pytest.mark.parametrize("words", [[], ["frobnicate"], ["import"], ["import", "a", "b"], ["generate"],
                                   ["generate", "--products", "-1", "--load"], ["generate", "--products", "5"]])
def test_a_bad_command_of_the_catalogue_tool_is_a_usage_error(built, words):
    done = call("atelier-catalogue", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


# ── starting ──

@pytest.fixture
def replica(stack, own):
    """A fourth replica beside the three, not started yet."""
    with Replica("r4", own, stack.postgres, stack.certificates) as replica:
        yield replica


def failed_start(replica):
    """Its exit code and its last log line."""
    replica.may_fail_with = (1, 2)
    replica.start()
    code = replica.wait(10)
    return code, replica.log_text().strip().splitlines()[-1]


@pytest.mark.parametrize("which", ["clear", "tls", "operations"])
def test_a_busy_port_is_said_in_one_line(replica, which):
    port = getattr(replica, which)
    with socket.create_server(("127.0.0.1", port)):
        code, line = failed_start(replica)
    assert code == 1 and str(port) in line and "use" in line


@pytest.mark.parametrize("option, value", [("--tls-certificate", "/no/such/file"), ("--tls-key", "/no/such/file")])
def test_a_missing_file_is_said_in_one_line(replica, option, value):
    replica.argv[replica.argv.index(option) + 1] = value
    code, line = failed_start(replica)
    assert code in (1, 2) and value in line


def test_the_environment_configures_as_the_command_line_does(stack, own):
    clear, operations = free_port(), free_port()
    environment = {"ATELIERD_NAME": "by-environment", "ATELIERD_LISTEN": f"127.0.0.1:{clear}", "ATELIERD_WORKERS": "2",
                   "ATELIERD_LISTEN_OPERATIONS": f"127.0.0.1:{operations}",
                   "ATELIERD_POSTGRES": stack.postgres.conninfo("atelier_reader")}
    with Replica("by-environment", own, stack.postgres, stack.certificates) as replica:
        replica.argv, replica.environment = [str(program("atelierd"))], environment
        replica.clear, replica.operations = clear, operations
        replica.start_ready()
        assert replica.get("/products/11").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_replica_ends_well_whichever_way_it_is_asked(replica, number):
    replica.start_ready()
    assert replica.stop(number) == 0


def test_every_log_line_is_a_json_object_with_its_replica(replica):
    replica.start_ready()
    replica.stop()
    lines = [json.loads(line) for line in replica.log_text().splitlines()]
    assert lines
    for line in lines:
        assert line["replica"] == "r4" and line["event"] and line["level"] and line["time"].endswith("Z")


def test_a_logged_request_has_its_id_and_what_became_of_it(replica):
    replica.argv[replica.argv.index("--access-log-sample") + 1] = "1"
    replica.start_ready()
    replica.get("/products/11?utm_source=mail", {"X-Request-Id": "to-be-found-again"})
    replica.stop()
    line, = [json.loads(line) for line in replica.log_text().splitlines() if "to-be-found-again" in line]
    assert line["status"] == 200 and "/products/11" in json.dumps(line)


# ── the operations port ──

def test_the_operations_port_answers_operators(stack):
    replica = stack.replicas[0]
    assert replica.operation("/healthz").status == replica.operation("/readyz").status == 200
    assert isinstance(replica.operation("/status").json(), dict)
    assert replica.operation("/metrics")["content-type"].startswith("text/plain; version=0.0.4")
    assert replica.operation("/products/11").status == replica.operation("/nothing").status == 404


def test_metrics_are_prometheus_s_text(stack):
    text = stack.replicas[0].operation("/metrics").body.decode()
    names = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", text, re.M))
    assert names == set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    samples = set(re.findall(r"^([a-z_]+)", text, re.M))
    assert all(name.startswith(("atelier_", "process_")) for name in samples)
    metrics = stack.replicas[0].metrics()
    assert metrics.total("atelier_build_info") == 1
    assert metrics.total("atelier_cache_entries") > 0


def test_metrics_are_named_by_prometheus_s_conventions(stack):
    text = stack.replicas[0].operation("/metrics").body.decode()
    done = run(["promtool", "check", "metrics"], input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run(["promtool", "check", "metrics"], input="# TYPE requests counter\nrequests 1\n").returncode != 0


# ── the catalogue tool ──

CSV = {
    "product.csv": "id,name,slogan,description,category,default_price\n"
                   '1,Camo,"Blend, in",The ""So"" Fatigues,Jackets,140\n2,Bright,s,d,Jackets,69.5\n',
    "features.csv": 'id,product_id,feature,value\n1,1,"Fabric","Canvas"\n2,1,"Buttons",null\n',
    "styles.csv": "id,productId,name,sale_price,original_price,default_style\n"
                  "1,1,Green,null,140,1\n2,1,Desert,100,140,0\n",
    "photos.csv": 'id,styleId,url,thumbnail_url\n1,1,"https://img.example/1","https://img.example/1s"\n',
    "skus.csv": 'id,styleId,size,quantity\n1,1,"XS",8\n2,1,"S",16\n',
    "related.csv": "id,current_product_id,related_product_id\n1,1,2\n2,1,1\n3,1,0\n",
}


@pytest.fixture
def csv(own):
    for name, text in CSV.items():
        (own / name).write_text(text)
    return own


@pytest.fixture
def swapped(stack, owner):
    """For tests that replace the catalogue of the common stack: afterwards it is as it was."""
    yield
    catalogue.fill(owner)
    with Watch(stack.replicas) as watch:
        watch.seconds_until_shown({"/products?count=1000": catalogue.body(catalogue.cards(owner))}, SHOWN)


def check_swapped(stack, rows):
    """Every replica shows the catalogue that is in Postgres now, and nothing else."""
    with Watch(stack.replicas) as watch:
        watch.seconds_until_shown(catalogue.all_documents(rows) | {
            "/products?count=1000": catalogue.body(catalogue.cards(rows)[:1000]), "/products/11/related": None}, SHOWN)


def test_an_imported_catalogue_is_shown_by_every_replica(stack, rows, csv, swapped):
    done = call("atelier-catalogue", "import", csv, "--rejects", csv / "rejected.csv",
                "--postgres", stack.postgres.conninfo("atelier_owner"))
    assert done.returncode == 0, done
    assert [(card["id"], card["name"], card["default_price"]) for card in catalogue.cards(rows)] \
        == [(1, "Camo", "140.00"), (2, "Bright", "69.50")]
    assert catalogue.related(rows, 1) == [2]
    check_swapped(stack, rows)


def test_a_generated_catalogue_is_shown_by_every_replica_and_is_the_same_for_one_seed(stack, rows, swapped):
    seen = []
    for seed in (7, 8, 7):
        done = call("atelier-catalogue", "generate", "--products", 10, "--seed", seed, "--load",
                    "--postgres", stack.postgres.conninfo("atelier_owner"))
        assert done.returncode == 0, done
        assert len(catalogue.cards(rows)) == 10
        check_swapped(stack, rows)
        seen.append(catalogue.all_documents(rows))
    assert seen[0] == seen[2] != seen[1]


@pytest.mark.parametrize("damage", ["missing file", "missing folder", "no such database", "a reader's rights"])
def test_an_import_that_fails_says_so_and_leaves_the_catalogue_as_it_was(stack, rows, csv, damage):
    before = catalogue.all_documents(rows)
    conninfo = stack.postgres.conninfo("atelier_reader" if damage == "a reader's rights" else "atelier_owner",
                                       "nowhere" if damage == "no such database" else "atelier")
    if damage == "missing file":
        (csv / "skus.csv").unlink()
    folder = csv / "nothing" if damage == "missing folder" else csv
    done = call("atelier-catalogue", "import", folder, "--rejects", csv / "rejected.csv", "--postgres", conninfo)
    assert done.returncode == 1 and done.stderr, done
    assert catalogue.all_documents(rows) == before
