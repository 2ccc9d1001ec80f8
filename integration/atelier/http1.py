"""An HTTP/1.1 client that sends exactly what it is told and never retries. It keeps one connection, and makes a new one
only when the server has said `Connection: close`."""
import socket
import ssl

from .response import Response


class ConnectionLost(Exception):
    """The server closed the connection before the answer was whole."""


def pairs(headers):
    """Headers may be given as a dictionary, or as pairs where a name occurs twice."""
    return headers.items() if hasattr(headers, "items") else headers or ()


class Http1:
    version = "HTTP/1.1"
    host = "127.0.0.1"

    def __init__(self, port, tls=None, limit=10, receive_buffer=None, preface=b"", address=None):
        """`tls`: an ssl.SSLContext, or None for clear text. `receive_buffer`: bytes the kernel may take in ahead.
        `preface`: sent first of all, before TLS begins."""
        self.port, self.address = port, (address or self.host, port)
        self.how = tls, limit, receive_buffer, preface
        self._connect()

    def _connect(self):
        tls, limit, receive_buffer, preface = self.how
        self.told_to_close = False
        self.socket = socket.socket()
        self.socket.settimeout(limit)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(preface)
        if tls:
            tls.set_alpn_protocols(["http/1.1"])
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.input = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()

    def request(self, method, target, headers=None, body=None):
        if self.told_to_close:
            self.close()
            self._connect()
        try:
            self.send(method, target, headers, body)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            pass  # the server may refuse a body before it has taken it all in: its answer is still to be read
        return self.receive(method)

    def get(self, target, headers=None):
        return self.request("GET", target, headers)

    def head(self, target, headers=None):
        return self.request("HEAD", target, headers)

    def send(self, method, target, headers=None, body=None):
        lines = [f"{method} {target} HTTP/1.1", f"Host: localhost:{self.port}"]
        lines += [f"{name}: {value}" for name, value in pairs(headers)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send_raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive(self, method="GET"):
        status, headers = self._head()
        while status == 100:
            status, headers = self._head()
        self.told_to_close = dict(headers).get("connection") == "close"
        has_no_body = method == "HEAD" or status in (204, 304)
        return Response(self.version, status, headers, b"" if has_no_body else self._body(dict(headers)))

    def is_closed(self):
        """Waits until the server has closed the connection: True. A byte more, or the time limit: an error."""
        try:
            return self.input.read(1) == b""
        except ConnectionResetError:
            return True

    def _line(self):
        line = self.input.readline(65537)
        if not line.endswith(b"\r\n"):
            raise ConnectionLost(f"port {self.port}: closed after {line!r}")
        return line[:-2].decode("latin-1")

    def _head(self):
        version, status, *_ = self._line().split(" ", 2)
        assert version == self.version, f"answered in {version}"
        headers = []
        while line := self._line():
            name, value = line.split(":", 1)
            headers.append((name.lower(), value.strip()))
        return int(status), tuple(headers)

    def _body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return self.input.read()

    def _chunks(self):
        while size := int(self._line().split(";")[0], 16):
            yield self._exactly(size)
            self._line()
        while self._line():
            pass

    def _exactly(self, size):
        data = self.input.read(size)
        if len(data) != size:
            raise ConnectionLost(f"port {self.port}: {len(data)} of {size} bytes of the body came")
        return data
