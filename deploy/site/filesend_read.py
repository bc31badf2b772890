"""Reading a file that is open without making other requests wait for the disk.

What the system has in memory is read at once: that takes microseconds, and handing it to a thread a
hundred of them. Only what has to come from the disk is read in a thread. Linux tells them apart
(preadv2 with RWF_NOWAIT), where the file system can; elsewhere a small piece is read at once and a
large one in a thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from deploy.site.shares import OpenFile

AT_ONCE = 64 * 1024
"""Bytes that are read without a thread where the system cannot tell whether it has them."""
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
_PREADV: Callable[[int, Sequence[bytearray], int, int], int] | None = getattr(os, "preadv", None)
_PREAD: Callable[[int, int, int], bytes] | None = getattr(os, "pread", None)


class IncompleteError(Exception):
    """The rest of the file cannot be had as it was promised; the text says why, in words that follow its name."""


def _changed() -> IncompleteError:
    return IncompleteError("was written to while it was sent")


class FileReader:
    """Pieces of an open file. It is closed once, and never while a thread still reads from it."""

    def __init__(self, opened: OpenFile) -> None:
        self._opened = opened
        self._tells = _NOWAIT != 0
        self._reading: asyncio.Future[bytes] | None = None

    async def read(self, at: int, size: int) -> bytes:
        """Exactly the `size` bytes from `at`; raises `IncompleteError`, where the file has fewer too."""
        try:
            piece = self.read_at_once(at, size)
            if len(piece) < size:
                piece += await self._in_a_thread(at + len(piece), size - len(piece))
        except OSError as wrong:
            raise IncompleteError(f"cannot be read: {wrong.strerror or type(wrong).__name__}") from wrong
        if len(piece) < size:
            raise _changed()
        return piece

    def confirm(self) -> None:
        """Raise `IncompleteError` if it has been written to since it was opened; that another took its name is fine."""
        about = os.fstat(self._opened.descriptor)
        if (about.st_size, about.st_mtime_ns) != (self._opened.size, self._opened.mtime_ns):
            raise _changed()

    def close(self) -> None:
        """Close the file, at once or when a thread has read what nobody waits for any more."""
        if self._reading is None or self._reading.done():
            os.close(self._opened.descriptor)
        else:
            self._reading.add_done_callback(self._close_after)

    def _close_after(self, reading: asyncio.Future[bytes]) -> None:
        os.close(self._opened.descriptor)
        if not reading.cancelled():
            reading.exception()  # nobody waits for it

    def read_at_once(self, at: int, size: int) -> bytes:
        """As many of these bytes as can be had without waiting for the disk. Raises `OSError`."""
        if self._tells and _PREADV is not None:
            buffer = bytearray(size)
            try:
                count = _PREADV(self._opened.descriptor, (buffer,), at, _NOWAIT)
            except BlockingIOError:
                return b""
            except OSError:  # a file system that cannot tell
                self._tells = False
            else:
                return bytes(buffer) if count == size else bytes(buffer[:count])
        return _read(self._opened.descriptor, at, size) if size <= AT_ONCE else b""

    async def _in_a_thread(self, at: int, size: int) -> bytes:
        # Not asyncio.to_thread: who stops waiting must not make the number of this file free while it is read from.
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(None, _read, self._opened.descriptor, at, size)
        return await asyncio.shield(self._reading)


def _read(descriptor: int, at: int, size: int) -> bytes:
    """Up to `size` bytes; fewer only at the end of the file."""
    pieces = []
    while size:
        piece = _read_once(descriptor, at, size)
        if not piece:
            break
        pieces.append(piece)
        at += len(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _read_once(descriptor: int, at: int, size: int) -> bytes:
    if _PREAD is not None:
        return _PREAD(descriptor, size, at)
    os.lseek(descriptor, at, os.SEEK_SET)
    return os.read(descriptor, size)
