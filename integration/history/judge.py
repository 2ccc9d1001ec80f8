"""The judge: says of each read whether the promises allow it. Pure: no clock, no thread, no I/O.

It must be told every transaction whose commit was sent before a read's answer had come, before it is told that read.

| rule | what no answer may do |
|---|---|
| stale | show less than was acknowledged `bound` before the request was sent, and not say so |
| never committed | show what was rolled back, taken back, or never written |
| before its commit | show what its writer had not even asked to commit when the answer had come |
| mixed | show parts of a product that were never true together |
| at least | show less than Catalogue-At-Least asks for, or a lower version |
| version order | show less under a higher Catalogue-Version than another answer did under a lower or the same one |
| version back | say a lower version for a document than the same replica said before |
| unexpected | have a status that none of this explains |
"""
from bisect import bisect_left
from collections import Counter, defaultdict

from .timeline import OPEN, Timeline, Unknown

STORIES = 20  # violations told at length; all are counted
ORDER_NS = 20 * 10**9  # answers are compared by version with those of so long ago
EXPLAINED = {200, 404, 502, 503, 504}


class Judge:
    def __init__(self, bound_ns, keep_ns=120 * 10**9):
        """`keep_ns`: how long replaced versions are remembered; longer than anybody may show them."""
        self.bound = bound_ns
        self.keep = keep_ns
        self.timelines = defaultdict(Timeline)
        self.taken_back = {}  # {stamp: the transaction that wrote it and did not commit it}
        self.orders = defaultdict(list)  # {product: [(version, -first, last, read)]}
        self.highest = defaultdict(lambda: ([], []))  # {(replica, target): ([received], [highest version by then])}
        self.counts = Counter()  # by rule
        self.stories = []
        self.oldest = 0  # ns: how long at most something had been acknowledged that a fresh answer lacked

    def transaction(self, transaction):
        for stamp in transaction.hidden:
            self.taken_back[stamp] = transaction
        for change in transaction.changes:
            if transaction.committed:
                self.timelines[change.product].add(transaction, change)
            else:
                self.taken_back |= dict.fromkeys((change.stamps or {}).values(), transaction)

    def reads(self, reads):
        """In the order in which they were received; each call goes on where the one before stopped."""
        for read in reads:
            if read.status not in EXPLAINED or (read.seen and not read.version):
                self._violated("unexpected", read)
            for product, seen in read.seen.items():
                self._product(read, product, seen)
            if read.version and read.seen:
                self._version(read)
        self._version_order()
        if reads:
            self._forget(reads[-1].received)

    def gaps(self):
        """Products of which a version is missing: the recorder's fault, and nothing that was judged counts then."""
        return [product for product, timeline in self.timelines.items() if timeline.early]

    # ── one product in one answer ──

    def _product(self, read, product, seen):
        timeline = self.timelines[product]
        try:
            spans = timeline.spans(seen)
        except Unknown as unknown:
            pair = unknown.args[0]
            self._violated("never committed", read, product, wrong=pair, by=self.taken_back.get(pair[1]))
            return
        if not spans:
            self._violated("mixed" if seen else "never committed", read, product)
            return
        begun = [span for span in spans if timeline.maker(span[0]).sent <= read.received]
        if not begun:
            self._violated("before its commit", read, product, by=timeline.maker(spans[0][0]))
            return
        self._age(read, product, timeline, begun[0][0], begun[-1][1])

    def _age(self, read, product, timeline, first, last):
        if read.at_least and read.at_least[1:2] == (product,) and last < read.at_least[2]:
            self._violated("at least", read, product, lacks=timeline.maker(read.at_least[2]))
        if not read.fresh:
            return
        if last != OPEN:
            lacks = timeline.acked_after(last, read.sent - self.bound)
            if lacks:
                self._violated("stale", read, product, by=timeline.maker(first), lacks=lacks)
            if last + 1 < timeline.next:
                self.oldest = max(self.oldest, read.sent - timeline.maker(last + 1).acked)
        if read.version:
            # Each card of a list is as new as the list's version or a little older, so it bounds from below only.
            self.orders[product].append((read.version, -first, last if read.exact else OPEN, read))

    # ── versions ──

    def _version(self, read):
        if read.at_least and len(read.at_least) == 1 and read.version < read.at_least[0]:
            self._violated("at least", read)
        if not (read.replica and read.exact):
            return
        received, highest = self.highest[read.replica, read.target]
        before = bisect_left(received, read.sent)
        if before and highest[before - 1] > read.version:
            self._violated("version back", read, before=highest[before - 1])
        received.append(read.received)
        highest.append(max(read.version, highest[-1]) if highest else read.version)

    def _version_order(self):
        """By version, what was certainly there never exceeds what was possibly there."""
        for product, order in self.orders.items():
            order.sort(key=lambda row: row[:2])
            newest = None
            for row in list(order):
                if newest and -newest[1] > row[2]:
                    self._violated("version order", row[3], product, against=newest[3])
                    order.remove(row)
                elif newest is None or row[1] < newest[1]:
                    newest = row

    # ── housekeeping ──

    def _forget(self, now):
        horizon = now - self.keep
        for timeline in self.timelines.values():
            timeline.prune(horizon)
        self.taken_back = {stamp: by for stamp, by in self.taken_back.items() if by.begun >= horizon}
        for product, order in self.orders.items():
            self.orders[product] = [row for row in order if row[3].received >= now - ORDER_NS]
        for key, (received, highest) in list(self.highest.items()):
            gone = bisect_left(received, horizon)
            # The last one that goes keeps the highest version by then: it stands for all before it.
            if gone > 1:
                del received[:gone - 1], highest[:gone - 1]

    def _violated(self, rule, read, product=None, **why):
        self.counts[rule] += 1
        if len(self.stories) < STORIES:
            self.stories.append(story(rule, read, product, why))


def story(rule, read, product, why):
    """Which read, which writes, all times; in milliseconds from when the request was sent."""
    def at(ns):
        return None if ns is None else round((ns - read.sent) / 1e6, 3)

    def told(item):
        if hasattr(item, "writer"):
            return {"writer": item.writer, "kind": item.kind, "xid": item.xid, "begun": at(item.begun),
                    "commit_sent": at(item.sent), "commit_acknowledged": at(item.acked), "committed": item.committed,
                    "asked": item.asked,
                    "change": [change._asdict() for change in item.changes if change.product == product]}
        if hasattr(item, "listener"):
            return {"listener": item.listener, "target": item.target, "sent": at(item.sent),
                    "received": at(item.received), "version": item.version, "seen": item.seen.get(product)}
        return item

    return {"rule": rule, "product": product, "monotonic_ns": read.sent, "listener": read.listener,
            "target": read.target, "status": read.status, "version": read.version, "cache_status": read.said,
            "at_least": read.at_least, "received": at(read.received), "seen": read.seen.get(product),
            **{name: told(item) for name, item in why.items()}}
