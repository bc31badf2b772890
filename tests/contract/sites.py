"""Every kind of source a Transport can be asked for, as a real server on a loopback port with the same tree."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.transport.contract import Proxies, Transport, TransportSettings
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.memory import MemoryFile, MemorySource
from deploy.transport.registry import open_transport
from deploy.transport.smb import SmbTransport
from tests.servers import samba as smbd
from tests.servers.apache import FANCY, PLAIN, apache, dav, forward_proxy
from tests.servers.certificates import issue
from tests.servers.httpserver import httpserver
from tests.servers.lighttpd import lighttpd
from tests.servers.nginx import nginx
from tests.servers.pyftpd import PASSWORD, USER, pyftpd
from tests.servers.relay import Relay, relay
from tests.servers.samba import samba
from tests.servers.vsftpd import vsftpd

LONG_AGO = 1_700_000_000
NAMES = (
    *("blank in name.txt", "  two blanks.txt", "100%.txt", "%41.txt", "a&b.txt", "hash#1.txt", "plus+plus.txt"),
    *("semi;colon.txt", "com,ma.txt", "at@sign.txt", "equals=.txt", "quote's.txt", "bracket[1].txt", "brace{}.txt"),
    *("tilde~1.txt", "dollar$(x).txt", "caret^.txt", "amp&amp;.txt", "dash-.txt", "-l", "no_extension", "two..dots"),
    *("héllo wörld.txt", "日本語.txt", "Ελληνικά.txt", "emoji 🎧.txt", "İı.txt", "UPPER.TXT"),
)
UNIX_NAMES = (
    "arrow -> b.txt",
    "question?.txt",
    'double"quote.txt',
    "less<than>.txt",
    "pipe|.txt",
    "star*.txt",
    "colon:.txt",
)
RAW_NAME = os.fsdecode(b"caf\xe9 \xff.txt")
MANY = 1000


def content(name: str, size: int) -> bytes:
    """Bytes that are different for each name and everywhere in the file."""
    seed = hashlib.sha256(os.fsencode(name)).digest()
    blocks = (hashlib.sha256(seed + number.to_bytes(8, "big")).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


WHOLE = content("whole.bin", 300_000)


def write(file: Path, data: bytes, modified: int = LONG_AGO) -> None:
    """Write a file whose time of change is in the past, so that no server takes it for just written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    os.utime(file, (modified, modified))


def plant(root: Path, *, raw_names: bool = True, unix_names: bool = True) -> None:
    """Make the tree every contract test reads.

    Not every server can tell names that Windows forbids, or names that are not UTF-8.
    """
    (root / "empty").mkdir(parents=True)
    write(root / "whole.bin", WHOLE)
    write(root / "none.bin", b"")
    write(root / "nested" / "one" / "two" / "deep.bin", b"deep")
    write(root / "nested" / "beside.bin", b"beside")
    for name in NAMES:
        write(root / "names" / name, content(name, 40))
    for name in UNIX_NAMES if unix_names else ():
        write(root / "unix" / name, content(name, 40))
    if raw_names:
        write(root / "raw" / RAW_NAME, b"raw")
    for number in range(MANY):
        write(root / "many" / f"file {number:04}.txt", b"%d" % number)


@dataclass(frozen=True, slots=True)
class Site:
    """One running source.

    `root` is the address of `docroot`. `relay` stands before a server, or the proxy before it; `connections`
    counts connections so far, of which a transport needs `most_connections`; `bodies` tells how many bytes
    of file contents were sent so far. The rest says what the source itself cannot do: send a part of a
    file, tell names that are not UTF-8, tell names that Windows forbids, have an empty folder, end a body.
    """

    kind: str
    root: Location
    docroot: Path
    connect: Callable[[Location], Transport]
    relay: Relay | None = None
    bodies: Callable[[], int] | None = None
    connections: Callable[[], int] | None = None
    most_connections: int = 1
    behind_proxy: bool = False
    resumes: bool = True
    raw_names: bool = True
    unix_names: bool = True
    empty_folders: bool = True

    def at(self, *names: str) -> Location:
        return self.root.with_segments((*self.root.segments, *names))


@contextmanager
def files(tmp: Path) -> Iterator[Site]:
    docroot = tmp / "doc"
    plant(docroot)
    root = Location(Scheme.FILE, anchor="/", segments=docroot.parts[1:])
    yield Site("files", root, docroot, lambda at: open_transport(at, TransportSettings()))


def _web(kind: str, scheme: Scheme, docroot: Path, counted: Relay, settings: TransportSettings | None = None) -> Site:
    asked = settings if settings is not None else TransportSettings()
    root = Location(scheme, "localhost" if scheme is Scheme.HTTPS else "127.0.0.1", counted.port)
    return Site(
        kind,
        root,
        docroot,
        lambda at: open_transport(at, asked),
        counted,
        bodies=lambda: counted.answered,
        connections=lambda: counted.connections,
    )


@contextmanager
def nginx_plain(tmp: Path) -> Iterator[Site]:
    plant(tmp / "doc")
    with nginx(tmp / "doc", tmp / "server") as server, relay(server.port) as counted:
        yield _web("nginx", Scheme.HTTP, tmp / "doc", counted)


@contextmanager
def nginx_tls(tmp: Path) -> Iterator[Site]:
    plant(tmp / "doc")
    made = issue(tmp / "certificates")
    settings = TransportSettings(ca_file=str(made.ca_file))
    with nginx(tmp / "doc", tmp / "server", tls=made) as server, relay(server.port) as counted:
        yield _web("nginx-tls", Scheme.HTTPS, tmp / "doc", counted, settings)


@contextmanager
def nginx_by_proxy(tmp: Path) -> Iterator[Site]:
    plant(tmp / "doc")
    with (
        nginx(tmp / "doc", tmp / "server") as server,
        apache(tmp, tmp / "proxy", extra=forward_proxy(tmp / "proxy")) as proxy,
        relay(proxy.port) as counted,
    ):
        settings = TransportSettings(proxies=Proxies(http=f"http://127.0.0.1:{counted.port}"))
        site = _web("nginx-by-proxy", Scheme.HTTP, tmp / "doc", counted, settings)
        yield replace(site, root=replace(site.root, port=server.port), behind_proxy=True)


@contextmanager
def nginx_tls_by_proxy(tmp: Path) -> Iterator[Site]:
    plant(tmp / "doc")
    made = issue(tmp / "certificates")
    with (
        nginx(tmp / "doc", tmp / "server", tls=made) as server,
        apache(tmp, tmp / "proxy", extra=forward_proxy(tmp / "proxy")) as proxy,
        relay(proxy.port) as counted,
    ):
        proxies = Proxies(https=f"http://127.0.0.1:{counted.port}")
        settings = TransportSettings(proxies=proxies, ca_file=str(made.ca_file))
        site = _web("nginx-tls-by-proxy", Scheme.HTTPS, tmp / "doc", counted, settings)
        yield replace(site, root=replace(site.root, port=server.port), behind_proxy=True)


@contextmanager
def apache_plain(tmp: Path) -> Iterator[Site]:
    plant(tmp / "doc")
    with apache(tmp / "doc", tmp / "server", index=FANCY) as server, relay(server.port) as counted:
        yield _web("apache", Scheme.HTTP, tmp / "doc", counted)


@contextmanager
def apache_dav(tmp: Path) -> Iterator[Site]:
    """The methods of WebDAV go over a connection of their own."""
    plant(tmp / "doc", raw_names=False)
    extra = dav(tmp / "doc")
    with apache(tmp / "doc", tmp / "server", index=PLAIN, extra=extra) as server, relay(server.port) as counted:
        yield replace(_web("apache-dav", Scheme.HTTP, tmp / "doc", counted), raw_names=False, most_connections=2)


@contextmanager
def lighttpd_plain(tmp: Path) -> Iterator[Site]:
    """It refuses addresses that are not UTF-8, and by itself remembers for a second what a file was like."""
    plant(tmp / "doc", raw_names=False)
    extra = 'server.stat-cache-engine = "disable"'
    with lighttpd(tmp / "doc", tmp / "server", extra=extra) as server, relay(server.port) as counted:
        yield replace(_web("lighttpd", Scheme.HTTP, tmp / "doc", counted), raw_names=False)


@contextmanager
def python_http(tmp: Path) -> Iterator[Site]:
    """It sends no part of a file, closes after each answer, and spells bytes that are not UTF-8 its own way."""
    plant(tmp / "doc", raw_names=False)
    with httpserver(tmp / "doc", tmp / "server") as url, relay(int(url.rpartition(":")[2])) as counted:
        site = _web("http.server", Scheme.HTTP, tmp / "doc", counted)
        yield replace(site, resumes=False, raw_names=False, connections=None)


@contextmanager
def vsftpd_plain(tmp: Path) -> Iterator[Site]:
    """Lists by LIST only, and gives a wrong address in its PASV replies."""
    plant(tmp / "doc")
    with vsftpd(tmp / "doc", tmp / "server", extra="pasv_address=192.0.2.1") as server:
        root = Location(Scheme.FTP, "127.0.0.1", server.port)
        yield Site(
            "vsftpd",
            root,
            tmp / "doc",
            lambda at: open_transport(at, TransportSettings()),
            bodies=lambda: sum(
                map(int, re.findall(r"DOWNLOAD: .*, (\d+) bytes", server.log.read_text("utf-8", "replace")))
            ),
            connections=lambda: server.log.read_text("utf-8", "replace").count("OK LOGIN"),
        )


@contextmanager
def vsftpd_tls(tmp: Path) -> Iterator[Site]:
    """Insists on TLS sessions being taken up again for data."""
    plant(tmp / "doc")
    made = issue(tmp / "certificates")
    settings = TransportSettings(ca_file=str(made.ca_file))
    with vsftpd(tmp / "doc", tmp / "server", tls=made) as server:
        root = Location(Scheme.FTPES, "127.0.0.1", server.port)
        yield Site("vsftpd-tls", root, tmp / "doc", lambda at: open_transport(at, settings))


@contextmanager
def pyftpd_plain(tmp: Path) -> Iterator[Site]:
    """Lists by MLSD. It reads names as UTF-8 only."""
    plant(tmp / "doc", raw_names=False)
    with pyftpd(tmp / "doc", anonymous=False) as server:
        root = Location(Scheme.FTP, "127.0.0.1", server.port, credentials=Credentials(USER, PASSWORD))
        yield Site(
            "pyftpd",
            root,
            tmp / "doc",
            lambda at: open_transport(at, TransportSettings()),
            bodies=lambda: sum(server.sent),
            connections=lambda: server.connections,
            raw_names=False,
        )


@contextmanager
def pyftpd_tls(tmp: Path) -> Iterator[Site]:
    plant(tmp / "doc", raw_names=False)
    made = issue(tmp / "certificates")
    settings = TransportSettings(ca_file=str(made.ca_file))
    with pyftpd(tmp / "doc", tls=made, anonymous=False) as server:
        root = Location(Scheme.FTPS, "localhost", server.port, credentials=Credentials(USER, PASSWORD))
        yield Site(
            "pyftpd-tls",
            root,
            tmp / "doc",
            lambda at: open_transport(at, settings),
            bodies=lambda: sum(server.sent),
            connections=lambda: server.connections,
            raw_names=False,
        )


def _shared(tmp: Path, share: str, credentials: Credentials | None) -> Callable[[], AbstractContextManager[Site]]:
    @contextmanager
    def made() -> Iterator[Site]:
        plant(tmp / "doc", raw_names=False, unix_names=False)
        with samba(tmp / "doc", tmp / "server") as server, relay(server.port) as counted:
            yield Site(
                f"samba-{share.lower()}",
                Location(Scheme.UNC, "127.0.0.1", counted.port, share, credentials=credentials),
                tmp / "doc",
                lambda at: SmbTransport(at, TransportSettings()),
                counted,
                bodies=lambda: counted.answered,
                connections=lambda: counted.connections,
                raw_names=False,
                unix_names=False,
            )

    return made


def samba_user(tmp: Path) -> AbstractContextManager[Site]:
    return _shared(tmp, smbd.SHARE, Credentials(smbd.USER, smbd.PASSWORD))()


def samba_guest(tmp: Path) -> AbstractContextManager[Site]:
    return _shared(tmp, smbd.GUESTS, None)()


class _Mirror(MemorySource):
    """A source in memory that holds what a folder holds at the moment of each call."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._known: dict[str, float] = {}

    def names(self, folder: tuple[str, ...]) -> dict[str, MemoryFile | None]:
        self._mirror()
        return super().names(folder)

    def look(self, operation: str, path: tuple[str, ...]) -> MemoryFile:
        self._mirror()
        return super().look(operation, path)

    def _mirror(self) -> None:
        seen = {}
        for folder, _, names in os.walk(self._folder):
            for name in names:
                file = Path(folder, name)
                seen[file.relative_to(self._folder).as_posix()] = file.stat().st_mtime
        for path in self._known.keys() - seen.keys():
            self.remove(path)
        for path, modified in seen.items():
            if self._known.get(path) != modified:
                self.put(path, (self._folder / path).read_bytes(), modified=modified)
        self._known = seen


@contextmanager
def memory(tmp: Path) -> Iterator[Site]:
    """The stand-in of the simulations. It knows files only, so a folder without any is none, and holds nothing open."""
    plant(tmp / "doc")
    source = _Mirror(tmp / "doc")
    root = Location(Scheme.HTTP, "in-memory.invalid")
    yield Site(
        "memory",
        root,
        tmp / "doc",
        lambda at: source.open_transport(at, TransportSettings()),
        bodies=lambda: source.given,
        empty_folders=False,
    )


SITES: Mapping[str, Callable[[Path], AbstractContextManager[Site]]] = {
    "memory": memory,
    "files": files,
    "nginx": nginx_plain,
    "nginx-tls": nginx_tls,
    "nginx-by-proxy": nginx_by_proxy,
    "nginx-tls-by-proxy": nginx_tls_by_proxy,
    "apache": apache_plain,
    "apache-dav": apache_dav,
    "lighttpd": lighttpd_plain,
    "http.server": python_http,
    "vsftpd": vsftpd_plain,
    "vsftpd-tls": vsftpd_tls,
    "pyftpd": pyftpd_plain,
    "pyftpd-tls": pyftpd_tls,
    "samba": samba_user,
    "samba-guest": samba_guest,
}
