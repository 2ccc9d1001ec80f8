"""Prometheus's text format: parsed, summed, and compared over time."""
import re

_LINE = re.compile(r'^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    def __init__(self, text):
        self.rows = []  # (name, {label: value}, number)
        self.names = set()  # also of those that have no row yet
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                self.names.add(line.split()[2])
            elif line and not line.startswith("#"):
                match = _LINE.match(line)
                assert match, f"not a line of Prometheus's text format: {line!r}"
                self.rows.append((match["name"], dict(_LABEL.findall(match["labels"] or "")), float(match["value"])))

    def total(self, name, **labels):
        """The sum of all rows of this name that carry these labels; 0 for none. A name never heard of is an error."""
        assert name in self.names, f"there is no metric {name}"
        wanted = {key: str(value) for key, value in labels.items()}
        return sum(number for key, row, number in self.rows if key == name and wanted.items() <= row.items())


class Moves:
    """What the metrics of some replicas moved by since this object was made (or since again())."""

    def __init__(self, replicas):
        self.replicas = list(replicas)
        self.again()

    def again(self):
        self.before = [replica.metrics() for replica in self.replicas]

    def of(self, name, **labels):
        after = [replica.metrics() for replica in self.replicas]
        return sum(a.total(name, **labels) - b.total(name, **labels) for a, b in zip(after, self.before))
