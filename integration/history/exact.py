"""How long after a fault until every replica shows everything again that has been committed, and shows it as fresh."""
import json
import threading
import time

from atelier.http1 import Http1

from . import sights
from .readers import LOST

ANSWER = 10  # seconds that an answer may take
SETTLED = 0.35  # seconds: so long after a fault a replica may still be living on what it had proven before
AT_ONCE = 40  # products asked for in one request


class Sweep:
    """Asks one replica for all products, those that it does not show right again and again; and all of it once more,
    until the answers no longer rest on what was proven before the fault."""

    def __init__(self, replica, recorder, since, limit):
        self.replica, self.recorder, self.since = replica, recorder, since
        self.end = time.monotonic() + limit
        self.seconds = None  # None: not within the limit
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        exact = None
        while time.monotonic() < self.end:
            begun = self._now()
            self.clean = True
            if not self._all_shown():
                return
            if exact is None or not self.clean:
                exact = self._now()
            if begun > SETTLED and self.clean:
                self.seconds = exact
                return

    def _now(self):
        return (time.monotonic_ns() - self.since) / 1e9

    def _all_shown(self):
        """Each product shown at least once with what was committed when this began; False: not in time."""
        left = self.recorder.committed_cards()
        while left and time.monotonic() < self.end:
            try:
                with Http1(self.replica.clear, limit=ANSWER) as client:
                    while left and time.monotonic() < self.end:
                        self._ask_all(client, left)
            except LOST:
                self.clean = False
            if left:
                time.sleep(0.005)
        return not left

    def _ask_all(self, client, left):
        ids = list(left)
        for at in range(0, len(ids), AT_ONCE):
            self._ask(client, ids[at:at + AT_ONCE], left)

    def _ask(self, client, ids, left):
        response = client.get("/products?ids=" + ",".join(map(str, ids)))
        said = response.get("cache-status") or ""
        # Marked is what changed a moment ago, at this rate of changes some product always: it is asked for again.
        self.clean &= response.status == 200 and "unproven" not in said
        if response.status != 200 or said:
            return
        for id, seen in sights.cards(json.loads(response.body), ids).items():
            # Of a product that was deleted or inserted meanwhile, the judge says whether it is right.
            if not seen or left[id] is None or seen[0][1] >= left[id]:
                del left[id]
            else:
                self.clean = False


def seconds_until_exact(replicas, recorder, since, limit):
    """The slowest replica's time from `since` (monotonic_ns); None if one is not exact within the limit."""
    sweeps = [Sweep(replica, recorder, since, limit) for replica in replicas]
    for sweep in sweeps:
        sweep.thread.join(limit + 2 * ANSWER)
    seconds = [sweep.seconds for sweep in sweeps]
    return None if None in seconds else max(seconds)
