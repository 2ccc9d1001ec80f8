"""infra/bench: what it refuses, what it computes, and one short run of all of it."""
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import settings
import summary
import table
from atelier.ports import free_port
from atelier.process import run
from cpu import cpu_ns
from generators import GeneratorFailed, Load, _read_h2load, figures, load
from servers import build_bare

BENCH = settings.ROOT / "infra" / "bench"
H2LOAD = """requests: 100 total, 132 started, {done} done, {done} succeeded, 0 failed, 0 errored, 0 timeout
status codes: {good} 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.30MB (3459214) total, 42.63KB (43650) headers (space savings 90.67%), 3.24MB (3398000) data
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return build_bare(tmp_path_factory.mktemp("bare"))


# ── words ──

@pytest.mark.parametrize("words, said", [
    (["--rounds", "0"], "'0' came; a whole number from 1 to 100"),
    (["--rounds", "x"], "'x' came; a whole number from 1 to 100"),
    (["--seconds", "61"], "'61' came; a whole number from 1 to 60"),
    (["--seconds", "-1"], "--seconds"),
    (["--seconds"], "--seconds"),
    (["--products", "9"], "'9' came; a whole number from 10 to 100000"),
    (["--document", "full"], "'full' came; product, styles, related"),
    (["--protocols", "h2,h3"], "'h2,h3' came; some of http1,h2c,h2"),
    (["--protocols", "h2,h2"], "each once"),
    (["--cores", "0"], "'0' came; two different ones of"),
    (["--cores", "0,0"], "'0,0' came; two different ones of"),
    (["--before", "/nowhere/atelierd"], "there is no program '/nowhere/atelierd'"),
    (["--output", "/nowhere/x.json"], "there is no folder /nowhere"),
    (["--fast"], "--fast"),
    (["h2c"], "h2c"),
    (["--table"], "--table needs a value"),
    (["--rounds", "3", "--table", "x"], "goes with nothing else"),
])
def test_words_that_are_refused_in_one_line(words, said):
    done = run([BENCH, *words])
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and done.stderr.startswith("infra/bench: ") and done.stderr.count("\n") == 1


def test_help_names_every_option():
    text = run([BENCH, "--help"]).stdout
    for option in ("rounds", "seconds", "products", "document", "protocols", "seed", "cores", "before", "output", "table"):
        assert f"--{option} " in text


def test_protocols_keep_their_order():
    assert settings.parse(["--protocols", "h2,http1"]).protocols == ["http1", "h2"]


# ── figures ──

def a_run(round, server, cpu_us, rate=1000.0):
    return {"round": round, "protocol": "h2c", "server": server, "requests": 1, "seconds": 1.0, "cpu_us": cpu_us,
            "requests_per_second": rate, "bytes_per_response": 10.0, "busy": 1.0}


def test_ratios_are_taken_within_each_round():
    """The machine was twice as slow in round 2; medians of the figures alone would tell nothing."""
    runs = [a_run(1, "atelierd", 3.0), a_run(1, "bare libh2o", 2.0), a_run(2, "atelierd", 6.6), a_run(2, "bare libh2o", 4.0),
            a_run(3, "atelierd", 2.8), a_run(3, "bare libh2o", 2.0)]
    ratios = summary.summarize(runs)["h2c"]["ratios"]
    assert ratios["cpu_to_bare"] == {"median": 1.5, "rounds": [1.5, 1.65, 1.4]}
    assert "cpu_to_before" not in ratios


def test_one_run_in_figures():
    made = figures(Load(requests=4000, failed=0, seconds=2.0, bytes=10_000_000), 30_000_000)
    assert (made["cpu_us"], made["requests_per_second"], made["bytes_per_response"]) == (7.5, 2000.0, 2500.0)
    assert made["busy"] == 0.015


def test_cpu_counts_children_and_all_threads():
    burn = ("import os,sys,threading,time\n"
            "def burn():\n    end=time.thread_time()+.1\n    while time.thread_time()<end: pass\n"
            "t=threading.Thread(target=lambda:(burn(),print('x',flush=True),time.sleep(60)))\n"
            "if os.fork()==0: burn(); print('x',flush=True); time.sleep(60)\n"
            "t.start()\nburn(); print('x',flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE, start_new_session=True) as child:
        for _ in range(3):
            assert child.stdout.read(2) == b"x\n"
        spent = cpu_ns(child.pid)
        subprocess.run(["kill", "-KILL", "--", f"-{child.pid}"], check=True)
    assert 0.3e9 <= spent < 10e9


# ── the table ──

@pytest.fixture
def measured():
    runs = [a_run(1, "atelierd", 3.0, 123456.0), a_run(1, "bare libh2o", 2.0), a_run(1, "NGINX", 12.0)]
    return {"date": "2026-01-02T03:04:05+00:00", "commit": "abc", "versions": {"nginx": "1.22.1"},
            "machine": {"cpu": "CPU", "cores": 2, "kernel": "6.1"},
            "setup": {"products": 10000, "document": "styles", "document_bytes": 2264, "rounds": 1, "seconds": 2},
            "summary": summary.summarize(runs), "runs": runs}


def test_the_table_as_markdown(measured, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(measured))
    done = run([BENCH, "--table", "x.json"], cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == len(table.HEADING) + 1
    assert "| h2c | atelierd | 3.00 | 123,456 | 100% | 10 | 1.50 (1.50–1.50) | 4.00 (4.00–4.00) |" in lines
    assert "10,000 products" in done.stdout and "commit abc" in done.stdout


def test_the_table_for_a_terminal(measured):
    lines = table.text(measured).splitlines()
    assert lines[1].split()[:4] == ["h2c", "atelierd", "3.00", "123,456"]


@pytest.mark.parametrize("content, said", [(None, "cannot read"), ("{", "not a file that infra/bench wrote"),
                                           ("{}", "not a file that infra/bench wrote"), ("[1]", "not a file")])
def test_a_table_of_something_else(tmp_path, content, said):
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = run([BENCH, "--table", tmp_path / "x.json"])
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


# ── load ──

def test_what_h2load_prints():
    assert _read_h2load(H2LOAD.format(done=100, good=100), 2) == Load(requests=100, failed=0, seconds=2, bytes=3459214)
    assert _read_h2load(H2LOAD.format(done=100, good=97), 2).failed == 3
    assert _read_h2load(H2LOAD.format(done=90, good=90), 2).failed == 10
    with pytest.raises(GeneratorFailed):
        _read_h2load("h2load: hello", 2)


@pytest.mark.parametrize("protocol", settings.PROTOCOLS)
def test_a_server_that_is_not_there_is_no_success(protocol, tmp_path):
    (tmp_path / "list").write_text("/products/1\n")
    try:
        done = load(protocol, free_port(), [tmp_path / "list"], 1)
    except GeneratorFailed:
        return
    assert done.requests == 0


# ── bare libh2o ──

@pytest.mark.parametrize("documents, said", [
    (None, "cannot read"), (b"", "is not 'ID LENGTH ETAG'"), (b"1 5 short\nabcde", "is not"),
    (b"1 5 " + b'"' + b"e" * 32 + b'"' + b"\nabc", "is not"), (b"1 2 " + b"e" * 34 + b"\nab1 2 " + b"e" * 34 + b"\nab", "is not"),
    (b"-1 2 " + b"e" * 34 + b"\nab", "is not"),
])
def test_documents_that_are_none(bare, tmp_path, documents, said):
    if documents is not None:
        (tmp_path / "documents").write_bytes(documents)
    done = run([bare, "--documents", tmp_path / "documents", "--head", "/dev/null"], limit=10)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


def test_a_head_without_an_etag(bare, tmp_path):
    (tmp_path / "documents").write_bytes(b"1 2 " + b"e" * 34 + b"\nab")
    (tmp_path / "head").write_text("content-type: text/plain\n")
    done = run([bare, "--documents", tmp_path / "documents", "--head", tmp_path / "head"], limit=10)
    assert done.returncode == 1 and "with etag, x-request-id and traceparent among them" in done.stderr


# ── all of it ──

@pytest.mark.slow
def test_a_short_run(tmp_path):
    output = tmp_path / "x.json"
    words = ["--rounds", 1, "--seconds", 1, "--products", 50, "--document", random.choice(list(settings.DOCUMENTS)),
             "--output", output]
    left = set(Path("/tmp").glob("atelier-bench-*"))
    done = run([sys.executable, "-B", settings.HERE / "run.py", *words], limit=180)
    assert done.returncode == 0, done.stderr
    measured = json.loads(output.read_text())
    assert len(measured["runs"]) == 9 and set(measured["summary"]) == set(settings.PROTOCOLS)
    assert all(run["cpu_us"] > 0 and run["requests"] > 0 for run in measured["runs"])
    assert all({"cpu_to_bare", "nginx_cpu_to_atelierd"} <= set(row["ratios"]) for row in measured["summary"].values())
    assert table.text(measured) in done.stdout
    assert set(Path("/tmp").glob("atelier-bench-*")) <= left


@pytest.mark.slow
def test_without_a_program_to_measure(tmp_path):
    """Half of it fails: the reason in one line, and nothing is left."""
    before = tmp_path / "atelierd"
    shutil.copy("/bin/false", before)
    left = set(Path("/tmp").glob("atelier-bench-*"))
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--products", 10, "--before", before], limit=120)
    assert done.returncode == 1 and "atelierd before ended with 1" in done.stderr and done.stderr.count("\n") == 1
    assert set(Path("/tmp").glob("atelier-bench-*")) <= left
