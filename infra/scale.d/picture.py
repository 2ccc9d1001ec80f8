"""The growth as SVG: a small plot for each column of the growth's table, over the number of products. Both axes are
logarithmic: what does not grow is a level line. Plain text, no library."""
import sys
from math import ceil, floor, log10

import settings  # first: it says where the modules of infra/lib are
from figures import drawing, line, polyline, show, text
from table import GROWTH, growth_value

WIDTH, HEIGHT = 300, 220  # of one plot
LEFT, RIGHT, TOP, BOTTOM = 55, 15, 30, 35
ACROSS = 3
MARGIN = 0.3  # of a decade, left of the smallest size and right of the largest
COLOUR = "#0b6e4f"


class Axes:
    """x: from the smallest size to the largest; y: in whole decades, at least one."""

    def __init__(self, points):
        sizes, values = zip(*points)
        self.x_first, self.x_last = log10(min(sizes)) - MARGIN, log10(max(sizes)) + MARGIN
        self.y_first = floor(log10(min(values)))
        self.y_last = max(ceil(log10(max(values))), self.y_first + 1)

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * (log10(value) - self.x_first) / (self.x_last - self.x_first)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(value) - self.y_first) / (self.y_last - self.y_first)


def grid(axes, sizes):
    for size in sizes:
        yield line(axes.x(size), TOP, axes.x(size), HEIGHT - BOTTOM)
        yield text(axes.x(size), HEIGHT - BOTTOM + 16, f"{size:,}")
    for power in range(axes.y_first, axes.y_last + 1):
        yield line(LEFT, axes.y(10 ** power), WIDTH - RIGHT, axes.y(10 ** power))
        yield text(LEFT - 6, axes.y(10 ** power) + 4, f"{10.0 ** power:,g}", "end")


def plot(heading, points, digits):
    """Nothing was measured: only the heading."""
    yield text(LEFT, 16, heading, "start")
    if not points:
        return
    axes = Axes(points)
    yield from grid(axes, [size for size, _ in points])
    yield polyline([(axes.x(x), axes.y(y)) for x, y in points], COLOUR)
    for x, y in points:
        yield f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3" fill="{COLOUR}"/>'
        yield text(axes.x(x), axes.y(y) - 7, f"{y:,.{digits}f}", colour=COLOUR)


def points_of(sizes, part, figure):
    return [(int(size), value) for size, parts in sizes.items() if (value := growth_value(parts, part, figure))]


def svg(measured):
    parts = []
    for place, (heading, part, figure, digits) in enumerate(GROWTH):
        x, y = place % ACROSS * WIDTH, place // ACROSS * HEIGHT
        points = points_of(measured["sizes"], part, figure)
        parts += [f'<g transform="translate({x} {y})">', *plot(heading, points, digits), "</g>"]
    return drawing(ACROSS * WIDTH, ceil(len(GROWTH) / ACROSS) * HEIGHT, parts)


if __name__ == "__main__":
    show("infra/scale", "--picture", sys.argv[1], svg)
