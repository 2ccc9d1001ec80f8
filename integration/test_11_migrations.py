"""Migrations and what an administrator does before them: down and up, again, an earlier version, the roles."""
import shutil

import psycopg
import pytest

from atelier import catalogue
from atelier.build import ROOT
from atelier.process import run


def test_the_migrations_go_down_and_up_again(fresh_database):
    postgres = fresh_database
    postgres.sqitch("verify")
    postgres.sqitch("revert", "-y")
    with postgres.connect("atelier_owner") as owner:
        left = owner.execute("SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                             " WHERE nspname IN ('public', 'feed')").fetchall()
        assert left == []
        postgres.sqitch("deploy", "--verify")
        postgres.sqitch("deploy")  # again: nothing to do is no error
        catalogue.fill(owner)
        assert owner.execute("SELECT EXISTS (SELECT FROM feed.change_log)").fetchone()[0]


def test_a_schema_of_a_later_version_stays(fresh_database, own):
    """Back to an earlier version, whose plan ends before what the database has."""
    earlier = own / "earlier"
    shutil.copytree(ROOT / "migrations", earlier / "migrations")
    plan = earlier / "migrations" / "sqitch.plan"

    def deploy():
        words = 'ROOT=$1 STATE=$1; . "$2/infra/lib/schema.sh"; deploy_schema "$3" tester'
        return run(["bash", "-euc", words, "deploy", earlier, ROOT, f"db:pg://atelier_owner@127.0.0.1:{fresh_database.port}/atelier"],
                   environment={"PGPASSFILE": str(fresh_database.passfile)})
    assert "Nothing to deploy" in deploy().stdout
    whole = plan.read_text()
    plan.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    assert "of a later version, and stays" in deploy().stdout
    plan.write_text(whole + "another 2026-01-01T00:00:00Z X <x@localhost> # that has no script\n")
    broken = deploy()
    assert broken.returncode != 0 and "another" in broken.stderr


def test_the_bootstrap_can_be_run_again(fresh_database):
    fresh_database.bootstrap()
    with fresh_database.connect("atelier_reader") as reader:
        assert reader.execute("SELECT count(*) FROM products").fetchone() == (0,)
        assert reader.execute("SHOW tcp_user_timeout").fetchone() == ("5000",)


def test_who_watches_sees_sessions_and_no_table(fresh_database):
    for _ in range(2):
        fresh_database.bootstrap(ATELIER_WATCHER_PASSWORD="watching")
    with fresh_database.connect("atelier_owner") as owner, fresh_database.connect("atelier_reader") as reader, \
            fresh_database.connect("atelier_watcher", password="watching") as watcher:
        owner.execute("BEGIN")
        state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        assert watcher.execute(state, [owner.info.backend_pid]).fetchone() == ("idle in transaction",)
        assert reader.execute(state, [owner.info.backend_pid]).fetchone() == (None,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            watcher.execute("SELECT FROM products")


def test_a_connection_without_the_password_is_refused(fresh_database):
    with pytest.raises(psycopg.OperationalError, match="password"):
        fresh_database.connect("atelier_reader", password="wrong")
