"""A TCP relay in front of a server: counts connections and bytes, keeps what was said, and cuts on demand."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_CHUNK = 65536


@dataclass(slots=True)
class Relay:
    """Counts over all connections so far. `asked` is what clients sent, `answered` how many bytes came back.

    With `cut_at`, a connection is reset once so many bytes in all have come back. With `silent`, nothing
    more is passed on to clients, and connections stay open.
    """

    port: int
    target: int
    connections: int = 0
    asked: bytearray = field(default_factory=bytearray)
    answered: int = 0
    cut_at: int | None = None
    silent: bool = False
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def drop(self) -> None:
        """Reset every open connection."""
        with self._lock:
            for one in self._open:
                _reset(one)
            self._open.clear()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self.connections += 1
            self._open += [client, server]
        threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
        self._pump(server, client, False)

    def _pump(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if not self._counted(data, asking):
                    _reset(source)
                    _reset(sink)
                    return
                if asking or not self.silent:
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _counted(self, data: bytes, asking: bool) -> bool:
        with self._lock:
            if asking:
                self.asked += data
                return True
            self.answered += len(data)
            return self.cut_at is None or self.answered < self.cut_at


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """Listen on a loopback port and pass everything on to `target` until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Relay(listener.getsockname()[1], target)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=made._serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            made.drop()


def _reset(connection: socket.socket) -> None:
    """End a connection at once, whatever is still under way, and wake who waits on it."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
