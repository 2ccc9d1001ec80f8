"""Replicas on duty: one notifies for all writers, and whatever becomes of it changes are shown."""
import signal

import pytest

from atelier.dropping import NO_DROPS, DroppingProxy, may_drop
from atelier.duty import LOCK, Writers, duty, on_duty, wait_off_duty, wait_on_duty
from atelier.postgres import USER
from atelier.proxy import behind
from atelier.sessions import Ear
from atelier.waiting import wait_until
from atelier.watching import Probes, expected_of, milliseconds

BACK = 1.0  # seconds after which a replica is exact again once Postgres can be reached
MANY = """\\set id random(101, 150)
UPDATE products SET slogan = slogan || '.' WHERE id = :id;
"""


@pytest.fixture(scope="module")
def three(module_stack):
    return module_stack(with_nginx=False, options=["--duty-from-per-second", "30"])


@pytest.mark.limit(120)
def test_on_duty_and_off_again(three):
    """Many writers: one replica goes on duty and they fall silent; few: it goes off again, and they notify."""
    replicas, postgres = three.replicas, three.postgres
    with Probes(three, replicas) as probes, postgres.connect("atelier_reader") as listening:
        wait_off_duty(replicas)
        ear = Ear(listening, "atelier_changes")
        with Writers(postgres, MANY, clients=2, rate=200):
            probes.until("one is on duty", lambda: on_duty(replicas), 15)
            here = wait_on_duty(replicas)
            with postgres.connect(USER) as admin:
                theirs, = postgres.backends("application_name = %s", [f"atelierd/{here.name}/duty"])
                ear.heard(admin)
                probes.probe(20)
                listening.execute("SELECT 1")
                assert {heard.pid for heard in ear.got if heard.channel == "atelier_changes"} == {theirs}
            probes.probe(100)
        probes.until("duty ends", lambda: all(duty(replica) == "nobody" for replica in replicas), 40, every=0.2)
        ear.got.clear()
        probes.probe()
        listening.execute("SELECT 1")
        assert probes.owner.info.backend_pid in {heard.pid for heard in ear.got}
        print(milliseconds(probes.worst))
    assert here.logged("duty_ends")[-1]["why"] == "quiet"


@pytest.mark.limit(150)
@pytest.mark.parametrize("end", ["killed", "stopped", "terminated"])
def test_the_one_on_duty_fails(three, end):
    """The others show what is committed meanwhile within the bound, and one of them takes over."""
    replicas, postgres = three.replicas, three.postgres
    with Writers(postgres, MANY, clients=2, rate=200):
        here = wait_on_duty(replicas)
        others = [replica for replica in replicas if replica is not here]
        with Probes(three, others) as probes:
            probes.probe(10)
            if end == "terminated":
                for pid in postgres.backends("application_name LIKE %s", [f"atelierd/{here.name}/%"]):
                    with postgres.connect(USER) as admin:
                        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
                others = replicas
            else:
                here.send(signal.SIGKILL if end == "killed" else signal.SIGSTOP)
            try:
                probes.probe(20)
                if end != "terminated":
                    probes.until("another one is on duty", lambda: on_duty(others), 20)
                print(end, milliseconds(probes.worst))
            finally:
                if end == "stopped":
                    here.send(signal.SIGCONT)
        if end == "killed":
            here.child.wait()
            here.start_ready()
        with Probes(three, [here]) as probes:
            probes.probe(limit=BACK)
            probes.probe(5)
        wait_on_duty(replicas)


@pytest.mark.skipif(not may_drop(), reason=NO_DROPS)
@pytest.mark.limit(120)
def test_the_one_on_duty_is_cut_off(three):
    """By a network that swallows packets: Postgres ends its session, and another one takes over."""
    first, *others = three.replicas
    wait_off_duty(three.replicas)
    with DroppingProxy(three.postgres.port) as proxy, \
            behind(proxy, first, three.postgres, "--duty-from-per-second", 10):
        with Writers(three.postgres, MANY, clients=2, rate=15):  # the others want 30
            here = wait_on_duty(three.replicas)
            assert here is first
            with Probes(three, others) as probes:
                proxy.drop_all()
                probes.probe(30)
                with three.postgres.connect(USER) as admin:
                    probes.until("writers notify again", lambda: not admin.execute(
                        f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone(), 10)
                print(milliseconds(probes.worst))
            proxy.reachable()
            with Probes(three, three.replicas) as probes:
                probes.probe(limit=BACK)
        wait_off_duty(three.replicas)


@pytest.mark.limit(120)
def test_a_writer_that_stays_open_through_duty(three):
    """Begun before duty, silent during it, and committed after: nobody waits for it, and it is shown at once."""
    replicas, postgres = three.replicas, three.postgres
    wait_off_duty(replicas)
    with postgres.connect("atelier_owner") as early, postgres.connect("atelier_owner") as silent, \
            Probes(three, replicas) as probes:
        early.execute("BEGIN")
        early.execute("UPDATE products SET name = 'Early' WHERE id = 4")
        with Writers(postgres, MANY, clients=2, rate=200):
            here = wait_on_duty(replicas)
            silent.execute("BEGIN")
            silent.execute("UPDATE products SET name = 'Silent' WHERE id = 5")
            early.execute("UPDATE products SET name = 'Silent' WHERE id = 6")
            probes.probe(10)
        wait_until("duty is about to end", lambda: not probes.owner.execute(
            f"SELECT 1 FROM pg_locks WHERE {LOCK}").fetchone(), 30)
        assert duty(here) == "here", "it still reads for the silent ones"
        early.execute("COMMIT")
        probes.watch.seconds_until_shown(expected_of(probes.owner, 4, 6))
        wait_off_duty(replicas)  # however long the other one lasts
        silent.execute("COMMIT")
        probes.watch.seconds_until_shown(expected_of(probes.owner, 5))


def test_duty_is_not_had_by_force(three):
    """Somebody's shared lock stands in the way for ever: writers notify as ever, and no snapshot is held."""
    replicas, postgres = three.replicas, three.postgres
    wait_off_duty(replicas)
    with postgres.connect(USER) as admin, Probes(three, replicas) as probes:
        admin.execute("SELECT pg_advisory_lock_shared(1635018092, 3)")
        with Writers(postgres, MANY, clients=2, rate=200):
            moves = three.moves()
            probes.until("duty was tried in vain", lambda: moves.of("atelier_duty_terms_total") >= 3, 20)
            held, = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'atelier_reader'"
                                  " AND xact_start < clock_timestamp() - interval '1 s'").fetchone()
            assert held == 0 and "lock timeout" in " ".join(
                line["why"] for replica in replicas for line in replica.logged("duty_ends"))
            admin.execute("SELECT pg_advisory_unlock_shared(1635018092, 3)")
            wait_on_duty(replicas)
            probes.probe(5)


def test_duty_can_be_switched_off(own_stack):
    stack = own_stack(replicas=1, with_nginx=False, options=["--duty-from-per-second", "0"])
    with Writers(stack.postgres, MANY, clients=2, rate=200):
        moves = stack.moves()
        wait_until("much was heard", lambda: moves.of("atelier_feed_notifications_total") > 600, 20)
    assert duty(stack.replicas[0]) == "nobody" and moves.of("atelier_duty_terms_total") == 0
