"""The histogram as SVG: time to be shown on a logarithmic x axis, share of the changes on a logarithmic y axis, where a
tail can be seen; one line a replica and subscriber. Plain text, no library."""
import sys
from math import log10

import settings  # first: it says where the modules of infra/lib are
from figures import drawing, line, polyline, show, text
from histogram import Histogram, bucket

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 60
COLOURS = {"r1": "#0b6e4f", "r2": "#2f9e44", "r3": "#8fbc5a", "baseline beside": "#b5485d", "baseline alone": "#d98c3f"}
PER_DECADE = 12  # the picture's own buckets: the JSON's are too narrow for an eye
LEAST_US = 100   # whatever is quicker stands at the left edge


def coarse(histogram):
    """{number of the bucket: share of all}; bucket n begins at 10 ** (n / PER_DECADE) µs."""
    shares = {}
    for first, count in histogram.counts.items():
        middle = max(LEAST_US, sum(bucket(first)) / 2)
        number = int(log10(middle) * PER_DECADE + 1e-9)
        shares[number] = shares.get(number, 0) + count / histogram.samples
    return shares


class Axes:
    def __init__(self, shares):
        numbers = [number for one in shares for number in one]
        self.first = min(numbers) // PER_DECADE * PER_DECADE
        self.last = max(max(numbers) // PER_DECADE + 1, self.first // PER_DECADE + 1) * PER_DECADE
        self.lowest = min(-1, int(log10(min(share for one in shares for share in one.values()))) - 1)

    def x(self, number):
        return LEFT + (WIDTH - LEFT - RIGHT) * (number - self.first) / (self.last - self.first)

    def y(self, share):
        power = max(log10(share), self.lowest) if share else self.lowest
        return TOP + (HEIGHT - TOP - BOTTOM) * power / self.lowest

    def steps(self, shares):
        """The line's points: a step for each bucket, down to the floor where there is none."""
        points = [(self.x(min(shares)), self.y(0))]
        for number in range(min(shares), max(shares) + 1):
            points += [(self.x(number), self.y(shares.get(number, 0))), (self.x(number + 1), self.y(shares.get(number, 0)))]
        return points + [(self.x(max(shares) + 1), self.y(0))]


def grid(axes):
    bottom = HEIGHT - BOTTOM
    for number in range(axes.first, axes.last + 1, PER_DECADE):
        yield line(axes.x(number), TOP, axes.x(number), bottom)
        yield text(axes.x(number), bottom + 18, f"{10 ** (number / PER_DECADE) / 1000:g} ms")
    for power in range(axes.lowest, 1):
        yield line(LEFT, axes.y(10 ** power), WIDTH - RIGHT, axes.y(10 ** power))
        yield text(LEFT - 8, axes.y(10 ** power) + 4, f"{10.0 ** (power + 2):g} %", "end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "from the acknowledged commit to the first answer that shows it")
    yield text(LEFT, 16, "share of the changes, in buckets of a twelfth of a decade; what took 0.1 ms or less is at the left "
               "edge", "start")


def svg(measured):
    histograms = {name: Histogram.from_json(made) for name, made in measured["bound"]["histograms"].items() if name in COLOURS}
    shares = {name: coarse(histogram) for name, histogram in histograms.items()}
    axes = Axes(shares.values())
    parts = [*grid(axes)]
    for place, (name, one) in enumerate(shares.items()):
        parts.append(polyline(axes.steps(one), COLOURS[name]))
        parts.append(text(LEFT + place * 150, 36, f"{name} ({histograms[name].samples:,})", "start", COLOURS[name]))
    return drawing(WIDTH, HEIGHT, parts)


if __name__ == "__main__":
    show("infra/freshness", "--picture", sys.argv[1], svg)
