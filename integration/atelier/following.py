"""Clients of GET /events: what a browser's EventSource does, with everything that came kept for looking at."""
import json
import threading
from contextlib import contextmanager
from typing import NamedTuple

from .http1 import Http1
from .http2 import StreamReset
from .waiting import wait_until


class Event(NamedTuple):
    kind: str
    data: dict
    id: str  # the client's Last-Event-ID after it; "" if there is none yet

    @property
    def product(self):
        return self.data.get("id")


class Parser:
    """The HTML Standard's, 9.2.6; feed it bytes."""

    def __init__(self, last_id=""):
        self.last_id = last_id
        self.rest = b""
        self.kind, self.data = "", []
        self.comments = 0
        self.retry = None

    def feed(self, data):
        """The events that are whole by now."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [event for event in map(self._line, lines) if event]

    def _line(self, line):
        if not line:
            event = Event(self.kind or "message", json.loads("\n".join(self.data)), self.last_id) if self.data else None
            self.kind, self.data = "", []
            return event
        name, _, value = line.decode().partition(":")
        value = value.removeprefix(" ")
        if name == "":
            self.comments += 1
        elif name == "id":
            self.last_id = value
        elif name == "event":
            self.kind = value
        elif name == "data":
            self.data.append(value)
        elif name == "retry":
            self.retry = int(value)
        else:
            raise AssertionError(f"not a field of an event stream: {line!r}")
        return None


class Refused(Exception):
    """Not a stream: the answer is args[0]."""


def pieces(client, target, headers):
    """Opens the stream; yields its headers, then its bytes as they come, until the server ends it."""
    if isinstance(client, Http1):
        client.send("GET", target, headers)
        status, answer = client._head()
        if status != 200:
            raise Refused(status)
        yield dict(answer)
        yield from client._chunks()
        return
    stream = client.streams[client.open("GET", target, headers)]
    client.receive_until(lambda: stream.headers or stream.reset)
    answer = dict(stream.headers)
    if answer[":status"] != "200":
        raise Refused(int(answer[":status"]))
    yield answer
    while True:
        taken, stream.body = bytes(stream.body), bytearray()
        yield taken
        if stream.ended:
            return
        if stream.reset:
            raise StreamReset(f"reset with error {stream.reset}")
        client.receive()


class Follower(threading.Thread):
    """Follows until it is closed. When a stream ends or breaks it opens another one, after its last id; `connects`,
    () → client, are taken in turn. `again`: whether it does that, or stops."""

    def __init__(self, *connects, ids=None, last_id="", again=True):
        super().__init__(daemon=True)
        self.connects = connects
        self.target = "/events" + (f"?ids={','.join(map(str, ids))}" if ids else "")
        self.again = again
        self.parser = Parser(last_id)
        self.events = []
        self.streams = 0     # that were opened
        self.endings = []    # of them: None for in good form, or an exception
        self.headers = None  # of the last one
        self.client = None
        self.closed = False
        self.pause = threading.Event()

    def __enter__(self):
        self.start()
        wait_until("the stream is open", lambda: self.streams or self.endings, 10)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closed = True
        if self.client:
            _shut(self.client)
        self.join(20)

    def run(self):
        turn = 0
        while not self.closed:
            try:
                self._stream(self.connects[turn % len(self.connects)])
                self.endings.append(None)
            except Exception as problem:  # whatever ends a stream
                self.endings.append(problem)
            if not self.again:
                return
            turn += 1
            self.pause.wait(0.02)

    def _stream(self, connect):
        headers = {"Last-Event-ID": self.parser.last_id} if self.parser.last_id else {}
        self.parser = parser = Parser(self.parser.last_id)
        self.client = client = connect()
        client.socket.settimeout(60)
        opened = False
        try:
            stream = pieces(client, self.target, headers)
            self.headers = next(stream)
            for piece in stream:
                self.events += parser.feed(piece)
                if parser.retry and not opened:
                    opened = True
                    self.streams += 1
        finally:
            client.close()

    @property
    def last_id(self):
        return self.parser.last_id

    def products(self):
        return [event.product for event in self.events if event.kind == "change"]

    def reloads(self):
        return [event.data["reason"] for event in self.events if event.kind == "reload"]

    def wait(self, what, condition, limit=10):
        try:
            return wait_until(what, lambda: condition(self), limit)
        except AssertionError as late:
            raise AssertionError(f"{late}; {self.streams} streams, {len(self.events)} events, the last: "
                                 f"{self.events[-5:]}, endings: {self.endings[-3:]}") from None


def _shut(client):
    try:
        client.socket.shutdown(2)
    except OSError:
        pass


# ── what tests of them share ──

QUICK = ["--events-heartbeat-ms", 200]
MARKER = 160  # changed last: once it is told, all before it has been


def on(replica):
    return lambda: Http1(replica.clear)


def touch(connection, *ids):
    connection.execute("UPDATE products SET slogan = slogan || '+' WHERE id = ANY(%s)", [list(ids)])


def mark(connection, *followers):
    """Waits until all of them have been told of one more change of the marker."""
    before = [follower.products().count(MARKER) for follower in followers]
    touch(connection, MARKER)
    for follower, count in zip(followers, before):
        follower.wait("the marker is told", lambda f: f.products().count(MARKER) > count)


@contextmanager
def owner_of(stack):
    with stack.postgres.connect("atelier_owner") as connection:
        yield connection
