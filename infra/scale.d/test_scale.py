"""infra/scale: what it refuses, what it computes, and one short run of all of it."""
import json
import random
import sys
import xml.etree.ElementTree
from pathlib import Path

import aims
import bulk
import data
import ids
import lists
import memory
import picture
import pytest
import reader
import run as scale
import settings
import start
import table
from atelier.process import run
from budget import Budget, estimate
from bulk import Read
from servers import BARE, OURS
from world import run_measured

SCALE = settings.ROOT / "infra" / "scale"


# ── words ──

@pytest.mark.parametrize("words, said", [
    (["--sizes", "999"], "'999' came; a whole number from 1000 to 10000000"),
    (["--sizes", "1000,x"], "'x' came; a whole number from 1000 to 10000000"),
    (["--sizes", ""], "'' came; a whole number from 1000"),
    (["--sizes", "2000,2000"], "'2000,2000' came; each size is accepted once"),
    (["--sizes"], "--sizes"),
    (["--minutes", "0"], "'0' came; a whole number from 1 to 1440"),
    (["--parts", "data,tail"], "'data,tail' came; some of data,start,memory,lists,ids,refresh,bulk"),
    (["--parts", ""], "'' came; some of data,start"),
    (["--parts", "ids,ids"], "each once"),
    (["--seed", "-1"], "--seed"),
    (["--add", "/nowhere/x.json"], "there is no file /nowhere/x.json"),
    (["--output", "/nowhere/x.json"], "there is no folder /nowhere"),
    (["--fast"], "--fast"),
    (["quick"], "quick"),
    (["--table"], "--table needs a value"),
    (["--picture"], "--picture needs a value"),
    (["--quick", "--table", "x"], "goes with nothing else"),
])
def test_words_that_are_refused_in_one_line(words, said):
    done = run([SCALE, *words])
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and done.stderr.startswith("infra/scale: ") and done.stderr.count("\n") == 1


def test_help_names_every_option():
    text = run([SCALE, "--help"]).stdout
    for option in ("sizes", "minutes", "parts", "quick", "seed", "add", "output", "yes", "table", "picture"):
        assert f"  --{option} " in text


def test_sizes_ascend_and_quick_gives_its_own():
    assert settings.parse(["--sizes", "5000,1000"]).sizes == [1000, 5000]
    assert settings.parse(["--quick"]).sizes == settings.QUICK_SIZES
    assert settings.parse(["--quick", "--sizes", "9000"]).sizes == [9000]
    assert settings.parse(["--parts", "bulk,data"]).parts == ["data", "bulk"]


# ── the time that is left ──

def test_what_does_not_fit_is_not_begun():
    now = [0.0]
    budget = Budget(60, ["memory"], clock=lambda: now[0])
    assert budget.fits(10_000) and not budget.fits(1_000_000)
    now[0] = 58
    assert not budget.fits(10_000)


def test_what_took_longer_than_estimated_corrects_the_rest():
    budget = Budget(100, ["memory"], clock=lambda: 0.0)
    needed = budget.needed(100_000)
    budget.took(10_000, 3 * estimate(10_000, ["memory"]))
    assert budget.needed(100_000) == pytest.approx(3 * needed)
    budget.took(20_000, 0.1)  # a quick one does not make it hope again
    assert budget.needed(100_000) == pytest.approx(3 * needed)


def test_a_replica_is_reckoned_only_where_it_is_asked():
    assert estimate(1_000_000, ["data"]) + estimate(0, ["memory"]) < estimate(1_000_000, ["data", "memory"])


# ── data, memory ──

def test_rows_are_compared_with_the_inherited_catalogue_s_scaled():
    assert data.deviation(data.DATASET, data.WHOLE) == 0
    tenth = {table: rows / 10 for table, rows in data.DATASET.items()}
    assert data.deviation(tenth | {"skus": tenth["skus"] * 0.9}, data.WHOLE // 10) == pytest.approx(0.1, abs=1e-4)


def test_a_command_is_measured(tmp_path):
    words = [sys.executable, "-c", "import time; b = bytearray(200_000_000); time.sleep(.2)"]
    figures = run_measured("x", words, tmp_path / "log", 30)
    assert figures["seconds"] >= 0.2 and 200_000_000 <= figures["peak_bytes"] < 300_000_000


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="x failed with 3: no room"):
        run_measured("x", ["sh", "-c", "echo no room >&2; exit 3"], tmp_path / "log", 30)


def test_overhead_is_compared_with_what_is_allowed():
    summary = memory.summarize(1000, 1_000_000, 1_214_000)
    assert summary["overhead_a_product"] == 214 and summary["overhead_to_allowed"] == pytest.approx(1.0)


# ── start ──

def a_start(number, copy, ready, early_p50=1.5):
    return {"round": number, "copy_s": copy, "ready_s": ready, "loaded_s": ready - 0.1, "first_answer_s": 0.05,
            "early_refused": 0, "early_p50_ms": early_p50}


def test_a_start_is_compared_with_psql_in_the_same_round():
    """The machine was twice as slow in round 2."""
    summary = start.summarize([a_start(1, 10, 15), a_start(2, 20, 32), a_start(3, 10, 14, None)],
                              {"ready_s": 30, "connections": 12, "slices": 3, "active": 4})
    assert summary["ratio"] == {"median": 1.5, "rounds": [1.5, 1.6, 1.4]} and summary["copy_s"] == 10
    assert summary["three_slices"] == 3 and summary["early_p50_ms"] == 1.5


def test_without_room_for_three_there_is_no_figure():
    assert start.summarize([a_start(1, 10, 15)], None)["three_ready_s"] is None


def test_what_a_reader_got_before_the_replica_was_ready():
    one = start.EarlyReader(None, 10, 1, 0)
    one.answers = [(0.1, 503, 1.0), (0.2, 200, 5.0), (0.5, 200, 2.0), (0.6, 200, 3.0), (2.0, 200, 99.0)]
    assert start.early(one, 1.0) == {"first_answer_s": 0.2, "early_answers": 3, "early_refused": 1, "early_p50_ms": 3.0,
                                     "early_max_ms": 5.0}
    one.answers = [(2.0, 200, 99.0)]
    assert start.early(one, 1.0)["early_p50_ms"] is None


# ── lists, ids ──

def test_the_last_page_and_after_ask_for_the_same():
    kinds = lists.targets([3 * number for number in range(1, 24)], random.Random(1))  # 23 products: four whole pages
    assert kinds[lists.LAST] == ["/products?page=4&count=5"] and kinds[lists.AFTER] == ["/products?after=45&count=5"]
    assert set(kinds[lists.ANYWHERE]) <= {f"/products?page={page}&count=5" for page in range(1, 5)}


def test_lists_are_compared_within_each_round():
    runs = [{"round": round, "kind": kind, "cpu_us": cpu} for round, cpus in enumerate(((10, 11, 10, 12), (20, 24, 19, 30)))
            for kind, cpu in zip((lists.FIRST, lists.LAST, lists.AFTER, lists.ANYWHERE), cpus)]
    summary = lists.summarize(runs)
    assert summary["last_to_first"]["rounds"] == [1.1, 1.2] and summary["after_to_first"]["rounds"] == [1.0, 0.95]
    assert summary["any_to_first"]["rounds"] == [1.2, 1.5] and summary["first_cpu_us"] == 15


def test_ids_are_compared_within_each_round():
    def a_run(round, server, kind, cpu, rate):
        return {"round": round, "server": server, "ids": kind, "cpu_us": cpu, "requests_per_second": rate, "busy": 0.5}
    summary = ids.summarize([a_run(1, OURS, ids.HOT, 5, 200), a_run(1, OURS, ids.UNIFORM, 6, 180),
                             a_run(1, BARE, ids.HOT, 4, 250), a_run(1, BARE, ids.UNIFORM, 5, 200)])
    assert summary["uniform_to_hot"]["median"] == 0.9 and summary["cpu_to_bare"]["median"] == 1.2
    assert summary["bare_uniform_to_hot"]["median"] == 0.8 and summary["cpu_us"] == 6
    assert summary["hot_cpu_to_uniform"]["median"] == 0.833 and summary["bare_hot_cpu_to_uniform"]["median"] == 0.8


# ── bulk ──

def test_popularity_follows_a_zipf_law():
    drawn = bulk.zipf_ids(1000, random.Random(1), 50_000)
    counts = sorted((drawn.count(id) for id in set(drawn)), reverse=True)
    assert set(drawn) <= set(range(1, 1001)) and drawn.count(1) != counts[0]
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.15) and counts[0] / counts[9] == pytest.approx(10, rel=0.25)


@pytest.mark.parametrize("products, changed", [(2000, 2000), (100_000, 100_000), (250_000, 100_000), (1_000_011, 100_000)])
def test_changed_products_lie_all_over_the_range(products, changed):
    found = bulk.changed_ids(products)
    assert len(found) == changed and 1 <= found[0] and found[-1] <= products


def test_an_answer_that_came_in_pieces():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nCache-Status: atelier; hit; detail=marked\r\n\r\n"
    body = b'{"slogan":"bulk 12"}'
    whole = head + body
    assert len(body) == 20 and reader.parse(whole) == (200, "m", 12)
    assert all(reader.parse(whole[:end]) is None for end in range(len(whole)))
    plain = b'HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}'
    assert reader.parse(plain) == (503, "-", 0)
    assert reader.parse(plain.replace(b"\r\n\r\n", b"\r\ncache-status: a; detail=unproven\r\n\r\n")) == (503, "u", 0)


def test_an_answer_without_a_length_is_refused():
    with pytest.raises(RuntimeError, match="without a length"):
        reader.parse(b"HTTP/1.1 200 OK\r\n\r\n")


def a_read(sent, took=1000, id=1, status=200, flags="-", stamp=0):
    return Read(sent, sent, sent + took, id, status, flags, stamp)


SENT, COMMITTED, RENDERED = 1_000_000, 2_000_000, 4_000_000


def judged(*reads):
    return bulk.judge([a_read(100_000), *reads], {1}, 7, 0, SENT, COMMITTED, RENDERED)


def test_reads_belong_to_the_time_at_which_they_were_due():
    said = judged(a_read(1_500_000, took=9_000_000), a_read(2_500_000, took=2000, stamp=7), a_read(4_500_000, stamp=7))
    assert said["before"]["samples"] == said["transaction"]["samples"] == said["during"]["samples"] == 1 == said["reads"]
    assert said["before"]["p99"] == 1.0 and said["during"]["p99"] == 2.0 and said["transaction"]["max"] == 9000.0


@pytest.mark.parametrize("one, stale", [
    (a_read(2_260_000, stamp=6), 1),                     # past the bound, and does not say so
    (a_read(9_000_000, stamp=6), 1),                     # also when all is said to be rendered
    (a_read(2_240_000, stamp=6), 0),                     # within the bound
    (a_read(2_260_000, stamp=7), 0),                     # the new one
    (a_read(2_260_000, stamp=6, flags="m"), 0),          # says so
    (a_read(2_260_000, stamp=6, flags="u"), 0),
    (a_read(2_260_000, stamp=0, id=2), 0),               # was not changed
    (a_read(2_260_000, stamp=0, status=503), 0),         # is counted as failed
])
def test_stale_is_what_is_old_and_does_not_say_so(one, stale):
    said = judged(one)
    assert said["stale"] == stale and said["failed"] == (one.status != 200)


def test_a_bulk_change_in_figures():
    one = {**judged(*[a_read(2_000_000 + number, flags="m" if number == 0 else "-", stamp=7) for number in range(1000)]),
           **bulk.rendering(50_000, (SENT, COMMITTED, RENDERED), 1.25)}
    summary = bulk.summarize([one])
    assert summary["marked_share"] == 0.001 and summary["stale"] == 0 and summary["transaction_s"] == 1.0
    assert summary["rendered_s"] == 2.0 and summary["products_per_second"] == 25_000
    assert summary["products_a_core_second"] == 40_000 and summary["p99_ratio"]["median"] == 1.0
    assert summary["transaction_p99_ratio"] is None


# ── the table and the picture ──

ABOUT = {"date": "2026-01-02T03:04:05+00:00", "commit": "abc", "machine": {"cpu": "CPU", "cores": 2, "kernel": "6.1"}}


def a_size(scale):
    return {"memory": ABOUT | {"summary": memory.summarize(1000 * scale, 4e6 * scale, 5e6 * scale)},
            "start": ABOUT | {"summary": start.summarize([a_start(1, 1.0 * scale, 1.6 * scale)], None)},
            "ids": ABOUT | {"summary": {"cpu_us": 6.125, "requests_per_second": 123456.7, "cpu_to_bare":
                                        {"median": 1.04, "rounds": [1.0, 1.04, 1.3]}}}}


@pytest.fixture
def measured():
    return {"sizes": {"1000": a_size(1), "1000011": a_size(1000)},
            "skipped": [{"products": 10_000_000, "needed_s": 9000, "left_s": 60}]}


def test_the_table_as_markdown(measured, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(measured))
    done = run([SCALE, "--table", "x.json"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert "|  | … ÷ psql | ≤ 1.5 | 1.60 (1.60–1.60) ✗ | 1.60 (1.60–1.60) ✗ |" in found
    assert "|  | CPU ÷ bare libh2o, uniform ids | ≤ 1.05 | 1.04 (1.00–1.30) | 1.04 (1.00–1.30) |" in found
    assert "| 1,000,011 | 6.12 | 123,457 |  | 5,000 | 1,600.00 |" in found
    assert "10,000,000 products were skipped" in done.stdout and "commit abc" in done.stdout
    assert "bulk" not in done.stdout.lower(), "what was not measured has no line"
    for above, row in zip(found, found[1:]):
        assert not (above.startswith("|") and row.startswith("|")) or above.count("|") == row.count("|")


@pytest.mark.parametrize("aim, value, met", [
    ("≤ 1.5", 1.5, True), ("≤ 1.5", 1.51, False), ("≥ 0.85", 0.85, True), ("≥ 0.85", 0.8, False),
    ("≤ 1.5", {"median": 1.4, "rounds": [1.4, 1.6]}, True), ("", 9, True)])
def test_an_aim_is_met_or_missed(aim, value, met):
    assert aims.Line("a", "b", "c", str, aim).is_met(value) is met


def test_every_line_s_part_is_one():
    assert {line.part for line in aims.LINES} == set(settings.PARTS) == set(table.HEADINGS)


def test_the_picture(measured, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(measured))
    done = run([SCALE, "--picture", tmp_path / "x.json"])
    drawn = xml.etree.ElementTree.fromstring(done.stdout)
    plots = [element for element in drawn if element.tag.endswith("}g")]
    circles = [element for element in drawn.iter() if element.tag.endswith("circle")]
    assert len(plots) == len(table.GROWTH) and len(circles) == 2 * 4  # refresh was not measured
    for circle in circles:
        assert picture.LEFT <= float(circle.get("cx")) <= picture.WIDTH - picture.RIGHT + 0.1
        assert picture.TOP <= float(circle.get("cy")) <= picture.HEIGHT - picture.BOTTOM


@pytest.mark.parametrize("option", ["--table", "--picture"])
@pytest.mark.parametrize("content, said", [(None, "cannot read"), ("{", "not a file that infra/scale wrote"),
                                           ("{}", "not a file that infra/scale wrote"), ("[1]", "not a file")])
def test_a_table_of_something_else(tmp_path, option, content, said):
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = run([SCALE, option, tmp_path / "x.json"])
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '{"sizes": {"x": {}}}'])
def test_something_else_is_not_added(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--add", tmp_path / "x.json", "--output", tmp_path / "y.json"])
    assert done.returncode == 1 and "is not a file that infra/scale wrote" in done.stderr and done.stderr.count("\n") == 1


def test_what_must_never_be():
    assert scale.verdict({"sizes": {"1000": {"bulk": {"summary": {"stale": 0}}}}}) == ""
    assert scale.verdict({"sizes": {"1000": {"bulk": {"summary": {"stale": 2}}}, "5000": {"data": {"summary": {"rows_lost": 3}}}}}) \
        == "2 stale reads that did not say so at 1,000 products, 3 rows lost by an import at 5,000 products"


# ── all of it ──

MAY_LACK = ("early_p50_ms", "p99_ratio", "transaction_p99_ratio", "marked_share")  # it may be over before a read comes


def left_behind():
    return set(Path("/tmp").glob("atelier-scale-*"))


@pytest.mark.slow
def test_a_short_run(tmp_path):
    output, left = tmp_path / "x.json", left_behind()
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--quick", "--output", output], limit=280)
    assert done.returncode == 0, done.stderr
    made = json.loads(output.read_text())
    assert list(made["sizes"]) == ["2000", "5000"] and made["skipped"] == []
    for parts in made["sizes"].values():
        assert list(parts) == list(settings.PARTS)
        for line in aims.LINES:
            assert line.value(parts) is not None or line.figure in MAY_LACK, line.figure
        bulk_summary = parts["bulk"]["summary"]
        assert bulk_summary["stale"] == bulk_summary["failed"] == parts["data"]["summary"]["rows_lost"] == 0
    assert table.markdown(made) in done.stdout and output.with_suffix(".md").read_text() == table.markdown(made)
    assert output.with_suffix(".svg").exists() and left_behind() <= left


@pytest.mark.slow
def test_sizes_that_do_not_fit_are_skipped_and_others_added(measured, tmp_path):
    """One size in a minute; and what was measured before stays."""
    (tmp_path / "x.json").write_text(json.dumps(measured))
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--quick", "--sizes", "1000,9000000", "--minutes", "1", "--parts",
                "memory", "--add", tmp_path / "x.json", "--output", tmp_path / "y.json"], limit=120)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "y.json").read_text())
    assert [skipped["products"] for skipped in made["skipped"]] == [9_000_000] and "9,000,000 products: skipped" in done.stdout
    assert list(made["sizes"]) == ["1000", "1000011"] and made["sizes"]["1000011"] == measured["sizes"]["1000011"]
    assert made["sizes"]["1000"]["memory"]["commit"] != "abc" and made["sizes"]["1000"]["start"]["commit"] == "abc"


@pytest.mark.slow
def test_without_a_server_to_measure(tmp_path):
    """Half of it fails: the reason in one line, and nothing is left."""
    app = tmp_path / "app"
    app.mkdir()
    for name in ("atelierd", "atelier-catalogue"):
        (app / name).symlink_to("/bin/false")
    left = left_behind()
    done = run([sys.executable, "-B", settings.HERE / "run.py", "--quick", "--output", tmp_path / "x.json"], limit=120,
               environment={"ATELIER_BUILD": str(tmp_path)})
    assert done.returncode == 1 and "generate --load failed with 1" in done.stderr and done.stderr.count("\n") == 1
    assert left_behind() <= left
