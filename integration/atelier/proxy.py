"""A TCP proxy in front of Postgres that does what networks do: cuts, swallows, holds back, delays, loses notifications.

    with Proxy(postgres.port) as proxy:
        … host=127.0.0.1 port={proxy.port} sslmode=disable …
        proxy.cut("/feed")

It runs in a thread of its own. Every method returns once what it says is so, and may be called from any thread.
"""
import asyncio
import socket
import struct
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress

from .ports import free_port

TO_SERVER, TO_CLIENT = "to server", "to client"
BOTH = (TO_SERVER, TO_CLIENT)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends RST instead of FIN
_LIMIT = 10  # seconds for a method of Proxy

# Proxies share the interpreter with the tests' clients, and would wait 5 ms for their turn at every message.
sys.setswitchinterval(0.0005)


class _Connection:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, client, server):
        self.writers = {TO_CLIENT: client, TO_SERVER: server}
        self.swallowed = set()  # directions in which nothing arrives any more
        self.name = ""  # the application_name that the client gave

    def learn_name(self, startup):
        """Postgres's first message is a length, a version, and words that each end in a zero byte."""
        words = startup[8:].split(b"\0")
        if b"application_name" in words:
            self.name = words[words.index(b"application_name") + 1].decode()

    def end(self, reset):
        for writer in self.writers.values():
            if reset:
                with suppress(OSError):  # it may be closed already
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()


class _Deaf:
    """Takes NotificationResponse out of what Postgres says: messages of a letter, a length and a body."""

    def __init__(self):
        self.buffer = b""

    def __call__(self, data):
        self.buffer += data
        kept, at = [], 0
        while len(self.buffer) >= at + 5:
            end = at + 1 + int.from_bytes(self.buffer[at + 1:at + 5], "big")
            if end > len(self.buffer):
                break
            if self.buffer[at:at + 1] != b"A":
                kept.append(self.buffer[at:end])
            at = end
        self.buffer = self.buffer[at:]
        return b"".join(kept)


class Proxy:
    def __init__(self, target, loses_notifications=False):
        """Passes connections on to port `target` of 127.0.0.1, from `port`, which stays the same for ever."""
        self.target = target
        self.port = free_port()
        self.delay = 0  # seconds that every piece of data takes longer, in either direction
        self.loses_notifications = loses_notifications
        self.connections = set()
        self.passing = asyncio.Event()  # unless it is set, data and new connections wait
        self.passing.set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.server = None

    def __enter__(self):
        self.thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_):
        self._do(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_LIMIT)

    # ── what a network does; `name`: only to connections whose application_name ends so ──

    def cut(self, name="", reset=True):
        """Ends the connections there are, on both sides: by RST, or by FIN. How many they were."""
        return self._do(self._cut(name, reset))

    def swallow(self, name="", directions=BOTH):
        """What is sent over the connections there are vanishes, and nobody is told; new ones work. How many they were.
        """
        return self._do(self._swallow(name, directions))

    def hold(self):
        """Nothing arrives, new connections neither, until release(): a network that is gone for a while. Nothing that
        was sent is lost, as TCP sends it again."""
        self._do(self._hold(True))

    def release(self):
        self._do(self._hold(False))

    def refuse(self):
        """Ends the connections there are, and refuses new ones until accept()."""
        self._do(self._refuse())

    def accept(self):
        self._do(self._open())

    def names(self):
        """The application_names of the connections there are."""
        return self._do(self._names())

    # ── on the proxy's thread ──

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(_LIMIT)

    async def _open(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self):
        self.server.close()
        await self._cut("", True)
        await self.server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _refuse(self):
        self.server.close()
        await self._cut("", True)
        await self.server.wait_closed()

    def _called(self, name):
        return [connection for connection in self.connections if connection.name.endswith(name)]

    async def _names(self):
        return [connection.name for connection in self.connections]

    async def _cut(self, name, reset):
        found = self._called(name)
        for connection in found:
            connection.end(reset)
        self.connections.difference_update(found)
        return len(found)

    async def _swallow(self, name, directions):
        found = self._called(name)
        for connection in found:
            connection.swallowed.update(directions)
        return len(found)

    async def _hold(self, held):
        if held:
            self.passing.clear()
        else:
            self.passing.set()

    async def _serve(self, from_client, client):
        await self.passing.wait()
        try:
            from_server, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client.close()
            return
        connection = _Connection(client, server)
        self.connections.add(connection)
        await asyncio.gather(self._pump(connection, from_client, TO_SERVER),
                             self._pump(connection, from_server, TO_CLIENT), return_exceptions=True)
        self.connections.discard(connection)

    async def _pump(self, connection, reader, direction):
        try:
            await self._pass_on(connection, reader, direction)
        except OSError:
            if direction not in connection.swallowed:
                connection.end(reset=True)

    async def _pass_on(self, connection, reader, direction):
        writer = connection.writers[direction]
        deaf = _Deaf() if self.loses_notifications and direction == TO_CLIENT else None
        while data := await reader.read(65536):
            if not connection.name and direction == TO_SERVER:
                connection.learn_name(data)
            if self.delay:
                await asyncio.sleep(self.delay)
            await self.passing.wait()
            if direction not in connection.swallowed:
                writer.write(deaf(data) if deaf else data)
                await writer.drain()
        if direction not in connection.swallowed:
            writer.close()


@contextmanager
def behind(proxy, replica, postgres, *options):
    """The replica speaks to Postgres through the proxy, with these options besides. Afterwards it runs as before."""
    before = replica.argv
    reader = f"host=127.0.0.1 user=atelier_reader dbname=atelier password={postgres.passwords['atelier_reader']}"
    _restart(replica, [*before, "--postgres", f"{reader} port={proxy.port} sslmode=disable", *map(str, options)])
    try:
        yield replica
    finally:
        _restart(replica, before)


@contextmanager
def behind_proxies(replicas, postgres, **how):
    """Each replica behind a proxy of its own, made with `how`; yields the proxies."""
    with ExitStack() as ending:
        proxies = [ending.enter_context(Proxy(postgres.port, **how)) for _ in replicas]
        for replica, proxy in zip(replicas, proxies):
            ending.enter_context(behind(proxy, replica, postgres))
        yield proxies


def _restart(replica, argv):
    replica.stop()
    replica.argv = argv
    replica.start_ready()
