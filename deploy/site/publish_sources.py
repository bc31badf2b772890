"""What the server itself serves, read from its folders: what of an address is ours, and what is offered of it.

`$(WebServerUri)/MiCCEInstallation/NextCCClient/...` is the folder of that share, `.../WebDeployment/<id>/...`
that of a customer, `.../HotFixes/...` the catalogue. Only what the server would send over HTTP is read: no
hidden names, no link that leads out, no custom view and no key of a customer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.config.identifiers import Identifiers
from deploy.errors import SourceError, error
from deploy.relpath import fold
from deploy.site.model import APPLICATION_ROOT, ServerSettings, id_problem
from deploy.site.shares import is_private
from deploy.transport.contract import (
    Body,
    Entry,
    Listing,
    RefusedName,
    Resume,
    Transport,
    TransportSettings,
    Unchanged,
    Validators,
)
from deploy.transport.files import WINDOWS_PATHS, native_path
from deploy.transport.location import DEFAULT_PORTS, Location, Scheme, Source, parse_location
from deploy.transport.registry import open_transport

CUSTOMERS_NAME = "WebDeployment"
HOTFIXES_NAME = "HotFixes"
NO_HOST = "web-server.invalid"  # stands for a Web server that nobody named (RFC 2606 section 2)
LEADS_OUT = "it is a link that leads out of the folder that is served"
_WEB = (Scheme.HTTP, Scheme.HTTPS)


def is_hidden(name: str) -> bool:
    """Whether a name is never served: copying programs and version control write such."""
    return name.startswith(".")


def server_values(settings: ServerSettings) -> dict[str, str]:
    """The identifiers the server is sure of; nothing that only a client knows."""
    values = {} if settings.broker is None else {"BrokerServer": settings.broker}
    return values if settings.uri is None else values | _web_values(settings.uri)


def _web_values(uri: str) -> dict[str, str]:
    location = parse_location(uri)
    return {"WebServer": location.host, "WebServerPort": str(location.effective_port), "WebServerUri": uri}


@dataclass(frozen=True, slots=True)
class _Served:
    """A folder of the server and the name it is served under; in that of customers each has one of its own."""

    name: str
    folder: Location
    of_customers: bool = False

    @property
    def real(self) -> str:
        return os.path.realpath(native_path(self.folder, windows=WINDOWS_PATHS))

    def below(self, location: Location) -> tuple[str, ...] | None:
        """The names of a location below this folder; None for one that is elsewhere."""
        depth = len(self.folder.segments)
        same = location.origin == self.folder.origin and location.segments[:depth] == self.folder.segments
        return location.segments[depth:] if same else None

    def offers(self, names: tuple[str, ...], *, folder: bool) -> bool:
        """Whether a file or folder below this one may be served, going by its names."""
        if any(map(is_hidden, names)):
            return False
        if not self.of_customers or not names:
            return True
        return id_problem(names[0]) is None and (folder or (len(names) > 1 and not is_private(names[-1])))


@dataclass(frozen=True, slots=True)
class ReadFrom:
    """A whole folder that is served, or that of one customer, by its folded id."""

    folder: Path
    customer: str | None = None


class OurFolders:
    """The folders of a server and the addresses they are served under."""

    def __init__(self, settings: ServerSettings) -> None:
        served = [_Served(share.name, _location(share.folder)) for share in settings.shares]
        served.append(_Served(CUSTOMERS_NAME, _location(settings.root), of_customers=True))
        if settings.hotfixes is not None:
            served.append(_Served(HOTFIXES_NAME, _location(settings.hotfixes)))
        self._served = {fold(one.name): one for one in reversed(served)}
        self._hosts = {NO_HOST: {80}}
        self.identifiers = Identifiers().with_values(server_values(settings), "server.toml")
        self.assumed = Identifiers().with_values(_web_values(f"http://{NO_HOST}:80"), "the server")
        self.assumed = self.assumed.with_values(server_values(settings), "server.toml")
        if settings.uri is not None:
            own = parse_location(settings.uri)
            ports = {DEFAULT_PORTS[Scheme.HTTP], DEFAULT_PORTS[Scheme.HTTPS], own.effective_port}
            self._hosts[own.host.lower()] = ports

    def is_ours(self, location: Location) -> bool:
        """Whether an address is below the application root of this server."""
        return (
            location.scheme in _WEB
            and location.effective_port in self._hosts.get(location.host.lower(), ())
            and fold(next(iter(location.segments), "")) == fold(APPLICATION_ROOT)
        )

    def names_nobody(self, location: Location) -> bool:
        """Whether an address is on the Web server, and which that is nobody told the server."""
        return location.host == NO_HOST

    def local(self, source: Source) -> Source:
        """The files of an address that is ours; raises `SourceError` (not-found) where nothing is served under it."""
        names = source.folder.segments[1:]
        served = self._served.get(fold(names[0])) if names else None
        if served is None:
            known = ", ".join(one.name for one in self._served.values())
            hint = f"served are {known}; another folder is added under [shares] in server.toml"
            raise SourceError(error("not-found", f"{source}: the server serves no such folder", hint))
        if not served.offers(names[1:], folder=True) or (served.of_customers and not names[1:]):
            hint = "hidden folders, and the folder of all customers, are not served"
            raise SourceError(error("not-found", f"{source}: the server does not serve this", hint))
        return Source(served.folder.with_segments((*served.folder.segments, *names[1:])), source.name, source.wildcard)

    def is_shared(self, location: Location) -> bool:
        """Whether a file lies in a folder that every client is served, and in no customer's."""
        served = self.serving(location)
        return served is not None and not served.of_customers

    def serving(self, location: Location) -> _Served | None:
        """The folder of the server that a local file lies in, the nearest; None for one that is elsewhere."""
        around = [one for one in self._served.values() if one.below(location) is not None]
        return max(around, key=lambda one: len(one.folder.segments), default=None)

    def read_from(self, folder: Location) -> ReadFrom:
        """Which folder that is served a local one belongs to; raises `ValueError` for one that is elsewhere."""
        served = self.serving(folder)
        names = None if served is None else served.below(folder)
        if served is None or names is None:
            raise ValueError(str(folder))
        path = Path(native_path(served.folder, windows=WINDOWS_PATHS))
        return ReadFrom(path, fold(names[0]) if served.of_customers else None)


def _location(folder: Path) -> Location:
    return parse_location(f"{folder}{os.sep}")


@dataclass(slots=True)
class Memory:
    """What sources answered during one publication; customers mostly ask for the same."""

    listings: dict[Location, Listing] = field(default_factory=dict)
    looks: dict[Location, Validators] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask everything again."""
        self.listings.clear()
        self.looks.clear()


@dataclass(frozen=True, slots=True)
class Opener:
    """Makes transports that show of the server's own folders only what is served, and remember answers."""

    ours: OurFolders
    memory: Memory

    def __call__(self, location: Location, settings: TransportSettings) -> Transport:
        return _Reading(open_transport(location, settings), self.ours, self.memory)


class _Reading:
    """A transport that answers from memory, and for the server's own folders by what is served."""

    def __init__(self, inner: Transport, ours: OurFolders, memory: Memory) -> None:
        self._inner = inner
        self._ours = ours
        self._memory = memory

    def list(self, folder: Location) -> Listing:
        known = self._memory.listings.get(folder)
        if known is None:
            served = self._ours.serving(folder)
            known = self._inner.list(folder)
            known = known if served is None else _offered(served, known)
            self._memory.listings[folder] = known
        return known

    def stat(self, file: Location) -> Validators:
        known = self._memory.looks.get(file)
        if known is None:
            served = self._ours.serving(file)
            if served is not None and not _is_offered(served, file):
                hint = "hidden files, views, keys and links that lead out are not served"
                raise SourceError(error("not-found", f"{file}: the server does not serve this", hint))
            known = self._inner.stat(file)
            self._memory.looks[file] = known
        return known

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        return self._inner.open(file, resume=resume, unless=unless)

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_offered(served: _Served, file: Location) -> bool:
    names = served.below(file)
    return names is not None and served.offers(names, folder=False) and _stays_in(served, file)


def _stays_in(served: _Served, location: Location) -> bool:
    root = served.real
    real = os.path.realpath(native_path(location, windows=WINDOWS_PATHS))
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def _offered(served: _Served, listing: Listing) -> Listing:
    """What of a listing is served; links that lead out are among the refused names."""
    above = served.below(listing.folder) or ()
    links = _links(listing.folder)
    entries: list[Entry] = []
    refused: list[RefusedName] = []
    for entry in listing.entries:
        if not served.offers((*above, entry.name), folder=entry.folder):
            continue
        if entry.name in links and not _stays_in(served, listing.folder.child(entry.name)):
            refused.append(RefusedName(entry.name, LEADS_OUT))
        else:
            entries.append(entry)
    hidden = (one for one in listing.refused if not is_hidden(one.name))
    return Listing(listing.folder, tuple(entries), (*hidden, *refused))


def _links(folder: Location) -> frozenset[str]:
    return frozenset(_link_names(native_path(folder, windows=WINDOWS_PATHS)))


def _link_names(path: str) -> Iterator[str]:
    try:
        with os.scandir(path) as found:
            for one in found:
                if one.is_symlink():
                    yield os.fsencode(one.name).decode("utf-8", "surrogateescape")
    except OSError as wrong:
        said = f"{path}: {wrong.strerror}"
        raise SourceError(error("access-denied", said, "let the account this runs under read it")) from wrong
