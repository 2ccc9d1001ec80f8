"""Free TCP ports on the loopback address, picked at run time."""
import random
import socket

# Below Linux's ephemeral range (32768…): a client's outgoing connection can never take the port
# of a replica that a test has just stopped and is about to start again.
RANGE = range(12000, 32000)

_given = set()


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    """A port that nobody listens on and that this run has not given out before."""
    for _ in range(1000):
        port = random.choice(RANGE)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port on 127.0.0.1 between {RANGE.start} and {RANGE.stop}")


def free_ports(count):
    """The first of so many in a row, as free_port()."""
    for _ in range(1000):
        first = free_port()
        rest = range(first + 1, first + count)
        if not _given.intersection(rest) and all(map(is_free, rest)):
            _given.update(rest)
            return first
    raise RuntimeError(f"no {count} free ports in a row on 127.0.0.1")
