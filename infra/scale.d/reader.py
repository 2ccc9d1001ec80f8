"""Reads products at a constant rate, whether or not earlier answers are back (open loop), and writes down each read: a process
of its own, which bulk.py starts.

    reader.py PORT RATE TARGETS OUTPUT

TARGETS: a file, a product id a line; read in this order, over and over, until SIGTERM. OUTPUT: a line a read, all times in
microseconds of the machine's monotonic clock:

    due sent answered id status flags stamp

flags: m if the answer said that the document is marked, u if it said that its freshness is unproven, both, or -. stamp: the
number in the slogan "bulk N", or 0. A read for which no connection is free is sent later; its time counts from when it was due.
"""
import gc
import re
import selectors
import signal
import socket
import sys
import time
from collections import deque

CONNECTIONS = 128  # a read that waits for a fresh document shall not keep others from being sent
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
STATE = re.compile(rb"\r\ncache-status: ([^\r]*)", re.IGNORECASE)
STAMP = re.compile(rb'"slogan":"bulk (\d+)"')


def clock_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def parse(data):
    """(status, flags, stamp) of a whole answer; None while more of it is to come."""
    head_end = data.find(HEAD_END)
    if head_end < 0:
        return None
    length = LENGTH.search(data, 0, head_end)
    if not length:
        raise RuntimeError(f"an answer without a length: {data[:200]!r}")
    if len(data) < head_end + len(HEAD_END) + int(length[1]):
        return None
    said = STATE.search(data, 0, head_end)
    flags = ("m" if said and b"marked" in said[1] else "") + ("u" if said and b"unproven" in said[1] else "")
    stamp = STAMP.search(data, head_end)
    return int(data[9:12]), flags or "-", int(stamp[1]) if stamp else 0


class Connection:
    def __init__(self, port):
        self.port = port
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, due, id):
        self.due, self.id, self.data = due, id, b""
        self.sent = clock_us()
        self.socket.sendall(b"GET /products/%d HTTP/1.1\r\nhost: localhost\r\n\r\n" % id)

    def take(self):
        """The line of the read, once its answer is whole."""
        more = self.socket.recv(65536)
        answered = clock_us()
        if not more:
            raise RuntimeError("the server has closed a connection in the middle of an answer")
        self.data += more
        parsed = parse(self.data)
        return parsed and f"{self.due} {self.sent} {answered} {self.id} {parsed[0]} {parsed[1]} {parsed[2]}\n"

    @property
    def must_go(self):
        return b"\r\nconnection: close" in self.data[:self.data.find(HEAD_END)].lower()


class Reader:
    def __init__(self, port, rate, targets, output):
        self.every_us, self.targets, self.output = 1_000_000 / rate, targets, output
        self.selector = selectors.DefaultSelector()
        self.idle, self.waiting = deque(), deque()
        self.running, self.number = True, 0
        for _ in range(CONNECTIONS):
            self.add(Connection(port))

    def add(self, connection):
        self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        self.idle.append(connection)

    def run(self):
        begun = clock_us()
        while self.running:
            due = begun + int(self.number * self.every_us)
            if due <= clock_us():
                self.waiting.append((due, self.targets[self.number % len(self.targets)]))
                self.number += 1
            self.send()
            for key, _ in self.selector.select(max(0, due - clock_us()) / 1e6):
                self.take(key.data)

    def send(self):
        while self.waiting and self.idle:
            self.idle.popleft().send(*self.waiting.popleft())

    def take(self, connection):
        said = connection.take()
        if not said:
            return
        self.output.write(said)
        if connection.must_go:
            self.selector.unregister(connection.socket)
            connection.socket.close()
            connection.connect()
            self.add(connection)
        else:
            self.idle.append(connection)


def main(port, rate, targets, output):
    with open(targets, encoding="ascii") as file:
        ids = [int(line) for line in file]
    gc.disable()  # nothing here is in a circle, and nothing shall pause
    with open(output, "w", encoding="ascii", buffering=1 << 20) as file:
        reader = Reader(int(port), float(rate), ids, file)

        def stop(*_):
            reader.running = False
        signal.signal(signal.SIGTERM, stop)
        print("reading", flush=True)
        reader.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
