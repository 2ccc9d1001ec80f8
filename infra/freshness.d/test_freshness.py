"""infra/freshness: what it refuses, what it computes, and one short run of all of it."""
import json
import random
import sys
import xml.etree.ElementTree
from math import ceil
from pathlib import Path

import audit
import bound
import picture
import pytest
import settings
import summary
import table
import writers
from atelier.ports import free_port
from atelier.process import run
from client import Programs, Sample, Write, read_outcome, subscriber_latencies
from histogram import Histogram, bucket
from names import DUTY, LOG, WITHOUT

FRESHNESS = settings.ROOT / "infra" / "freshness"


# ── words ──

@pytest.mark.parametrize("words, said", [
    (["--rounds", "0"], "'0' came; a whole number from 1 to 100"),
    (["--seconds", "61"], "'61' came; a whole number from 1 to 60"),
    (["--seconds"], "--seconds"),
    (["--rate", "x"], "'x' came; a whole number from 1 to 20000"),
    (["--products", "3999"], "'3999' came; a whole number from 4000 to 1000000"),
    (["--parts", "bound,tail"], "'bound,tail' came; some of bound,writers"),
    (["--parts", "bound,bound"], "each once"),
    (["--cores", "2"], "'2' came; apart or shared"),
    (["--soak", "/nowhere/x.json"], "there is no file /nowhere/x.json"),
    (["--add", "/nowhere/x.json"], "there is no file /nowhere/x.json"),
    (["--output", "/nowhere/x.json"], "there is no folder /nowhere"),
    (["--parts", ""], "nothing is left to do"),
    (["--fast"], "--fast"),
    (["quick"], "quick"),
    (["--table"], "--table needs a value"),
    (["--picture"], "--picture needs a value"),
    (["--rounds", "3", "--table", "x"], "goes with nothing else"),
])
def test_words_that_are_refused_in_one_line(words, said):
    done = run([FRESHNESS, *words])
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and done.stderr.startswith("infra/freshness: ") and done.stderr.count("\n") == 1


def test_help_names_every_option():
    text = run([FRESHNESS, "--help"]).stdout
    for option in ("parts", "rounds", "seconds", "writer-rounds", "writer-seconds", "cores", "quick", "rate", "reads", "products",
                   "seed", "soak", "add", "output", "yes", "table", "picture"):
        assert f"  --{option} " in text


def test_quick_shortens_what_was_not_given():
    assert settings.parse(["--quick", "--seconds", "7"]).seconds == 7
    assert settings.parse(["--quick"]).rounds == 1 < settings.parse([]).rounds


# ── histograms ──

def test_a_bucket_is_narrow_and_holds_its_value():
    for us in [0, 1, 31, 32, 63, 64, 65, 999, 1000, 123456, 10**9]:
        first, last = bucket(us)
        assert first <= us <= last and last - first <= us / 31
        assert bucket(first) == bucket(last) == (first, last)


def test_quantiles_are_those_of_the_nearest_rank_to_within_a_bucket():
    chance = random.Random(1)
    values = [int(chance.lognormvariate(7, 1)) for _ in range(5000)]
    histogram, sorted_values = Histogram(values), sorted(values)
    for share in (0.001, 0.5, 0.9, 0.99, 0.999, 1):
        exact = sorted_values[ceil(share * 5000) - 1]
        assert exact <= histogram.quantile(share) <= exact * 1.033
    assert histogram.figures()["max"] * 1000 == max(values)


def test_few_samples_have_the_largest_as_their_tail():
    figures = Histogram([10, 20, 30]).figures()
    assert figures["p50"] == 0.02 and figures["p99"] == figures["p99_99"] == figures["max"] == 0.03


def test_histograms_add_up_and_survive_the_json():
    one = Histogram([5, 100, 7000]).add(Histogram([100, 90000]))
    again = Histogram.from_json(json.loads(json.dumps(one.to_json())))
    assert again.figures() == one.figures() and again.samples == 5 and again.max == 90000


def test_nothing_measured_has_no_quantile():
    with pytest.raises(ValueError):
        Histogram().figures()


# ── what the programs print ──

PRINTED = """write 100 1 20 900 5000
write 101 7 0 800 5100
sample 101 0 1200 250 5
sample 101 2 -1 250 400
violation 101 2 300000
reads 0 499
count violations 1
"""


def test_what_the_client_prints():
    outcome = read_outcome(PRINTED)
    assert outcome.writes == {100: Write(1, 20, 900, 5000), 101: Write(7, 0, 800, 5100)}
    assert outcome.samples == [Sample(101, 0, 1200, 250, 5), Sample(101, 2, None, 250, 400)]
    assert outcome.violations == [(101, 2, 300000)] and outcome.reads == {0: 499} and outcome.counts == {"violations": 1}
    with pytest.raises(RuntimeError, match="unexpected"):
        read_outcome("hello world 1\n")


def test_a_subscriber_has_seen_a_write_when_it_saw_a_later_one():
    acked = {stamp: Write(1, 0, 0, us) for stamp, us in ((10, 1000), (26, 2000), (42, 3000))}
    assert subscriber_latencies(acked, [(42, 3100), (10, 900)]) == [0, 1100, 100]
    with pytest.raises(RuntimeError, match="never saw stamp 42"):
        subscriber_latencies(acked, [(26, 2100)])


def test_replicas_are_kept_apart_and_put_together():
    series = bound.replica_latencies(read_outcome(PRINTED))
    assert series == {"r1": [1200], "r2": [], "r3": [], "all replicas": [1200]}


PGBENCH = """number of failed transactions: {failed} (0.000%)
latency average = 3.210 ms
tps = 2490.123 (without initial connection time)
"""


def test_what_pgbench_prints():
    assert writers.read_pgbench(PGBENCH.format(failed=0)) == {"per_second": 2490.123, "latency_ms": 3.21}
    for output in (PGBENCH.format(failed=3), "pgbench: error", ""):
        with pytest.raises(RuntimeError, match="unexpected"):
            writers.read_pgbench(output)


# ── summaries ──

def a_round(number, kind, violations=0, **series):
    load = dict.fromkeys(("writes", "never_seen", "skipped", "refused", "admitted", "reconnects"), 0)
    return {"round": number, "kind": kind, "stolen": 0.01 * number,
            "series": {name.replace("_", " "): Histogram(values).figures() for name, values in series.items()},
            "load": load | {"writes": 100, "violations": violations, "writes_per_second": 1000.0 - number}}


@pytest.fixture
def rounds():
    """The machine was three times as slow in round 2."""
    return [a_round(1, "ours", r1=[20], all_replicas=[20]), a_round(1, "beside", 2, baseline_beside=[10]),
            a_round(1, "alone", baseline_alone=[5]),
            a_round(2, "ours", r1=[60], all_replicas=[60]), a_round(2, "beside", baseline_beside=[30]),
            a_round(2, "alone", baseline_alone=[15])]


@pytest.fixture
def histograms():
    return {"r1": Histogram([20, 60]), "all replicas": Histogram([20, 60]),
            "baseline beside": Histogram([10, 30]), "baseline alone": Histogram([5, 15])}


def test_ratios_are_taken_within_each_round(rounds, histograms):
    ratios = summary.bound_summary(rounds, histograms)["r1"]["ratios"]
    assert ratios["baseline beside"]["p50"] == {"median": 2.0, "rounds": [2.0, 2.0]}
    assert ratios["baseline alone"]["p99"] == {"median": 4.0, "rounds": [4.0, 4.0]}


def test_a_subscriber_that_saw_it_before_the_writer_heard_is_no_division_by_nought(rounds, histograms):
    rounds[2]["series"]["baseline alone"]["p50"] = 0
    assert summary.bound_summary(rounds, histograms)["r1"]["ratios"]["baseline alone"]["p50"]["rounds"][0] == 20


def test_what_must_be_nought_is_counted_where_there_are_replicas(rounds):
    rounds[2]["load"]["violations"] = 9  # alone: there was nobody to ask
    counted = summary.counted(rounds)
    assert counted["violations"] == 2 and counted["writes"] == 400
    assert summary.slowest_rate(rounds) == 998 and summary.most_stolen(rounds) == 0.02


def a_run(number, with_duty, variant, rate, rows=1, count=8):
    return {"round": number, "with_duty": with_duty, "variant": variant, "rows": rows, "writers": count, "per_second": rate,
            "latency_ms": 1.0}


@pytest.fixture
def runs():
    return [a_run(1, True, WITHOUT, 1000.0), a_run(1, True, DUTY, 900.0), a_run(1, False, WITHOUT, 500.0),
            a_run(1, False, LOG, 400.0), a_run(2, True, LOG, 1000.0), a_run(2, True, WITHOUT, 2000.0), a_run(2, True, DUTY, 1900.0)]


def test_writers_are_compared_with_those_of_the_same_round_and_replicas(runs):
    cell, = summary.writers_summary(runs)
    assert (cell["rows"], cell["writers"], cell["without"]) == (1, 8, 1000.0)
    assert cell["ratios"][DUTY] == {"median": 0.925, "rounds": [0.9, 0.95]}
    assert cell["ratios"][LOG]["rounds"] == [0.8, 0.5] and "polling only" not in cell["ratios"]
    assert cell["ratios"]["duty ÷ log alone"]["rounds"] == [1.9]  # round 1 had both, but not with the same replicas


# ── the tables and the picture ──

AUDIT = {"date": "2026-01-03T03:04:05+00:00", "commit": "def", "seed": 7, "seconds": 7200.0, "writes": 1_200_000,
         "reads": 3_000_000, "violations": 0, "not_exact": 0, "audit_inconsistent": 0, "oldest_fresh_ms": 212.3,
         "bound_ms": 250.0, "stories": [], "faults": {
             "feed socket cut": {"runs": 12, "skipped": 0, "worst_exact_s": 0.251, "never_exact": 0},
             "postmaster killed": {"runs": 2, "skipped": 0, "worst_exact_s": 0.5, "never_exact": 1},
             "on duty killed": {"runs": 0, "skipped": 3, "worst_exact_s": None, "never_exact": 0}}}


@pytest.fixture
def measured(rounds, histograms, runs, tmp_path):
    about = {"date": "2026-01-02T03:04:05+00:00", "commit": "abc", "postgres": {"server_version": "15.20 (Debian)"},
             "machine": {"cpu": "CPU", "cores": 2, "kernel": "6.1", "fdatasync_us": 300}}
    (tmp_path / "soak.json").write_text(json.dumps(AUDIT))
    return {"bound": about | {
                "setup": {"rate": 1000, "reads": 500, "products": 10000, "rounds": 2, "seconds": 9, "pitch_ms": 0.25,
                          "bound_ms": 250},
                "summary": summary.bound_summary(rounds, histograms), "counted": summary.counted(rounds),
                "slowest_rate": 998.0, "most_stolen": 0.25,
                "histograms": {name: histogram.to_json() for name, histogram in histograms.items()}, "rounds": rounds},
            "writers": about | {"setup": {"rounds": 2, "seconds": 2, "products": 10000, "cores": "apart"},
                                "summary": summary.writers_summary(runs), "runs": runs},
            "audit": audit.read_audit(tmp_path / "soak.json")}


def test_the_tables_as_markdown(measured, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(measured))
    done = run([FRESHNESS, "--table", "x.json"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "| r1 | 0.02 | 0.06 | 0.06 | 0.06 | 0.06 | 0.06 | 2 | 2.00 (2.00–2.00) | 2.00 (2.00–2.00) | 4.00 (4.00–4.00) | "\
           "4.00 (4.00–4.00) |" in lines
    assert any(line.startswith("| baseline alone | 0.01 |") and line.endswith("| 2 |  |  |  |  |") for line in lines)
    assert "| 1 | 8 | 1,000 | 0.65 (0.50–0.80) | 0.93 (0.90–0.95) | 1.90 (1.90–1.90) |" in lines
    assert "| feed socket cut | 12 | 0.25 | 0 |" in lines and "| on duty killed | 0 |  | 0 |" in lines
    assert "| postmaster killed | 2 | 0.50, 1 × never | 0 |" in lines and "2.0 hours" in done.stdout
    assert "**0 violations in 1,200,000 writes, 95 % bound 3/n = 2.5e-06**" in done.stdout
    assert "2 answers older than 250 ms" in done.stdout and "commit abc" in done.stdout
    for above, row in zip(lines, lines[1:]):
        assert not (above.startswith("|") and row.startswith("|")) or above.count("|") == row.count("|")


def test_a_part_that_was_not_measured_has_no_table(measured):
    del measured["bound"], measured["audit"]
    assert table.markdown(measured).startswith("| rows | writers |")


def test_violations_of_the_whole_run_are_nobody_s(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(AUDIT | {"violations": 2}))
    said = audit.read_audit(tmp_path / "x.json")
    assert said["faults"]["feed socket cut"]["violations"] is None
    assert table.verdict(said) == "2 violations in 1,200,000 writes"


def test_a_violation_has_no_bound():
    assert audit.bound95(1, 1000) is None and audit.bound95(0, 0) is None and audit.bound95(0, 1000) == 0.003


def test_the_picture(measured, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(measured))
    done = run([FRESHNESS, "--picture", tmp_path / "x.json"])
    drawn = xml.etree.ElementTree.fromstring(done.stdout)
    lines = [element for element in drawn if element.tag.endswith("polyline")]
    assert len(lines) == 3  # r1 and the two subscribers
    for element in lines:
        for point in element.get("points").split():
            x, y = map(float, point.split(","))
            assert picture.LEFT <= x <= picture.WIDTH and picture.TOP <= y <= picture.HEIGHT - picture.BOTTOM


def test_the_picture_s_shares_add_up():
    shares = picture.coarse(Histogram([50, 200, 200, 1500, 90000]))
    assert abs(sum(shares.values()) - 1) < 1e-9 and len(shares) == 4


@pytest.mark.parametrize("option", ["--table", "--picture"])
@pytest.mark.parametrize("content, said", [(None, "cannot read"), ("{", "not a file that infra/freshness wrote"),
                                           ("{}", "not a file that infra/freshness wrote"), ("[1]", "not a file")])
def test_a_table_of_something_else(tmp_path, option, content, said):
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = run([FRESHNESS, option, tmp_path / "x.json"])
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("content", ["{", "{}", "[1]", json.dumps(AUDIT | {"faults": 3})])
def test_a_soak_that_is_none(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RuntimeError, match="not a file that infra/soak wrote"):
        audit.read_audit(tmp_path / "x.json")


def test_parts_of_an_earlier_run_are_added(measured, tmp_path):
    """Without measuring: a page is put together from what is there."""
    (tmp_path / "x.json").write_text(json.dumps({"bound": measured["bound"]}))
    (tmp_path / "soak.json").write_text(json.dumps(AUDIT))
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--parts", "", "--add", tmp_path / "x.json", "--soak",
                tmp_path / "soak.json", "--output", tmp_path / "y.json"])
    assert done.returncode == 1 and "2 violations: the bound does not hold" in done.stderr
    assert set(json.loads((tmp_path / "y.json").read_text())) == {"bound", "audit"}
    assert (tmp_path / "y.svg").read_text().startswith("<svg")


# ── the programs ──

@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return Programs(tmp_path_factory.mktemp("programs"))


@pytest.mark.parametrize("words, code, said", [
    (["--rate", "0"], 2, "rate"),
    (["--replicas", "80,x"], 2, "'80,x' came; at most 8 ports"),
    (["--replicas", "0"], 2, "'0' came; at most 8 ports"),
    (["word"], 2, "words came that are no options"),
])
def test_words_that_the_client_refuses(programs, words, code, said):
    done = run([programs.client, *words])
    assert done.returncode == code and said in done.stderr and done.stderr.count("\n") == 1


def test_a_postgres_that_is_not_there(programs):
    nobody = f"host=127.0.0.1 port={free_port()} user=nobody"
    done = run([programs.client, "--postgres", nobody])
    assert done.returncode == 1 and "cannot connect a writer" in done.stderr
    done = run([programs.baseline, nobody, "1"])
    assert done.returncode == 1 and done.stderr.startswith("baseline: ")


# ── all of it ──

LIMITS_MS = {"p50": 20, "p99": 100, "p99_99": 1000}  # ten times what is aimed at


@pytest.mark.slow
def test_a_short_run(tmp_path):
    """Limits on freshness are correctness, at ten times the aim. At a rate that a busy machine holds."""
    output = tmp_path / "x.json"
    words = ["--quick", "--products", 4000, "--rate", 100, "--reads", 100, "--output", output]
    left = set(Path("/tmp").glob("atelier-freshness-*"))
    done = run([sys.executable, "-B", settings.HERE / "run.py", *words], limit=240)
    assert done.returncode == 0, done.stderr
    measured = json.loads(output.read_text())
    figures = measured["bound"]["summary"]
    assert set(figures) == {"r1", "r2", "r3", "all replicas", "baseline beside", "baseline alone"}
    for name in ("r1", "r2", "r3"):
        assert figures[name]["samples"] >= 15
        for quantile, limit in LIMITS_MS.items():
            assert figures[name][quantile] <= limit, (name, quantile)
    counted = measured["bound"]["counted"]
    assert counted["violations"] == counted["never_seen"] == counted["skipped"] == 0 and counted["writes"] == 600
    assert measured["bound"]["postgres"]["fsync"] == measured["bound"]["postgres"]["synchronous_commit"] == "on"
    cell, = measured["writers"]["summary"]
    assert {LOG, "notification", "polling only"} <= set(cell["ratios"]) and cell["without"] > 0
    assert table.markdown(measured) in done.stdout and output.with_suffix(".svg").exists()
    assert set(Path("/tmp").glob("atelier-freshness-*")) <= left


@pytest.mark.slow
def test_without_a_server_to_measure(tmp_path):
    """Half of it fails: the reason in one line, and nothing is left."""
    app = tmp_path / "app"
    app.mkdir()
    for name in ("atelierd", "atelier-catalogue"):
        (app / name).symlink_to("/bin/false")
    left = set(Path("/tmp").glob("atelier-freshness-*"))
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--quick"], limit=120,
               environment={"ATELIER_BUILD": str(tmp_path)})
    assert done.returncode == 1 and "failed with 1" in done.stderr and done.stderr.count("\n") == 1
    assert set(Path("/tmp").glob("atelier-freshness-*")) <= left
