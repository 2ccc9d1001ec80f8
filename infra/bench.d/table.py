"""A measurement's JSON as a table, for people on a terminal and, in Markdown, for the README."""
import json
import sys

from summary import OURS

NAMES = {"http1": "HTTP/1.1", "h2c": "h2c", "h2": "TLS, HTTP/2"}
HEADING = ("protocol", "server", "CPU µs a request", "requests/s", "its core busy", "bytes a response",
           "CPU ÷ bare libh2o", "NGINX's CPU ÷ its")


def _ratio(ratio):
    """The median, the lowest and the highest; nothing where there is none."""
    return f"{ratio['median']:.2f} ({min(ratio['rounds']):.2f}–{max(ratio['rounds']):.2f})" if ratio else ""


def rows(measured):
    for protocol, summary in measured["summary"].items():
        for server, figures in summary["servers"].items():
            ours = summary["ratios"] if server == OURS else {}
            yield (NAMES[protocol], server, f"{figures['cpu_us']:.2f}", f"{figures['requests_per_second']:,.0f}",
                   f"{figures['busy']:.0%}", f"{figures['bytes_per_response']:,.0f}",
                   _ratio(ours.get("cpu_to_bare")), _ratio(ours.get("nginx_cpu_to_atelierd")))


def notes(measured):
    setup, machine = measured["setup"], measured["machine"]
    yield (f"{measured['date'][:10]}, commit {measured['commit']}; {machine['cpu']}, {machine['cores']} cores, Linux "
           f"{machine['kernel']}; " + ", ".join(f"{name} {version}" for name, version in measured["versions"].items()))
    yield (f"{setup['products']:,} products, {setup['document']} documents of {setup['document_bytes']:,} bytes on "
           f"average, ids uniform; one core for the server, one for the load; medians of {setup['rounds']} interleaved "
           f"rounds of {setup['seconds']} s, ratios within each round (lowest–highest); a server whose core is not busy "
           "could have answered more")
    for protocol, summary in measured["summary"].items():
        if before := summary["ratios"].get("cpu_to_before"):
            yield f"{NAMES[protocol]}: CPU {_ratio(before)} of that of atelierd before"


def text(measured):
    table = [HEADING, *rows(measured)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADING))]
    lines = ["  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                       for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in table]
    return "\n".join([*lines, *notes(measured)]) + "\n"


def markdown(measured):
    lines = ["| " + " | ".join(HEADING) + " |", "|---|---|" + "--:|" * (len(HEADING) - 2)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(measured)]
    return "\n".join([*lines, "", ".  \n".join(notes(measured)) + "."]) + "\n"


def main(words):
    try:
        with open(words[0], encoding="utf-8") as file:
            print(markdown(json.load(file)), end="")
    except OSError as problem:
        sys.exit(f"infra/bench: --table: cannot read {words[0]}: {problem.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError):
        sys.exit(f"infra/bench: --table: {words[0]} is not a file that infra/bench wrote")


if __name__ == "__main__":
    main(sys.argv[1:])
