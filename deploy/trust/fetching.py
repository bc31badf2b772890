"""Metadata and targets over the transports: capped, within a deadline, without redirects to other hosts."""

from __future__ import annotations

import time
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from deploy.errors import SourceError, error
from deploy.transport.contract import Transport, TransportSettings, Unchanged
from deploy.transport.location import Location, parse_location
from deploy.transport.registry import open_transport

DEADLINE = 60.0
STALL = 10.0
_PIECE = 64 * 1024


class RemoteFiles:
    """Small files below one address, each asked for once. Not for several threads."""

    def __init__(self, base: str, settings: TransportSettings, *, deadline: float = DEADLINE) -> None:
        """`base` is the address of a folder; `deadline` in seconds counts for each whole request.

        Raises `ConfigError` (bad-include) for what is no address.
        """
        parts = urlsplit(base)
        self._base = parse_location(f"{parts.scheme}://{parts.netloc}/")
        self._above = _segments(parts.path)
        self._deadline = deadline
        patience = replace(
            settings,
            answer_timeout=min(settings.answer_timeout, deadline),
            stall_window=min(settings.stall_window, STALL, deadline),
        )
        self._transport: Transport = open_transport(self._base, patience)

    def metadata(self, name: str, most: int) -> bytes:
        """A whole file by its quoted path below the base, at most so many bytes.

        Raises `SourceError` (the contract's, too-large, timed-out).
        """
        until = time.monotonic() + self._deadline
        at = self._location(name)
        body = self._transport.open(at)
        assert not isinstance(body, Unchanged)
        try:
            content = bytearray()
            buffer = memoryview(bytearray(_PIECE))
            while count := body.readinto(buffer):
                content += buffer[:count]
                if len(content) > most:
                    raise SourceError(error("too-large", f"{at} has more than {most} bytes", _HINT))
                if time.monotonic() > until:
                    said = f"{at} did not come within {self._deadline:.0f} seconds"
                    raise SourceError(error("timed-out", said, "try again later"), transient=True)
            return bytes(content)
        finally:
            body.close()

    def _location(self, name: str) -> Location:
        # Quoted names may stand for any text, a slash included: they are no names of files here.
        return self._base.with_segments((*self._above, *_segments(name)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()


def _segments(path: str) -> tuple[str, ...]:
    return tuple(unquote(one, errors="surrogateescape") for one in path.split("/") if one)


_HINT = "look who answers at this address: this is not what was asked for"
