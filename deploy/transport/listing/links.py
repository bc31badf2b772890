"""Links of a page and the names they stand for: which lie directly in the folder, and which are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from deploy.errors import SourceError, error
from deploy.transport.contract import Entry, Listing, RefusedName, Validators
from deploy.transport.location import DEFAULT_PORTS, Location

NOTHING_KNOWN = Validators()
_ORDINARY = re.compile(r"(?:\./)?([^/?#%:\\\x00-\x20\x7f-\xff]+)(/?)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SEGMENT = re.compile(r"([^/?#\\]+)(/?)")
_BLANKS = "\t\n\f\r "


@dataclass(slots=True)
class Names:
    """The entries found so far, in the page's order, each name once.

    Raw names are Latin-1 text: each character is one byte of the link as the server sent it. With
    `any_case` absolute links may spell the folder in another case (IIS).
    """

    folder: Location
    any_case: bool = False
    entries: dict[str, Entry] = field(default_factory=dict)
    refused: dict[str, RefusedName] = field(default_factory=dict)
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = self.folder.path(folder=True)

    def find(self, href: str | None) -> tuple[str, bool] | None:
        """The raw name, still percent-encoded, and whether it is a folder; None if the link is not of this folder."""
        if href is None:
            return None
        ordinary = _ORDINARY.fullmatch(href)
        if ordinary is not None:
            name = ordinary[1]
            return None if name in (".", "..") else (name, bool(ordinary[2]))
        href = href.strip(_BLANKS)
        if not href or "?" in href or "#" in href:
            return None
        if href[0] == "/" or _SCHEME.match(href):
            below = _SEGMENT.fullmatch(href, len(self._prefix)) if href.startswith(self._prefix) else None
            return self._absolute(href) if below is None or below[1] in (".", "..") else (below[1], bool(below[2]))
        return _single(href.split("/"))

    def add(self, raw: str, folder: bool, validators: Validators = NOTHING_KNOWN) -> None:
        """Take in a percent-encoded name."""
        name = decoded(raw) if "%" in raw or not raw.isascii() else raw
        self.put(name, folder, validators)

    def put(self, name: str, folder: bool, validators: Validators) -> None:
        """Take in a wire-true name; one that cannot be a path segment is refused."""
        reason = _unfit(name)
        if reason is not None:
            self.refused.setdefault(name, RefusedName(name, reason))
            return
        known = self.entries.get(name)
        if known is None or (known.validators is NOTHING_KNOWN and validators is not NOTHING_KNOWN):
            self.entries[name] = Entry(name, folder or (known is not None and known.folder), validators)

    def listing(self) -> Listing:
        return Listing(self.folder, tuple(self.entries.values()), tuple(self.refused.values()))

    def _absolute(self, href: str) -> tuple[str, bool] | None:
        try:
            parts = urlsplit(href)
            here = self._is_here(parts)
        except ValueError:
            return None
        if not here or not parts.path.startswith("/"):
            return None
        raw = parts.path.split("/")[1:]
        own = len(self.folder.segments)
        above = tuple(decoded(segment) for segment in raw[:own])
        if above != self.folder.segments and not (self.any_case and _folded(above) == _folded(self.folder.segments)):
            return None
        return _single(raw[own:])

    def _is_here(self, parts: SplitResult) -> bool:
        """Whether the URL's server is the folder's own; raises `ValueError`."""
        if not parts.scheme and not parts.netloc:
            return True
        scheme = parts.scheme or self.folder.scheme.value
        if scheme != self.folder.scheme.value:
            return False
        port = DEFAULT_PORTS[self.folder.scheme] if parts.port is None else parts.port
        return parts.hostname == self.folder.host.lower() and port == self.folder.effective_port


def path_segments(path: str) -> tuple[str, ...]:
    """The wire-true segments of a percent-encoded ASCII path, empty ones left out."""
    return tuple(decoded(segment) for segment in path.split("/") if segment)


def decoded(raw: str) -> str:
    """A wire-true name from a percent-encoded one in Latin-1; a percent sign that encodes nothing stays."""
    return unquote_to_bytes(raw.encode("latin-1", "replace")).decode("utf-8", "surrogateescape")


def not_listable(folder: Location, said: str) -> SourceError:
    """That a page tells no names."""
    hint = (
        "let the server give index pages as nginx, Apache, lighttpd, IIS or Caddy do, or WebDAV; "
        "or name each file in the Setup.config"
    )
    return SourceError(error("not-listable", f"{folder}: {said}", hint))


def _single(raw: list[str]) -> tuple[str, bool] | None:
    """The one segment a relative path consists of, if it is one."""
    while raw and raw[0] == ".":
        raw = raw[1:]
    folder = len(raw) == 2 and raw[1] == ""
    if not raw or raw[0] in ("", "..") or not (len(raw) == 1 or folder):
        return None
    return raw[0], folder


def _unfit(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "it is no name of its own"
    if "/" in name or "\\" in name:
        return "it holds a path separator"
    if "\0" in name:
        return "it holds a NUL"
    if not name.isascii():
        try:
            name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return "it holds half of a character"
    return None


def _folded(segments: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(segment.casefold() for segment in segments)
