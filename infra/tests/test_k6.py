"""k6/: its results, its ids, what its scripts refuse; and, where k6 is at hand, its verdicts on a stack: each kind of
threshold that must hold holds, and fails when what it is about is broken. Where it would first have to be built, these
are skipped."""
import json
import math
import os
import re
import signal
import subprocess
import time

import pytest
from managed import SERVICES

from atelier.build import ROOT
from atelier.waiting import wait_until

REPLICAS = [name for name in SERVICES if name.startswith("r")]
needs_k6 = pytest.mark.skipif(subprocess.run([ROOT / "k6/get-k6", "--found"], capture_output=True).returncode != 0,
                              reason="k6 is neither on PATH nor built; k6/get-k6 builds it")


def k6(script, *words):
    return subprocess.run([ROOT / "k6" / script, *words], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL)


def test_the_readme_s_results_are_those_in_the_folder():
    done = k6("table")
    assert done.returncode == 0, done.stderr
    assert f"<!-- results -->\n{done.stdout}<!-- /results -->" in (ROOT / "k6/README.md").read_text()


@pytest.mark.parametrize("words, said", [
    ([], "smoke, seed, load"), (["storm"], "'storm'"), ([".*"], "'.*'"), (["smoke", "--rate", "5"], "one pass"),
    (["load", "half"], "'half'"), (["seed", "--rate", "0"], "whole number"), (["soak", "--duration", "5"], "90s"),
    (["seed", "--ids", "9-1"], "FIRST-LAST"), (["seed", "--duration"], "needs a value"), (["load", "--draw", "all"], "last-tenth"),
    (["seed", "--listener", "http"], "takes no --listener"), (["load", "ci", "--changes", "5"], "takes no --changes"),
    (["freshness", "--faults", "5"], "takes no --faults"), (["soak", "--faults", "often"], "seconds"),
])
def test_bad_words_are_usage_errors(words, said):
    done = k6("run", *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done


@pytest.mark.parametrize("script, words, said", [
    ("tenfold", ["--rate", "7"], "100 to"), ("tenfold", ["--duration", "1m"], "999s"), ("tenfold", ["--through", "nginx"], "clear"),
    ("faults", [], "--every"), ("faults", ["--every", "5", "--pick", "all"], "turns or random"),
])
def test_bad_words_of_the_other_scripts_are_usage_errors(script, words, said):
    done = k6(script, *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done


# ── ids ──

def drawn(folder, name, first, last, count):
    """So many ids as k6/ids.js draws them, from numbers that are the same at each run (a linear congruential generator)."""
    (folder / "ids.mjs").write_text((ROOT / "k6/ids.js").read_text())
    (folder / "draw.mjs").write_text(f"""import {{ drawer }} from './ids.mjs';
        let state = 1n;
        const random = () => Number((state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n) >> 11n) / 2 ** 53;
        const draw = drawer('{name}', {first}, {last}, random);
        console.log(JSON.stringify(Array.from({{ length: {count} }}, draw)));""")
    done = subprocess.run(["/usr/bin/node", folder / "draw.mjs"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_as_often(seen, count, share):
    """Within five standard deviations."""
    return abs(seen - count * share) <= 5 * math.sqrt(count * share * (1 - share))


@pytest.mark.parametrize("name, first, last, least", [
    ("uniform", 5, 1004, 5), ("uniform", 7, 7, 7), ("last-tenth", 5, 1004, 905), ("last-tenth", 1, 12, 11), ("last-tenth", 7, 7, 7),
])
def test_ids_are_drawn_evenly(tmp_path, name, first, last, least):
    ids = drawn(tmp_path, name, first, last, 20_000)
    assert min(ids) == least and max(ids) == last
    middle = (least + last) // 2
    assert is_as_often(sum(id <= middle for id in ids), len(ids), (middle - least + 1) / (last - least + 1))


@pytest.mark.parametrize("products", [2, 3, 1000, 1_000_011])
def test_popular_ids_are_drawn_by_zipf_s_law(tmp_path, products):
    ids, count = drawn(tmp_path, "zipf", 11, 10 + products, 100_000), 100_000
    assert all(11 <= id <= 10 + products for id in ids)
    seen = {}
    for id in ids:
        seen[id] = seen.get(id, 0) + 1
    by_rank = sorted(seen.values(), reverse=True)
    whole = math.fsum(1 / rank for rank in range(1, products + 1))
    for rank in (1, 2, 3, 10, 30):  # beyond, equally popular ones change places
        if rank <= products:
            assert is_as_often(by_rank[rank - 1], count, 1 / rank / whole), (rank, by_rank[:40])
    popular = sorted(seen, key=seen.get, reverse=True)[:10]
    assert products < 1000 or max(popular) - min(popular) > products / 2  # they are not neighbours


def test_an_unknown_distribution_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="uniform, last-tenth, zipf are accepted"):
        drawn(tmp_path, "poisson", 1, 9, 1)


# ── verdicts ──

class Run:
    """A run of k6/run ci on `stack`. `out` is all that it printed, `result` its JSON."""

    def __init__(self, stack, folder, *words, **environment):
        self.folder = folder
        argv = [ROOT / "k6/run", words[0], "ci", *words[1:], "--var", stack.folder, "--results", folder]
        self.process = subprocess.Popen([str(word) for word in argv], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, **environment})

    def started(self):
        """Waits until k6 is about to begin."""
        line = self.process.stdout.readline()
        assert " with k6 v" in line, line + self.process.communicate(timeout=60)[0]
        return self

    def ended(self):
        self.out = self.process.communicate(timeout=120)[0]
        files = list(self.folder.glob("*.json"))
        self.result = json.loads(files[0].read_text()) if files else None
        return self

    def passes(self):
        self.ended()
        assert self.process.returncode == 0 and self.result["passed"] and "FAIL" not in self.out, self.out
        assert re.search(r"^PASS  \w+ ci: (\d+) of \1 thresholds hold$", self.out, re.MULTILINE), self.out
        return self

    def fails(self, *metrics, perhaps=()):
        """With these metrics' thresholds, and no others but `perhaps`."""
        self.ended()
        failed = {threshold["metric"].split("{")[0] for threshold in self.result["thresholds"] if not threshold["ok"]}
        assert self.process.returncode == 1 and not self.result["passed"] and "FAIL  " in self.out, self.out
        assert failed - set(perhaps) == set(metrics), self.out
        return self


@needs_k6
def test_smoke_passes_and_asks_over_http2(running, tmp_path):
    assert "over HTTP/2" in Run(running, tmp_path, "smoke").passes().out


@needs_k6
@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ("load", "--duration", "5s", "--draw", "zipf", "--listener", "http"), ("load", "--duration", "5s", "--draw", "last-tenth", "--listener", "edge"),
    pytest.param(("seed", "--duration", "3s"), marks=pytest.mark.long), pytest.param(("stress",), marks=pytest.mark.long),
    pytest.param(("spike",), marks=pytest.mark.long), pytest.param(("breakpoint",), marks=pytest.mark.long),
    pytest.param(("soak", "--faults", "4"), marks=pytest.mark.long),
])
def test_a_stack_that_is_well_passes(running, tmp_path, words):
    run = Run(running, tmp_path, *words).passes()
    assert run.result["settings"]["size"] == "ci" and run.result["machine"]["cores"] > 0 and "ceiling" in run.out
    report = next(tmp_path.glob("*.html")).read_text()  # whole in itself
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(["']?https?:""", report)


@needs_k6
@pytest.mark.slow
def test_fresh_reads_pass_and_stale_ones_fail(running, tmp_path):
    (tmp_path / "fresh").mkdir()
    fresh = Run(running, tmp_path / "fresh", "freshness", "--duration", "5s").passes()
    assert fresh.result["figures"]["staleness_max_ms"] < 250 and fresh.result["figures"]["judged"] > 200
    everywhere = "ALTER TABLE {} {} TRIGGER feed_update"
    tables = ("products", "features", "styles", "photos", "skus")
    try:
        for table in tables:  # the replicas hear of no update any more
            running.sql(everywhere.format(table, "DISABLE"))
        stale = Run(running, tmp_path, "freshness", "--duration", "5s").fails("stale", "staleness")
    finally:
        for table in tables:
            running.sql(everywhere.format(table, "ENABLE"))
    assert "old (bound)" in stale.out and stale.result["metrics"]["staleness"]["max"] > 250


@needs_k6
@pytest.mark.slow
def test_failover_passes_with_one_replica_gone_and_fails_without_any(running, tmp_path):
    (tmp_path / "one").mkdir()
    one = Run(running, tmp_path / "one", "failover", "--duration", "8s", "--faults", "2").passes()
    assert {"kill r1", "restart postgres"} <= {fault["fault"] for fault in one.result["faults"]}
    run = Run(running, tmp_path, "failover", "--duration", "4s", "--faults", "2").started()
    try:
        for name in REPLICAS:
            subprocess.run(["sv", "-w", "10", "down", running.folder / "service" / name], check=True, stdout=subprocess.DEVNULL)
        run.ended()
    finally:
        for name in REPLICAS:
            subprocess.run(["sv", "up", running.folder / "service" / name], check=True, stdout=subprocess.DEVNULL)
        wait_until("all is well again", lambda: running.run("status").status == 0, 60, every=0.2)
    assert run.process.returncode == 1 and not run.result["passed"] if run.result else "does not run" in run.out, run.out
    assert re.search(r"^FAIL  http_req_failed\{scenario:edge\}", run.out, re.MULTILINE), run.out


@needs_k6
@pytest.mark.slow
def test_a_failover_without_a_fault_says_nothing(running, tmp_path):
    run = Run(running, tmp_path, "failover", "--duration", "2s", "--faults", "3600").ended()
    assert run.process.returncode == 1 and "no fault was made" in run.out, run.out


@needs_k6
@pytest.mark.slow
def test_visits_that_cannot_start_on_time_and_slow_answers_fail(running, tmp_path):
    run = Run(running, tmp_path, "load", "--duration", "6s", "--rate", "40", "--listener", "tls").started()
    pids = [running.pid(name) for name in REPLICAS]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)  # what is tried: all stand still for so long
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    run.fails("dropped_iterations", "iteration_duration", perhaps=["http_req_duration"])  # that is without connecting


@needs_k6
@pytest.mark.slow
def test_http1_where_http2_is_spoken_and_unknown_ids_fail(running, tmp_path):
    (tmp_path / "old").mkdir()
    Run(running, tmp_path / "old", "load", "--duration", "3s", GODEBUG="http2client=0").fails("right_protocol")
    Run(running, tmp_path, "load", "--duration", "3s", "--ids", "1-80").fails("unknown_ids")


@pytest.mark.long  # for the stack alone that it would need
def test_tenfold_passes_what_was_asked_for_and_nothing_else(running, tmp_path):
    def tenfold(*words):
        return k6("tenfold", "--var", running.folder, "--results", tmp_path, "--duration", "1s", *words)
    done = tenfold("--rate", "900")
    assert done.returncode == 0 and "PASS" in done.stdout, done
    result = json.loads(next(tmp_path.glob("tenfold-*.json")).read_text())
    assert result["passed"] and result["figures"]["failed"] == 0 and result["figures"]["requests"] == pytest.approx(900, abs=20)
    done = tenfold("--rate", "900", "--ids", "1-80")
    assert done.returncode == 1 and "requests failed" in done.stderr, done
    done = tenfold("--rate", "9000000")
    assert done.returncode == 1 and "requests/s were answered" in done.stderr, done
