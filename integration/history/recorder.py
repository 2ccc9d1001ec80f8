"""Collects what writers and readers did, and hands it to the judge in windows, so that memory stays bounded."""
import itertools
import threading
import time
from collections import Counter, deque

from .judge import Judge

RECENT = 2000  # transactions that readers may ask for by Catalogue-At-Least


class Recorder:
    """Writers and readers call record_…; a thread of its own judges. With `with`: at the end everything is judged."""

    def __init__(self, bound_ns, window):
        """`window`: seconds that are judged at once."""
        self.window = window
        self.judge = Judge(bound_ns)
        self.transactions = deque()  # not judged yet
        self.reads = deque()
        self.recent = deque(maxlen=RECENT)
        self.newest = {}  # {product: card stamp, or None if deleted} of what was acknowledged last
        self.in_doubt = {}  # {writer: when it sent a commit whose outcome is not recorded yet}
        self.stamps = itertools.count(1)
        self.counts = Counter()
        self.kinds = Counter()
        self.listeners = Counter()
        self.lock = threading.Lock()  # of `newest`: an older version never replaces a newer one
        self.positions = {}
        self.stopped = threading.Event()
        self.failure = None
        self.waiting = []  # reads that the outcome of some commit is needed for
        self.thread = threading.Thread(target=self._run, name="judge", daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """After all writers and readers have ended."""
        self.stopped.set()
        self.thread.join(300)
        if self.failure:
            raise self.failure
        assert not self.thread.is_alive() and not self.waiting, "the judge did not come to an end"
        assert not self.judge.gaps(), f"the recorder lacks versions of products {self.judge.gaps()[:5]}"

    # ── writers ──

    def record_transaction(self, transaction):
        """Its outcome is known. Called before the writer is no longer in doubt."""
        if transaction.committed:
            self._remember(transaction)
        self.counts["committed" if transaction.committed else "rolled back"] += 1
        self.counts["asked"] += transaction.asked
        self.kinds[transaction.kind] += 1
        self.transactions.append(transaction)

    def _remember(self, transaction):
        self.counts["writes"] += len(transaction.changes)
        if transaction.changes and transaction.xid:
            self.recent.append(transaction)
        with self.lock:
            for product, position, stamps in transaction.changes:
                if position > self.positions.get(product, -1):
                    self.positions[product] = position
                    if stamps is None:
                        self.newest[product] = None
                    elif "products" in stamps:
                        self.newest[product] = stamps["products"]

    def committed_cards(self):
        """{product: the stamp in its card, None if it was deleted}, as last acknowledged."""
        with self.lock:
            return dict(self.newest)

    # ── readers ──

    def record_read(self, read):
        self.listeners[read.listener] += 1
        self.counts["reads"] += 1
        self.counts["fresh" if read.fresh else "not fresh"] += read.status in (200, 404)
        self.counts[f"status {read.status}"] += 1
        self.counts["observations"] += len(read.seen)
        self.reads.append(read)

    def record_lost(self):
        self.counts["lost"] += 1

    # ── the judge's thread ──

    def _run(self):
        try:
            while not self.stopped.wait(self.window):
                self._judge()
            self._judge()
        except Exception as failure:  # told by stop(): a judge that died has judged nothing
            self.failure = failure

    def _judge(self):
        """The order matters: who is no longer in doubt has recorded its outcome before."""
        now = time.monotonic_ns()
        settled = min([now, *list(self.in_doubt.values())])
        for _ in range(len(self.transactions)):
            self.judge.transaction(self.transactions.popleft())
        self.waiting += (self.reads.popleft() for _ in range(len(self.reads)))
        self.waiting.sort(key=lambda read: read.received)
        count = next((i for i, read in enumerate(self.waiting) if read.received >= settled), len(self.waiting))
        self.judge.reads(self.waiting[:count])
        del self.waiting[:count]

    @property
    def violations(self):
        return sum(self.judge.counts.values())
