"""A measurement's JSON as a table, for people on a terminal and, in Markdown, for the README."""
import sys

from summary import OURS
from figures import lines, ratio, show

NAMES = {"http1": "HTTP/1.1", "h2c": "h2c", "h2": "TLS, HTTP/2"}
HEADING = ("protocol", "server", "CPU µs a request", "requests/s", "its core busy", "bytes a response",
           "CPU ÷ bare libh2o", "NGINX's CPU ÷ its")


def rows(measured):
    for protocol, summary in measured["summary"].items():
        for server, figures in summary["servers"].items():
            ours = summary["ratios"] if server == OURS else {}
            yield (NAMES[protocol], server, f"{figures['cpu_us']:.2f}", f"{figures['requests_per_second']:,.0f}",
                   f"{figures['busy']:.0%}", f"{figures['bytes_per_response']:,.0f}",
                   ratio(ours.get("cpu_to_bare")), ratio(ours.get("nginx_cpu_to_atelierd")))


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
            yield f"{NAMES[protocol]}: CPU {ratio(before)} of that of atelierd before"


def text(measured):
    table = [HEADING, *rows(measured)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADING))]
    padded = ["  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                       for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in table]
    return "\n".join([*padded, *notes(measured)]) + "\n"


def markdown(measured):
    return "\n".join([*lines(HEADING, rows(measured), left=2), "", ".  \n".join(notes(measured)) + "."]) + "\n"


if __name__ == "__main__":
    show("infra/bench", "--table", sys.argv[1], markdown)
