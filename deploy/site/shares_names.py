"""How names are spelled in a folder, whatever case they are asked for in; one listing serves many questions."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from deploy.relpath import fold

MOST_NAMES = 200_000
"""How many names are kept, of all folders together: some 40 MB."""
SETTLED = 2.0
"""Seconds a folder's times must stand still: two changes in one tick of a file system's clock look like one."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """What was in a folder when it was read at `read_at`; its times have been the same since `seen_at`."""

    stamp: tuple[int, int]
    seen_at: float
    read_at: float
    names: dict[str, str]

    @property
    def is_final(self) -> bool:
        """Whether nothing can have come later that shows the same times."""
        return self.read_at - self.seen_at >= SETTLED


class Names:
    """Spellings by folder. A listing is believed as long as the times of its folder are those it was read at.

    While these are new, a name that is not in the listing has it read again, so that nothing that was
    put there in the same moment stays unseen; a name that is in it is taken.
    """

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._count = 0
        self._listings: dict[tuple[int, int], _Listing] = {}
        self._lock = threading.Lock()

    def spelled(self, folder: int | str, name: str) -> str | None:
        """How `name` is spelled there; of twins the first by code points, None for none. Raises `OSError`.

        `folder` is a path or a descriptor, where the system has such of folders.
        """
        about = os.stat(folder)
        key, stamp = (about.st_dev, about.st_ino), (about.st_mtime_ns, about.st_ctime_ns)
        wanted, now = fold(name), time.monotonic()
        known = self._listings.get(key)
        seen_at = now
        if known is not None and known.stamp == stamp:
            found = known.names.get(wanted)
            if found is not None or known.is_final:
                return found
            seen_at = known.seen_at
        listing = _Listing(stamp, seen_at, now, _read(folder))
        self._keep(key, listing)
        return listing.names.get(wanted)

    def _keep(self, key: tuple[int, int], listing: _Listing) -> None:
        """Remember a listing, and forget the oldest ones where there are too many names."""
        with self._lock:
            before = self._listings.pop(key, None)
            self._count += len(listing.names) - (0 if before is None else len(before.names))
            self._listings[key] = listing
            while self._count > self._most and len(self._listings) > 1:
                oldest = self._listings.pop(next(iter(self._listings)))
                self._count -= len(oldest.names)


def _read(folder: int | str) -> dict[str, str]:
    if isinstance(folder, str):
        listed = os.listdir(folder)
    else:
        # A descriptor that only leads further cannot be listed.
        readable = os.open(".", os.O_RDONLY | getattr(os, "O_DIRECTORY", 0), dir_fd=folder)
        try:
            listed = os.listdir(readable)
        finally:
            os.close(readable)
    names: dict[str, str] = {}
    for name in sorted(listed):
        names.setdefault(fold(name), name)
    return names
