"""The catalogue tool against a real database: all kinds of dirt, loads that are cut off, two at once, migrations after it."""
import csv
import re
import signal

import pytest

from atelier import catalogue
from atelier.build import ROOT, program
from atelier.process import Process, run
from atelier.waiting import wait_until
from atelier.watching import Watch

FIXTURE = ROOT / "unit/data/catalogue"
STEPS = {  # where a load can be caught: what can be seen of it then
    "rows": "SELECT count(*) > 0 FROM pg_stat_progress_copy",
    "keys and indexes": "SELECT count(*) > 0 FROM pg_constraint WHERE connamespace = to_regnamespace('incoming')"
                        " AND contype = 'p'",
    "swap": "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'",
}


def load(postgres, *words):
    return [program("atelier-catalogue"), *words, "--postgres", postgres.conninfo("atelier_owner")]


@pytest.fixture
def owner(database):
    """Its catalogue is the small one whenever a test begins."""
    with database.connect("atelier_owner") as owner:
        catalogue.fill(owner)
        yield owner


def has_leftovers(owner):
    return owner.execute("SELECT to_regnamespace('incoming') IS NOT NULL").fetchone()[0]


# ── dirt ──

def told():
    """What unit/data/README.md says of each file of the fixture: {file: [read, kept, repaired, rejected]}."""
    rows = (line.split("|") for line in (FIXTURE.parent / "README.md").read_text().splitlines() if ".csv |" in line)
    return {cells[1].strip(): [int(cell) for cell in cells[3:7]] for cells in rows}


def test_every_kind_of_dirt_is_counted_and_reported(database, owner, own):
    done = run(load(database, "import", FIXTURE, "--rejects", own / "rejected.csv"))
    assert done.returncode == 0, done
    counts = {name: [int(word) for word in words.split()]
              for name, words in re.findall(r"^(\S+\.csv|all)((?: +\d+){4})$", done.stdout, re.M)}
    total = counts.pop("all")
    assert counts == told() and total == [sum(column) for column in zip(*counts.values())]
    in_tables = [owner.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in catalogue.TABLES]
    assert sorted(in_tables) == sorted(kept for _, kept, _, _ in counts.values())

    because = re.findall(r"^(\S+\.csv): (\d+) rejected, because \S", done.stdout, re.M)
    with open(own / "rejected.csv", encoding="utf-8", errors="replace", newline="") as file:
        rejected = list(csv.DictReader(file))
    for name, (_, _, _, number) in counts.items():
        assert sum(int(count) for file, count in because if file == name) == number
        assert len([row for row in rejected if row["file"] == name]) == number
    assert all(int(row["line"]) > 0 and row["reason"] for row in rejected)


def test_the_dirt_that_is_kept_is_shown_as_data(own_stack, own):
    """Two default styles are two styles with "default?":true: nothing is mended silently."""
    stack = own_stack(replicas=1, with_nginx=False)
    done = run(load(stack.postgres, "import", FIXTURE, "--rejects", own / "rejected.csv"))
    assert done.returncode == 0, done
    with stack.postgres.connect("atelier_reader") as rows, Watch(stack.replicas) as watch:
        watch.seconds_until_shown(catalogue.all_documents(rows) | {"/products/11": None}, 5)
        styles = stack.replicas[0].get("/products/1/styles").json()["results"]
        assert [style["default?"] for style in styles].count(True) == 2
        assert [style["style_id"] for style in styles] == sorted(style["style_id"] for style in styles)


# ── cut off ──

@pytest.fixture
def blocked(database):
    """Somebody reads a table in a transaction that stays open: the swap does not get its locks."""
    with database.connect("atelier_reader") as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM products LIMIT 1")
        yield reader


def caught(postgres, owner, own, step):
    """A load that has come this far and, as nobody lets it swap, no further than that."""
    tool = Process("atelier-catalogue", load(postgres, "generate", "--products", 3000 if step == "swap" else 30000, "--load"),
                   own / "tool.log")
    tool.start()
    wait_until(f"the load is at its {step}",
               lambda: tool.running and owner.execute(STEPS[step]).fetchone()[0], 30, every=0.001)
    return tool


@pytest.mark.slow
@pytest.mark.parametrize("step, number", [
    ("rows", signal.SIGINT), ("rows", signal.SIGKILL), ("keys and indexes", signal.SIGTERM),
    ("keys and indexes", signal.SIGKILL), ("swap", signal.SIGINT), ("swap", signal.SIGKILL)])
def test_a_load_that_is_cut_off_leaves_the_catalogue_as_it_was(database, owner, own, blocked, step, number):
    before = catalogue.all_documents(owner)
    with caught(database, owner, own, step) as tool:
        code = tool.stop(number)
        if number == signal.SIGKILL:
            assert code == -signal.SIGKILL
        else:
            assert code == 1 and "told to stop; nothing was changed" in tool.log_text().splitlines()[-1]
            assert not has_leftovers(owner)
    assert catalogue.all_documents(owner) == before
    blocked.execute("ROLLBACK")

    def loaded():
        """The next load clears away what is left; Postgres may need a second to notice that the killed one is gone."""
        done = run(load(database, "generate", "--products", 5, "--load"))
        assert done.returncode == 0 or "another load is running" in done.stderr, done
        return done.returncode == 0

    wait_until("the next load succeeds", loaded, 15, every=0.1)
    assert len(catalogue.cards(owner)) == 5 and not has_leftovers(owner)


def test_a_second_load_at_once_is_refused(database, owner, own, blocked):
    with caught(database, owner, own, "swap") as tool:
        done = run(load(database, "generate", "--products", 5, "--load"))
        assert (done.returncode, done.stdout) == (1, "")
        assert "another load is running" in done.stderr.splitlines()[-1]
        blocked.execute("ROLLBACK")
        assert tool.wait(30) == 0, "the first one goes on"
    assert len(catalogue.cards(owner)) == 3000


# ── what a load leaves ──

@pytest.mark.limit(180)
def test_the_migrations_go_down_and_up_again_after_a_load(fresh_database):
    """The tables are new ones, with all that the migrations had given the old ones."""
    postgres = fresh_database
    assert run(load(postgres, "generate", "--products", 5, "--load")).returncode == 0
    postgres.sqitch("verify")
    postgres.sqitch("revert", "-y")
    with postgres.connect("atelier_owner") as owner:
        left = owner.execute("SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                             " WHERE nspname IN ('public', 'feed', 'loading', 'incoming')").fetchall()
        assert left == []
    postgres.sqitch("deploy", "--verify")
    assert run(load(postgres, "generate", "--products", 7, "--load")).returncode == 0
    with postgres.connect("atelier_owner") as owner:
        assert len(catalogue.cards(owner)) == 7
