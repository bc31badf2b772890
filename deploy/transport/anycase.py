"""Find what an address means when it is spelled in another case than its server has it.

The product's addresses are matched in any case (Windows, IIS); nginx, Linux folders and FTP servers
are not so kind, and the manual itself writes `MicCEInstallation` for `MiCCEInstallation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.errors import SourceError, error
from deploy.relpath import fold
from deploy.transport.contract import Entry, Listing, Transport, presentable
from deploy.transport.location import Location, Scheme

APPLICATION_ROOT = "MiCCEInstallation"
DEEPEST = 32
_UNLISTABLE = ("not-listable", "access-denied", "bad-answer")


def find(transport: Transport, location: Location) -> Location | None:
    """The spelling under which the source has `location`, a file or a folder; None when it has it under no spelling.

    To be asked after `not-found`. Parents are listed from the deepest folder that exists, one request
    for each level at most; where they cannot be listed the manual's spelling of the application root is
    tried. SMB shares compare names in any case themselves and are not asked.

    Raises `SourceError`: ambiguous-name when two names differ from the one asked for in case only, and
    what keeps the source from answering at all (unreachable, timed-out).
    """
    if location.scheme is Scheme.UNC or not 0 < len(location.segments) <= DEEPEST:
        return None
    search = _Search(transport)
    found = search.spelled(location)
    if found is not None:
        return found
    candidate = _with_application_root(location)
    if candidate is None:
        return None
    return search.spelled(candidate) or (candidate if _exists(transport, candidate) else None)


@dataclass(slots=True)
class _Search:
    """Listings asked for so far; None is a folder that is absent or cannot be listed."""

    transport: Transport
    listings: dict[Location, Listing | None] = field(default_factory=dict)

    def spelled(self, location: Location) -> Location | None:
        folder, depth = location.parent, len(location.segments) - 1
        while self.listing(folder) is None:
            if depth == 0:
                return None
            folder, depth = folder.parent, depth - 1
        for name in location.segments[depth:-1]:
            below = self.matching(folder, name, folders_only=True)
            if below is None:
                return None
            folder = folder.child(below.name)
        last = self.matching(folder, location.name, folders_only=False)
        return None if last is None else folder.child(last.name)

    def listing(self, folder: Location) -> Listing | None:
        if folder not in self.listings:
            try:
                self.listings[folder] = self.transport.list(folder)
            except SourceError as wrong:
                if wrong.code != "not-found" and wrong.code not in _UNLISTABLE:
                    raise
                self.listings[folder] = None
        return self.listings[folder]

    def matching(self, folder: Location, name: str, *, folders_only: bool) -> Entry | None:
        listing = self.listing(folder)
        if listing is None:
            return None
        key = _key(name)
        same = [one for one in listing.entries if _key(one.name) == key and (one.folder or not folders_only)]
        exact = [one for one in same if one.name == name]
        if len(same) > 1 and not exact:
            names = " and ".join(sorted(f"'{presentable(one.name)}'" for one in same))
            raise SourceError(
                error(
                    "ambiguous-name",
                    f"{folder} holds {names}, and '{presentable(name)}' may be either",
                    "write the name exactly as the server has it",
                )
            )
        return next(iter(exact or same), None)


def _key(name: str) -> str:
    return fold(presentable(name))


def _with_application_root(location: Location) -> Location | None:
    """The location with the application root spelled as the product installs it, if it was spelled otherwise."""
    key = fold(APPLICATION_ROOT)
    spelled = tuple(APPLICATION_ROOT if fold(name) == key else name for name in location.segments)
    return None if spelled == location.segments else location.with_segments(spelled)


def _exists(transport: Transport, location: Location) -> bool:
    try:
        transport.stat(location)
    except SourceError as wrong:
        if wrong.transient:
            raise
    else:
        return True
    try:
        transport.list(location)
    except SourceError as wrong:
        if wrong.transient:
            raise
        return wrong.code == "not-listable"
    return True
