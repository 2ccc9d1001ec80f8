"""One product's versions, in the order in which they were committed, and which of them an answer can be."""
OPEN = 2**63  # the last position of what is still current


class Unknown(Exception):
    """No version that is kept has this stamp there: (facet, stamp)."""


class Timeline:
    def __init__(self):
        self.base = 0        # position of makers[0]
        self.makers = []     # the transaction that made each version
        self.early = {}      # {position: (transaction, change)}: told before the one in front of it
        self.shown = {}      # {(facet, stamp): [first, last] position}
        self.current = {}    # {facet: its last span}
        self.absences = []   # [first, last] positions at which the product did not exist

    def add(self, transaction, change):
        self.early[change.position] = transaction, change
        while self.next in self.early:
            self._append(*self.early.pop(self.next))

    @property
    def next(self):
        return self.base + len(self.makers)

    def _append(self, transaction, change):
        position = self.next
        self.makers.append(transaction)
        absent = bool(self.absences) and self.absences[-1][1] == OPEN
        if change.stamps is None and not absent:
            for facet in list(self.current):
                self._end(facet, position)
            self.absences.append([position, OPEN])
        elif change.stamps:
            if absent:
                self.absences[-1][1] = position - 1
            for facet, stamp in change.stamps.items():
                self._end(facet, position)
                self.current[facet] = self.shown[facet, stamp] = [position, OPEN]

    def _end(self, facet, position):
        span = self.current.pop(facet, None)
        if span:
            span[1] = position - 1

    def spans(self, seen):
        """[(first, last)] positions at which the product looked like this. Empty: at none, though each stamp was."""
        if not seen:
            return self.absences
        first, last = 0, OPEN
        for pair in seen:
            span = self.shown.get(pair)
            if span is None:
                raise Unknown(pair)
            first, last = max(first, span[0]), min(last, span[1])
        return [(first, last)] if first <= last else []

    def maker(self, position):
        """Who made it; of what is no longer kept, the oldest that is."""
        return self.makers[max(position, self.base) - self.base]

    def acked_after(self, position, limit):
        """The first transaction that made a later version and was acknowledged by then; None if there is none."""
        for number in range(max(position + 1, self.base) - self.base, len(self.makers)):
            maker = self.makers[number]
            if maker.sent > limit:  # and so are all that follow: each waited for the one before to end
                return None
            if maker.acked <= limit:
                return maker
        return None

    def prune(self, horizon):
        """Forgets versions that had been replaced for certain by then."""
        gone = 0
        while gone + 1 < len(self.makers) and self.makers[gone + 1].acked < horizon:
            gone += 1
        if gone:
            del self.makers[:gone]
            self.base += gone
            self.shown = {pair: span for pair, span in self.shown.items() if span[1] >= self.base}
            self.absences = [span for span in self.absences if span[1] >= self.base]
