"""What measuring commands make of their figures: ratios, Markdown, SVG; and an earlier run's JSON, read back."""
import json
import sys
from statistics import median


def ratio_of(rounds):
    """The median, and each round's."""
    rounds = [round(ratio, 3) for ratio in rounds]
    return {"median": round(median(rounds), 3), "rounds": rounds}


# ── Markdown ──

def ratio(one):
    """The median, the lowest and the highest; nothing where there is none."""
    return f"{one['median']:.2f} ({min(one['rounds']):.2f}–{max(one['rounds']):.2f})" if one else ""


def lines(heading, rows, left=1):
    """A table; the first `left` columns are text."""
    yield "| " + " | ".join(heading) + " |"
    yield "|" + "---|" * left + "--:|" * (len(heading) - left)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


# ── SVG ──

def line(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def text(x, y, words, anchor="middle", colour="#444"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def polyline(points, colour):
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def drawing(width, height, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
                      'font-size="12">', f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>"]) + "\n"


# ── an earlier run ──

def read(command, option, path):
    """The JSON of an earlier run; exits with one line if it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as problem:
        sys.exit(f"{command}: {option}: cannot read {path}: {problem.strerror}")
    except ValueError:
        sys.exit(f"{command}: {option}: {path} is not a file that {command} wrote")


def show(command, option, path, make):
    """Prints what `make` makes of the JSON."""
    measured = read(command, option, path)
    try:
        print(make(measured), end="")
    except (KeyError, TypeError, AttributeError, ValueError):
        sys.exit(f"{command}: {option}: {path} is not a file that {command} wrote")
