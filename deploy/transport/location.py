"""Where bytes are: the addresses an `include` may hold (manual: Supported protocols).

Pure. A `Location` never shows its credentials: `str()`, `repr()` and every message built from
them are safe to log.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote_from_bytes, unquote

from deploy.errors import ConfigError, error, quoted
from deploy.wildcard import WILDCARDS, has_wildcard

_URL = re.compile(r"(?i)(file|[a-z][a-z0-9+.-]+(?=://)):[\\/]{2}")
_DRIVE = re.compile(r"(?i)[\\/]?([a-z]):(?:[\\/]|\Z)")
_DEVICE_PATH = re.compile(r"[\\/]{2}[.?](?:[\\/]|\Z)")
_TWO_SEPARATORS = ("\\\\", "//", "\\/", "/\\")
_SEPARATORS = re.compile(r"[\\/]+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\/]")
_HOST = re.compile(r"[.-]*\w[\w.-]*")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[.-]*\w[\w.-]*)(?::([0-9]{1,5}))?")
_BEGINNINGS = r"http://, https://, ftp://, ftps://, ftpes://, file:// or \\SERVER\Share"
_MISREAD = re.compile(r"[%?*:\\]")
_PATH_SAFE = "!$&'()+,;=:@~"


class Scheme(enum.StrEnum):
    """The kinds of source; `ftpes` is FTP with explicit TLS on any port."""

    HTTP = "http"
    HTTPS = "https"
    FTP = "ftp"
    FTPS = "ftps"
    FTPES = "ftpes"
    FILE = "file"
    UNC = "unc"


DEFAULT_PORTS = {
    Scheme.HTTP: 80,
    Scheme.HTTPS: 443,
    Scheme.FTP: 21,
    Scheme.FTPS: 990,
    Scheme.FTPES: 21,
    Scheme.UNC: 445,
}
_URL_SCHEMES = {kind.value: kind for kind in Scheme if kind not in (Scheme.FILE, Scheme.UNC)}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password; neither is ever shown."""

    username: str = field(repr=False)
    password: str = field(default="", repr=False)


# What one connection can serve: scheme, host, port, share, credentials.
Origin = tuple[Scheme, str, int, str, Credentials | None]


@dataclass(frozen=True, slots=True)
class Location:
    """One folder or file on a source.

    `segments` are wire-true names (see `deploy.transport.contract`). `anchor` is `/` or `C:\\`
    for local files and the share's name for UNC; `port` is None for the scheme's own.
    """

    scheme: Scheme
    host: str = ""
    port: int | None = None
    anchor: str = ""
    segments: tuple[str, ...] = ()
    credentials: Credentials | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The last segment, or "" for a root."""
        return self.segments[-1] if self.segments else ""

    @property
    def parent(self) -> Location:
        return self.with_segments(self.segments[:-1])

    def child(self, name: str) -> Location:
        """The location of `name` directly below this one; `name` is wire-true."""
        return self.with_segments((*self.segments, name))

    def with_segments(self, segments: tuple[str, ...]) -> Location:
        """The same source at other segments; written out because listings make one for each name."""
        return Location(self.scheme, self.host, self.port, self.anchor, segments, self.credentials)

    @property
    def effective_port(self) -> int:
        """The port to connect to; 0 for local files."""
        return self.port if self.port is not None else DEFAULT_PORTS.get(self.scheme, 0)

    @property
    def origin(self) -> Origin:
        """What one connection can serve: scheme, host, port, share, credentials."""
        return (self.scheme, self.host.lower(), self.effective_port, self.anchor.lower(), self.credentials)

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port; an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port is None or self.port == DEFAULT_PORTS.get(self.scheme)
        return host if default else f"{host}:{self.port}"

    def path(self, *, folder: bool = False) -> str:
        """The percent-encoded absolute path as a URL has it; `folder` adds the last slash."""
        path = "".join(f"/{_encoded(segment)}" for segment in self.segments) or "/"
        return path + "/" if folder and self.segments else path

    def __str__(self) -> str:
        """The address to show; it reads back as this location, credentials and names no screen shows aside."""
        plain = self.authority == self.host
        if self.scheme is Scheme.UNC:
            if plain:
                return "\\\\" + "\\".join([self.host, self.anchor, *map(_printable, self.segments)])
            return f"smb://{self.authority}/{_encoded(self.anchor)}{self.path()}"
        if self.scheme is Scheme.FILE:
            drive = "" if self.anchor == "/" else f"/{self.anchor[:2]}"
            return f"file://{drive}" + ("".join(f"/{_readable(segment)}" for segment in self.segments) or "/")
        return f"{self.scheme.value}://{self.authority}{self.path()}"


def _encoded(segment: str, safe: str = _PATH_SAFE) -> str:
    return quote_from_bytes(segment.encode("utf-8", "surrogateescape"), safe=safe)


def _readable(segment: str) -> str:
    """Encoded only where the plain character would be misread or not be seen."""
    edges = segment[:1] + segment[-1:]
    if segment.isprintable() and " " not in edges and not _MISREAD.search(segment):
        return segment
    encoded_too = " " if " " in edges else ""
    return "".join(
        _encoded(c, "") if c in encoded_too or not c.isprintable() or _MISREAD.match(c) else c for c in segment
    )


def _printable(segment: str) -> str:
    if segment.isprintable():
        return segment
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in segment)


@dataclass(frozen=True, slots=True)
class Source:
    """An `include` taken apart: the folder, and the last segment as a name or a wildcard pattern."""

    folder: Location
    name: str
    wildcard: bool

    @property
    def file(self) -> Location:
        """The one file meant; only without a wildcard."""
        return self.folder.child(self.name)

    def __str__(self) -> str:
        shown = str(self.file)
        if not self.wildcard or shown.startswith("\\\\"):
            return shown
        folder, slash, pattern = shown.rpartition("/")
        return folder + slash + pattern.replace("%2A", "*").replace("%3F", "?")


def parse_source(text: str) -> Source:
    """Read an `include` whose identifiers are already replaced.

    Raises `ConfigError` (bad-include, wildcard-in-folder) saying what is wrong and what would be right.
    """
    folder, last, encoded = _read(text)
    if last in ("", "."):
        raise _bad(f"{quoted(str(folder))} names a folder, not files", "add *.* after the last separator")
    wildcard = has_wildcard(last)
    name = _name(last, encoded=encoded)
    if wildcard and sum(map(name.count, WILDCARDS)) != sum(map(last.count, WILDCARDS)):
        raise _bad(f"{quoted(last)} mixes * or ? with an encoded one", "write %2A and %3F as * and ?")
    return Source(folder, name, wildcard)


def parse_location(text: str) -> Location:
    """Read the address of one file or folder; raises `ConfigError` (bad-include, wildcard-in-folder)."""
    folder, last, encoded = _read(text)
    return folder if last in ("", ".") else folder.child(_name(last, encoded=encoded))


def _read(text: str) -> tuple[Location, str, bool]:
    """(folder, last segment as written, whether percent sequences are encoded)."""
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape").strip(" \t\r\n")
    except UnicodeEncodeError as wrong:
        raise _bad("the address holds half of a character", "type it again") from wrong
    match = _URL.match(text)
    if match is not None:
        scheme, rest = match[1].lower(), text[match.end() :]
        return (*(_file(rest) if scheme == "file" else _url(scheme, rest)), True)
    if _DEVICE_PATH.match(text):
        raise _bad(r"an address that begins with \\?\ or \\.\ reaches devices", r"leave \\?\ out")
    if text[:2] in _TWO_SEPARATORS:
        return (*_unc(text[2:], encoded=False), False)
    if _DRIVE.match(text) or text[:1] in ("/", "\\"):
        return (*_local(text, encoded=False), False)
    # Whatever stands before an @ may be a password.
    shown = "***@" + text.rpartition("@")[2] if "@" in text else text
    raise _bad(f"{quoted(shown)} is not an address a client can reach", f"begin with {_BEGINNINGS}")


def _file(rest: str) -> tuple[Location, str]:
    r"""What follows `file://` (RFC 8089): a drive, a path, or a server in any of the usual spellings."""
    if rest[:2] in _TWO_SEPARATORS:  # file:////SERVER/Share and file://\\SERVER\Share (appendix E.3.2)
        return _unc(rest.lstrip("/\\"), encoded=True)
    if _DRIVE.match(rest) or rest[:1] in ("", "/", "\\"):
        return _local(rest, encoded=True)
    authority, path = _cut(rest)
    if authority.lower() == "localhost":
        return _local(path, encoded=True)
    return _share(authority, path)


def _url(scheme: str, rest: str) -> tuple[Location, str]:
    authority, path = _cut(rest)
    if scheme == "smb":
        return _share(authority, path)
    kind = _URL_SCHEMES.get(scheme)
    if kind is None:
        raise _bad(f"{scheme}:// is not a supported protocol", f"use {_BEGINNINGS}")
    host, port, credentials = _authority(authority, rest)
    segments, last = _segments(path, encoded=True)
    return Location(kind, host, port, "", segments, credentials), last


def _share(authority: str, path: str) -> tuple[Location, str]:
    """A UNC location from `user:password@SERVER:port` and `/Share/folder/name`."""
    host, port, credentials = _authority(authority, path)
    if credentials is not None:
        # The URL form of a domain account is DOMAIN;user.
        credentials = replace(credentials, username=credentials.username.replace(";", "\\", 1))
    location, last = _unc(f"server{path}", encoded=True)
    return replace(location, host=host, port=port, credentials=credentials), last


def _unc(rest: str, *, encoded: bool) -> tuple[Location, str]:
    host, path = _cut(rest)
    share, rest = _cut(path.lstrip("/\\"))
    if not host or not share:
        raise _bad("a UNC path needs a server and a share", r"write \\SERVER\Share\folder\*.*")
    if has_wildcard(share):
        raise _wildcard_in_folder(share)
    if not _HOST.fullmatch(host):
        shown = "the server of a UNC path" if "@" in host else quoted(host)
        raise _bad(f"{shown} is not a computer's name", r"write \\SERVER\Share\ with the server's name alone")
    share = _name(share, encoded=encoded)
    if share == ".":
        raise _bad("'.' is not a share", r"write \\SERVER\Share\folder\*.*")
    segments, last = _segments(rest, encoded=encoded)
    return Location(Scheme.UNC, host, None, share, segments), last


def _local(text: str, *, encoded: bool) -> tuple[Location, str]:
    drive = _DRIVE.match(text)
    anchor = f"{drive[1].upper()}:\\" if drive else "/"
    segments, last = _segments(text[drive.end() :] if drive else text, encoded=encoded)
    return Location(Scheme.FILE, anchor=anchor, segments=segments), last


def _segments(path: str, *, encoded: bool) -> tuple[tuple[str, ...], str]:
    """The folders of a path, decoded, and its last segment as written."""
    *folders, last = _SEPARATORS.split(path)
    for folder in folders:
        if has_wildcard(folder):
            raise _wildcard_in_folder(folder)
    names = (_name(folder, encoded=encoded) for folder in folders)
    return tuple(name for name in names if name not in ("", ".")), last


def _name(segment: str, *, encoded: bool) -> str:
    """One segment with its percent sequences decoded where they are encoded; a lone `%` stays as it is."""
    name = segment
    if encoded and "%" in segment:
        raw = _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), segment.encode("utf-8", "surrogateescape"))
        name = raw.decode("utf-8", "surrogateescape")
    if name == "..":
        raise _bad("'..' in an address", "write the address of the folder itself")
    if _UNSAFE.search(name):
        raise _bad(f"{quoted(segment)} hides a separator or a control character", "write the plain name")
    return name


def _authority(text: str, rest: str) -> tuple[str, int | None, Credentials | None]:
    """Host, port and credentials; `rest` is all that could still belong to a badly written password."""
    userinfo, at, hostport = text.rpartition("@")
    match = _HOST_PORT.fullmatch(hostport)
    if match is None or (match[2] and not 0 < int(match[2]) < 65536):
        shown = "the server" if "@" in text or "@" in rest else f"the server {quoted(hostport.partition(':')[0])}"
        raise _bad(
            f"{shown} or what follows it is not right",
            "write a server and, if need be, a port from 1 to 65535, then a /, as in http://WEBSERVER:80/; "
            "in a password / is %2F and @ is %40",
        )
    credentials = None
    if at:
        user, _, password = userinfo.partition(":")
        credentials = Credentials(unquote(user), unquote(password))
    return match[1].strip("[]"), int(match[2]) if match[2] else None, credentials


def _cut(text: str) -> tuple[str, str]:
    """What stands before the first separator, and the rest from it on."""
    match = _SEPARATORS.search(text)
    return (text, "") if match is None else (text[: match.start()], text[match.start() :])


def _wildcard_in_folder(part: str) -> ConfigError:
    return ConfigError(
        error(
            "wildcard-in-folder",
            f"a wildcard in the folder {quoted(part)}",
            'only the last part may hold * or ?; use subDirs="true" to go deeper',
        )
    )


def _bad(message: str, hint: str) -> ConfigError:
    return ConfigError(error("bad-include", message, hint))
