"""Counts of durations in buckets whose width grows with the value: 32 to each doubling, so that a bucket's ends are at
most 3.2 % apart. All figures are taken from it, so whoever has the JSON can take them again."""
from math import ceil

PER_DOUBLING = 32
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "p99_99": 0.9999}


def bucket(us):
    """(first, last) whole microsecond of the bucket that `us` falls into."""
    shift = max(0, us.bit_length() - PER_DOUBLING.bit_length())
    first = us >> shift << shift
    return first, first + (1 << shift) - 1


class Histogram:
    def __init__(self, values=()):
        self.counts = {}  # {first of the bucket: how many}
        self.max = 0
        for us in values:
            self.counts[bucket(us)[0]] = self.counts.get(bucket(us)[0], 0) + 1
            self.max = max(self.max, us)

    @property
    def samples(self):
        return sum(self.counts.values())

    def add(self, other):
        for first, count in other.counts.items():
            self.counts[first] = self.counts.get(first, 0) + count
        self.max = max(self.max, other.max)
        return self

    def quantile(self, share):
        """The last value of the bucket in which the nearest rank lies, but never more than the largest that came."""
        rank = max(1, ceil(share * self.samples))
        for first in sorted(self.counts):
            rank -= self.counts[first]
            if rank <= 0:
                return min(bucket(first)[1], self.max)
        raise ValueError("nothing was measured")

    def figures(self):
        """In milliseconds."""
        return {**{name: self.quantile(share) / 1000 for name, share in QUANTILES.items()},
                "max": self.max / 1000, "samples": self.samples}

    def to_json(self):
        return {"unit": "us", "per_doubling": PER_DOUBLING, "max": self.max,
                "buckets": [[first, self.counts[first]] for first in sorted(self.counts)]}

    @classmethod
    def from_json(cls, made):
        one = cls()
        one.counts = {first: count for first, count in made["buckets"]}
        one.max = made["max"]
        return one
