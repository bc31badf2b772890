"""The Transport seam: list a folder, look at a file, read its bytes.

Names are wire-true: UTF-8 with surrogateescape (PEP 383), so that any name a source can spell
can be asked for again byte for byte. `presentable` gives the name to write and to show.

A Transport is used by one thread at a time and keeps its connection between calls. It makes one
attempt for each call; trying again is the caller's (`deploy.transport.retry`). What cannot be
done raises `SourceError` with one of the codes below; nothing else escapes.

| code | when |
|---|---|
| not-found | the source says there is no such file or folder |
| access-denied | credentials missing, wrong or not enough |
| not-listable | the folder exists but its names cannot be had |
| unreachable | no connection: refused, reset before an answer, name not known |
| timed-out | an answer, or bytes at the least rate, did not come in time |
| cut-off | fewer bytes than announced, or an end that cannot be told from a cut |
| bad-answer | the answer breaks its protocol, or is not what was asked for |
| redirect-refused | sent to another host, or from https to http, or in circles |
| certificate-refused | TLS says the server is not who it should be |
| busy | the server has too much to do, or another program holds the file |
| changed | the file changed while it was read |
| unsafe-name | a name that cannot be asked for over this protocol |
| listing-too-large | more names than `listing_cap` allows |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from deploy.transport.location import Location


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one version of a file from another.

    `size` in bytes, `etag` as sent with quotes and `W/`, `modified` in POSIX seconds. `precision` is
    the granularity of `modified` in seconds (60 for an index page that shows minutes).
    """

    size: int | None = None
    etag: str | None = None
    modified: float | None = None
    precision: float = 1.0

    @property
    def strong_etag(self) -> str | None:
        """The ETag if it promises byte equality (RFC 9110 section 8.8.3)."""
        return self.etag if self.etag is not None and not self.etag.startswith("W/") else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a listing; `name` is wire-true and a single path segment."""

    name: str
    folder: bool
    validators: Validators = Validators()


@dataclass(frozen=True, slots=True)
class RefusedName:
    """A name in a listing that cannot be one safe path segment, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The names directly in one folder, in the source's order."""

    folder: Location
    entries: tuple[Entry, ...]
    refused: tuple[RefusedName, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The answer to a conditional read: what the caller holds is still right."""

    validators: Validators


@dataclass(frozen=True, slots=True)
class Resume:
    """Ask for the bytes from `offset` on, if the file is still the one `validators` describe.

    `by_name` says that its address never has other contents (it holds their digest), so that no proof is needed.
    """

    offset: int
    validators: Validators
    by_name: bool = False


class Body(Protocol):
    """The bytes of one file, from `offset` to its end.

    `offset` is 0 unless a `Resume` was honoured. `validators.size` is the size of the whole file
    where known. `readinto` fills up to `len(buffer)` bytes, returns how many, and returns 0 only
    when the file is wholly read: a cut connection raises `SourceError` (cut-off) instead.
    """

    @property
    def offset(self) -> int: ...

    @property
    def validators(self) -> Validators: ...

    def readinto(self, buffer: memoryview) -> int: ...

    def close(self) -> None: ...


class Transport(Protocol):
    """Remote bytes of one kind of source; every method raises `SourceError` only."""

    def list(self, folder: Location) -> Listing:
        """The names directly in `folder`; not-listable where the source cannot say."""
        ...

    def stat(self, file: Location) -> Validators:
        """What the source says of one file without sending its bytes."""
        ...

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        """Start reading.

        With `resume`, the body starts at its offset if the file is provably unchanged, else at 0.
        With `unless`, `Unchanged` is returned if the file is provably the one described.
        """
        ...

    def close(self) -> None:
        """Give up every connection; the instance is not used again."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class SmbServer:
    """How to reach one SMB server off Windows; `host` compares in any case."""

    host: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int = 445


@dataclass(frozen=True, slots=True)
class Proxies:
    """Proxy addresses by scheme and the hosts reached without one (`no_proxy`, as curl reads it)."""

    http: str | None = field(default=None, repr=False)
    https: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How patient and how trusting the transports are. Times in seconds, sizes in bytes.

    `answer_timeout` bounds a whole control exchange, slow headers included; `stall_window` and
    `least_rate` (bytes a second over the window) bound a body.
    """

    connect_timeout: float = 10.0
    answer_timeout: float = 30.0
    stall_window: float = 30.0
    least_rate: int = 64
    listing_cap: int = 48 * 1024 * 1024
    proxies: Proxies = Proxies()
    ca_file: str | None = None
    smb_servers: tuple[SmbServer, ...] = ()


def presentable(name: str) -> str:
    """The name to write and to show: bytes that are not UTF-8 are read as windows-1252."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return name
