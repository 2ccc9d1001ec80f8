"""The judge on small histories made by hand: each rule is broken once, and just not broken once."""
import pytest

from .events import Change, Read, Transaction
from .judge import Judge
from .timeline import Timeline, Unknown

MS = 10**6
BOUND = 250
ERA = 7


class History:
    """Product 1 from position 0, in milliseconds. Each write sends its commit at `sent`, acknowledged 2 ms later."""

    def __init__(self):
        self.judge = Judge(BOUND * MS)
        self.position = -1
        self.write(0, products=1, features=1, styles=1, skus=1)

    def write(self, sent, ack=2, committed=True, hidden=(), **stamps):
        return self.change(sent, stamps, ack, committed, hidden)

    def delete(self, sent):
        return self.change(sent, None)

    def change(self, sent, stamps, ack=2, committed=True, hidden=()):
        self.position += committed
        self.judge.transaction(Transaction(
            "w1", "test", self.position, (sent - 5) * MS, 100 + self.position, sent * MS, (sent + ack) * MS, committed,
            changes=[Change(1, self.position if committed else self.position + 1, stamps)], hidden=hidden))
        return self

    def read(self, sent, *seen, took=1, version=None, **more):
        """Seen: ("products", 1), …; none: the product is said not to exist."""
        read = dict(listener="r1-h1", replica="r1", sent=sent * MS, received=(sent + took) * MS, target="/products/1",
                    status=200 if seen else 404, version=(ERA, version or sent), fresh=True, said=None, exact=True,
                    at_least=None, seen={1: seen}) | more
        self.judge.reads([Read(**read)])
        return self

    @property
    def broken(self):
        return sorted(self.judge.counts.elements())


CARD1, CARD2, CARD3 = ("products", 1), ("products", 2), ("products", 3)
SKU1, SKU2 = ("skus", 1), ("skus", 2)


def test_nothing_is_wrong_with_what_is_current():
    history = History().read(10, CARD1).write(100, products=2).read(110, CARD2)
    assert history.broken == [] and history.judge.oldest == 0


@pytest.mark.parametrize("sent, broken", [(352, ["stale"]), (351, [])])
def test_stale_is_what_was_replaced_longer_ago_than_the_bound(sent, broken):
    history = History().write(100, products=2).read(sent, CARD1)
    assert history.broken == broken
    assert history.judge.oldest == (sent - 102) * MS


def test_the_bound_is_counted_from_the_first_commit_that_is_lacking():
    assert History().write(100, products=2).write(300, products=3).read(400, CARD1).broken == ["stale"]
    assert History().write(100, products=2).write(300, products=3).read(400, CARD2).broken == []


def test_an_old_answer_that_says_so_is_not_stale():
    assert History().write(100, products=2).read(9000, CARD1, fresh=False, said="atelier; detail=unproven").broken == []


def test_an_acknowledgement_that_came_late_counts_only_from_then():
    """And the commit after it proves that it was there: nobody waits for the first one's acknowledgement."""
    history = History().write(100, ack=5000, products=2).read(400, CARD1)
    assert history.broken == []
    assert history.write(200, products=3).read(460, CARD1).broken == ["stale"]


def test_what_was_rolled_back_may_never_be_shown():
    assert History().write(100, committed=False, products=2).read(120, CARD2).broken == ["never committed"]
    assert History().write(100, committed=False, products=2).read(120, CARD2, fresh=False).broken == ["never committed"]
    assert History().write(100, committed=False, products=2).read(120, CARD1).broken == []


def test_what_a_transaction_replaced_itself_may_never_be_shown():
    history = History().write(100, hidden=(2,), products=3)
    assert history.read(120, CARD2).read(130, CARD3).broken == ["never committed"]
    assert history.judge.stories[0]["by"]["kind"] == "test"


def test_a_stamp_in_a_place_where_nobody_wrote_it():
    assert History().write(100, products=2).read(110, SKU2).broken == ["never committed"]


@pytest.mark.parametrize("took, broken", [(9, ["before its commit"]), (10, [])])
def test_before_its_commit_is_what_was_received_before_the_commit_was_sent(took, broken):
    assert History().write(100, products=2).read(90, CARD2, took=took).broken == broken


def test_parts_that_were_never_true_together():
    history = History().write(100, products=2).write(110, skus=2)
    assert history.read(120, CARD1, SKU2).broken == ["mixed"]
    for seen in ((CARD1, SKU1), (CARD2, SKU1), (CARD2, SKU2)):
        assert History().write(100, products=2).write(110, skus=2).read(120, *seen).broken == []


def test_two_rows_of_one_table_are_parts_too():
    assert History().write(100, skus=2).read(120, SKU1, SKU2).broken == ["mixed"]


# ── deletion ──

def test_a_product_that_is_gone():
    assert History().delete(100).read(120).read(400).broken == []
    assert History().delete(100).read(400, CARD1).broken == ["stale"]
    assert History().read(400).broken == ["never committed"], "nobody ever deleted it"
    assert History().delete(100).read(90, took=5).broken == ["before its commit"]


def test_a_product_that_is_back():
    def back():
        return History().delete(100).write(200, products=3, features=3, styles=3, skus=3)
    assert back().read(210).read(440).read(450, CARD3).broken == []
    assert back().read(460).broken == ["stale"]
    assert back().read(210, CARD3, SKU1).broken == ["mixed"]


def test_deleted_and_deleted_again():
    history = History().delete(100).write(200, products=3, features=3, styles=3, skus=3).delete(300)
    assert history.read(310).broken == []
    assert history.read(9000, CARD3).broken == ["stale"]


# ── what was asked for ──

def test_at_least_a_transaction():
    history = History().write(100, products=2)
    assert history.read(103, CARD2, at_least=(101, 1, 1)).broken == []
    assert history.read(104, CARD1, at_least=(101, 1, 1)).broken == ["at least", "version order"]
    assert history.read(105, CARD1, at_least=(101, 9, 1), version=50).broken == ["at least", "version back",
                                                                              "version order"], "another product"


def test_at_least_holds_also_of_answers_that_say_that_they_are_not_fresh():
    assert History().write(100, products=2).read(104, CARD1, at_least=(101, 1, 1), fresh=False).broken == ["at least"]


@pytest.mark.parametrize("wanted, broken", [((ERA, 104), []), ((ERA, 105), ["at least"]), ((ERA - 1, 999), []),
                                            ((ERA + 1, 0), ["at least"])])
def test_at_least_a_version(wanted, broken):
    assert History().read(104, CARD1, at_least=(wanted,)).broken == broken


# ── versions ──

def test_a_higher_version_never_shows_less():
    history = History().write(100, products=2)
    assert history.read(110, CARD2, version=50).read(120, CARD1, version=51, replica="r2").broken == ["version order"]
    history = History().write(100, products=2)
    assert history.read(110, CARD2, version=50).read(120, CARD1, version=49, replica="r2").broken == []


def test_one_version_is_one_state_whoever_shows_which_document():
    history = History().write(100, products=2, skus=2)
    history.read(110, CARD2, version=50).read(111, SKU1, version=50, replica="r2", target="/products/1/styles")
    assert history.broken == ["version order"]
    history = History().write(100, products=2, skus=2)
    history.read(110, CARD1, version=50).read(111, SKU1, version=50, replica="r2", target="/products/1/styles")
    assert history.broken == []


def test_a_later_era_is_a_higher_version():
    history = History().write(100, products=2)
    assert history.read(110, CARD2, version=50).read(120, CARD1, version=9, replica="r2").broken == []
    history.judge.reads([Read("r3-h1", "r3", 130 * MS, 131 * MS, "/products/1", 200, (ERA + 1, 1), True, None, True,
                              None, {1: (CARD1,)})])
    assert history.broken == ["version order"]


def test_a_list_may_be_older_than_its_version_but_not_newer():
    history = History().write(100, products=2)
    history.read(110, CARD2, version=50).read(120, CARD1, version=51, exact=False, replica="r2")
    assert history.broken == []
    history.read(130, CARD2, version=40, exact=False, replica="r2").read(140, CARD1, version=45, replica="r3")
    assert history.broken == ["version order"]


def test_a_replica_never_goes_back():
    history = History()
    assert history.read(10, CARD1, version=50).read(20, CARD1, version=49).broken == ["version back"]
    assert History().read(10, CARD1, version=50).read(20, CARD1, version=49, replica="r2").broken == []
    assert History().read(10, CARD1, version=50, took=15).read(20, CARD1, version=49).broken == [], "at the same time"


# ── the rest ──

@pytest.mark.parametrize("status, broken", [(503, []), (502, []), (500, ["unexpected"]), (400, ["unexpected"])])
def test_answers_that_nothing_explains(status, broken):
    history = History().read(10, CARD1)
    history.judge.reads([Read("r1-h1", "r1", 20 * MS, 21 * MS, "/", status, None, True, None, True, None, {})])
    assert history.broken == broken


def test_a_story_tells_which_read_and_which_write():
    history = History().write(100, products=2).read(400, CARD1)
    story, = history.judge.stories
    assert (story["rule"], story["product"], story["seen"]) == ("stale", 1, (CARD1,))
    assert story["lacks"]["commit_acknowledged"] == -298.0 and story["lacks"]["change"][0]["stamps"] == {"products": 2}


def test_transactions_may_be_told_in_another_order_than_they_were_committed():
    timeline = Timeline()
    first, second = object(), object()
    timeline.add(second, Change(1, 1, {"products": 2}))
    assert timeline.early and timeline.next == 0
    timeline.add(first, Change(1, 0, {"products": 1}))
    assert not timeline.early and timeline.makers == [first, second]
    assert timeline.spans([CARD1]) == [(0, 0)]


def test_what_was_replaced_long_ago_is_forgotten_and_what_is_current_is_not():
    history = History().write(100, products=2)
    timeline = history.judge.timelines[1]
    history.read(130_000, CARD2, SKU1)
    assert len(timeline.makers) == 1 and timeline.base == 1
    with pytest.raises(Unknown):
        timeline.spans([CARD1])
    assert history.read(130_010, CARD2, SKU1).broken == []
    assert history.read(130_020, CARD1).broken == ["never committed"]


def test_a_version_that_is_missing_is_the_recorder_s_fault_and_is_told():
    history = History()
    assert history.judge.gaps() == []
    history.judge.transaction(Transaction("w1", "test", 9, 0, committed=True, changes=[Change(1, 5, {"products": 9})]))
    assert history.judge.gaps() == [1]
