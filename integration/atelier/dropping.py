"""A proxy that drops packets: to those who sent them it looks as if the network had swallowed them."""
import ctypes
import socket

from .proxy import TO_CLIENT, Proxy

NO_DROPS = "to drop packets takes CAP_NET_ADMIN, which infra/test keeps if root starts it"
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.POINTER(_Instruction))]


_NOTHING = _Instruction(6, 0, 0, 0)  # BPF: return 0, keep no byte of the packet


def _deafen(transport_socket):
    """From now on the kernel drops what arrives for this socket before TCP sees it: nothing is acknowledged."""
    program = _Program(1, ctypes.pointer(_NOTHING))
    transport_socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


def may_drop():
    """Whether the kernel lets us."""
    with socket.socket() as trial:
        try:
            _deafen(trial)
        except PermissionError:
            return False
        return True


class DroppingProxy(Proxy):
    """Unlike swallow(), drop() leaves the packets unacknowledged, as a cut cable or a forgetful firewall does."""

    def drop(self, name=""):
        """The connections there are, half-open from now on. How many they were."""
        return self._do(self._drop(name))

    def drop_all(self):
        """New ones too, until reachable()."""
        return self._do(self._drop_all())

    def reachable(self):
        self._do(self._reachable())

    def replaced(self, name):
        """Whether there is a connection of this name that is not half-open."""
        return self._do(self._is_replaced(name))

    async def _drop(self, name):
        found = self._called(name)
        for connection in found:
            _deafen(connection.writers[TO_CLIENT].get_extra_info("socket"))
            connection.swallowed.add(TO_CLIENT)
        return len(found)

    async def _drop_all(self):
        for listening in self.server.sockets:
            _deafen(listening)
        return await self._drop("")

    async def _reachable(self):
        for listening in self.server.sockets:
            listening.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)

    async def _is_replaced(self, name):
        return any(not connection.swallowed for connection in self._called(name))
