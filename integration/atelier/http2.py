"""An HTTP/2 client: clear text by prior knowledge (h2c), or TLS with ALPN. It keeps one connection, and makes a new one
only when the server has sent GOAWAY."""
import socket
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
import h2.settings

from .http1 import ConnectionLost, pairs
from .response import Response


GOAWAY = 7  # frame type


class Goaway(NamedTuple):
    """Kept from the h2 library, which would take the whole connection for closed: streams under way still finish."""
    last_stream: int
    error: int


class StreamReset(Exception):
    """The server ended the stream with an error."""


@dataclass
class Stream:
    headers: tuple = ()
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None


class Http2:
    version = "HTTP/2"

    def __init__(self, port, tls=None, limit=10, window=None, address="127.0.0.1"):
        """`window`: the flow-control window of each stream; None takes the default and keeps it open."""
        self.port, self.address = port, (address, port)
        self.how = tls, limit, window
        self.keeps_window_open = window is None
        self._connect()

    def _connect(self):
        tls, limit, window = self.how
        self.goaway = None  # the last Goaway that came
        self.received = b""
        self.streams = {}
        self.socket = socket.create_connection(self.address, timeout=limit)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            tls.set_alpn_protocols(["h2"])
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2", "the server did not take h2 by ALPN"
        self._say_hello(window)

    def _say_hello(self, window):
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window,
                                             h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self.h2.initiate_connection()
        self._flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def request(self, method, target, headers=None, body=None):
        if self.goaway:
            self.close()
            self._connect()
        return self.finish(self.open(method, target, headers, body))

    def get(self, target, headers=None):
        return self.request("GET", target, headers)

    def head(self, target, headers=None):
        return self.request("HEAD", target, headers)

    def open(self, method, target, headers=None, body=None):
        """Sends the request and returns its stream's number: several may be under way at once."""
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        scheme = "https" if hasattr(self.socket, "selected_alpn_protocol") else "http"
        lines = [(":method", method), (":scheme", scheme), (":authority", f"localhost:{self.port}"),
                 (":path", target)]
        lines += [(name.lower(), str(value)) for name, value in pairs(headers)]
        self.h2.send_headers(number, lines, end_stream=body is None)
        self._flush()
        if body is not None:
            self._send_body(number, body)
        return number

    def finish(self, number):
        """The stream's answer, once it has come whole."""
        stream = self.streams[number]
        while not stream.ended:
            if stream.reset:
                raise StreamReset(f"stream {number} was reset with error {stream.reset}")
            self.receive()
        status = int(dict(stream.headers)[":status"])
        headers = tuple((name, value) for name, value in stream.headers if not name.startswith(":"))
        return Response(self.version, status, headers, bytes(stream.body))

    def open_window(self, size, stream):
        """Lets the server send `size` bytes more on this stream and on the connection."""
        self.h2.increment_flow_control_window(size, stream)
        self.h2.increment_flow_control_window(size)
        self._flush()

    def receive(self):
        """Takes in whatever the server sends next."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionLost(f"port {self.port}: closed; GOAWAY before it: {self.goaway}")
        for frame in self._frames(data):
            if frame[3] == GOAWAY:
                self.goaway = Goaway(*struct.unpack(">II", frame[9:17]))
                continue
            for event in self.h2.receive_data(frame):
                self._take(event)
        self._flush()

    def _frames(self, data):
        """Each whole frame that has come: 9 bytes of head (length, type, flags, stream), then its payload."""
        self.received += data
        while len(self.received) >= 9:
            end = 9 + int.from_bytes(self.received[:3], "big")
            if len(self.received) < end:
                return
            frame, self.received = self.received[:end], self.received[end:]
            yield frame

    def receive_until(self, condition):
        while not condition():
            self.receive()

    def is_closed(self):
        """Waits until the server has closed the connection: True."""
        try:
            while True:
                self.receive()
        except (ConnectionLost, ConnectionResetError):
            return True

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = tuple(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.keeps_window_open and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code

    def _send_body(self, number, body):
        """Keeps within the server's window; stops when the server has answered without waiting for the rest."""
        stream = self.streams[number]
        while body and not stream.headers and not stream.reset:
            size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(body))
            if size == 0:
                self.receive()
                continue
            self.h2.send_data(number, body[:size])
            body = body[size:]
            self._flush()
        if not body:
            self.h2.end_stream(number)
            self._flush()

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)
