"""What server.toml says: bytes in, every setting as written and every problem out.

Pure. Paths stay texts here; where they start from is up to who read the file.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from deploy.config.identifiers import Identifiers
from deploy.errors import ConfigError, Problem, quoted, warning
from deploy.relpath import segment_problem
from deploy.toml_document import read_toml
from deploy.toml_section import Section

RESERVED = (
    "install",
    "ClientSetup",
    "admin",
    "manifest",
    "published",
    "WebDeployment",
    "HotFixes",
    "programs",
    "static",
)
"""Names below the application root that are addresses of the server's own; no share can have them in any case."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "server": (
        "root",
        "state",
        "uri",
        "broker",
        "release",
        "programs",
        "hotfixes",
        "host",
        "port",
        "tls_cert",
        "tls_key",
        "https_only",
        "trusted_proxies",
        "workers",
    ),
    "shares": (),
    "publish": ("folder", "ingest", "watch", "quiet"),
    "admin": ("session_minutes", "lockout_attempts", "lockout_minutes"),
}
MOST_WORKERS = 64
LONGEST_QUIET = 86_400.0
_LOCAL = re.compile(r"\\\\[^\\/]|file://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServerDocument:
    """Every setting of server.toml, None for what it does not say; `shares` maps names to paths as written."""

    root: str | None = None
    state: str | None = None
    uri: str | None = None
    broker: str | None = None
    release: str | None = None
    programs: str | None = None
    hotfixes: str | None = None
    host: str | None = None
    port: int | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    https_only: bool | None = None
    trusted_proxies: tuple[str, ...] | None = None
    workers: int | None = None
    shares: tuple[tuple[str, str], ...] = ()
    published: str | None = None
    ingest: tuple[str, ...] | None = None
    watch: bool | None = None
    quiet: float | None = None
    session_minutes: int | None = None
    lockout_attempts: int | None = None
    lockout_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedServer:
    """What reading gave: every problem, and the document when none of them is an error."""

    document: ServerDocument | None
    problems: tuple[Problem, ...]


def parse_server(data: bytes, name: str) -> ParsedServer:
    """Read server.toml (TOML 1.0.0, UTF-8, with or without BOM); `name` is its path for messages."""
    problems: list[Problem] = []
    root = read_toml(data, problems, "server.toml", code="bad-server-file")
    document = None if root is None else _document(root, problems)
    if any(problem.is_error for problem in problems):
        document = None
    return ParsedServer(document, tuple(sorted((one.at(name) for one in problems), key=lambda one: one.line or 0)))


def _document(root: Section, problems: list[Problem]) -> ServerDocument:
    server, publish, admin = root.section("server"), root.section("publish"), root.section("admin")
    document = ServerDocument(
        root=_path(server, "root"),
        state=_path(server, "state"),
        uri=_uri(server),
        broker=_broker(server),
        release=_words(server, "release", 'write what people see, as in "9.6.1"'),
        programs=_path(server, "programs"),
        hotfixes=_path(server, "hotfixes"),
        host=_words(server, "host", 'write an address to listen at, as in "0.0.0.0" for all of IPv4'),
        port=server.number("port", 0, 65535),
        tls_cert=_path(server, "tls_cert"),
        tls_key=_path(server, "tls_key"),
        https_only=server.flag("https_only"),
        trusted_proxies=_proxies(server),
        workers=server.number("workers", 1, MOST_WORKERS),
        shares=_shares(root.section("shares")),
        published=_path(publish, "folder"),
        ingest=_ingest(publish),
        watch=publish.flag("watch"),
        quiet=publish.seconds("quiet", 0, LONGEST_QUIET),
        session_minutes=admin.number("session_minutes", 1, 10_080),
        lockout_attempts=admin.number("lockout_attempts", 1, 1000),
        lockout_minutes=admin.number("lockout_minutes", 1, 10_080),
    )
    for section in (server, publish, admin):
        section.finish()
    _finish_root(root)
    _judge_encryption(document, server, problems)
    return document


def _finish_root(root: Section) -> None:
    """Note the keys above the first table: what belongs into one there would be passed over without a word."""
    owners = {name: table for table, names in _KEYS.items() for name in names}
    for key in root:
        if key in _KEYS:
            continue
        if key in owners:
            root.wrong(key, f"{key} stands above the tables", f"write it below [{owners[key]}]")
        else:
            root.unknown(key, _KEYS)


def _judge_encryption(document: ServerDocument, server: Section, problems: list[Problem]) -> None:
    if document.https_only and document.tls_cert is None and not document.trusted_proxies:
        said = "https_only is on, and nothing here makes a request one of https"
        hint = "give tls_cert and tls_key, or name the reverse proxy that does it in trusted_proxies"
        problems.append(warning("never-https", said, hint, line=server.line("https_only")))


def _words(section: Section, key: str, hint: str) -> str | None:
    text = section.text(key)
    if text is not None and (not text.strip() or not text.isprintable()):
        section.wrong(key, f"{key} is {quoted(text)}", hint)
    return text


def _path(section: Section, key: str) -> str | None:
    return _words(section, key, "write a path, absolute or starting from the folder of this file, or remove the line")


def _uri(section: Section) -> str | None:
    uri = _identifier(section, "uri", "WebServerUri")
    if uri is not None:
        parts = urlsplit(uri)
        if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            hint = "write scheme, host and port, as in http://MICCSERVER:80; /MiCCEInstallation follows by itself"
            section.wrong("uri", f"{quoted(uri)} is more than the address of a server", hint)
    return uri


def _broker(section: Section) -> str | None:
    return _identifier(section, "broker", "BrokerServer")


def _identifier(section: Section, key: str, name: str) -> str | None:
    """A text that becomes the value of an identifier, as such a value is kept."""
    text = section.text(key)
    if text is None:
        return None
    try:
        value = Identifiers().with_values({name: text}, "server.toml").get(name)
    except ConfigError as wrong:
        section.wrong(key, f"{key} is {quoted(text)}", wrong.problems[0].hint)
        return None
    return None if value is None else value.text


def _proxies(section: Section) -> tuple[str, ...] | None:
    proxies = section.texts("trusted_proxies")
    for text in proxies or ():
        try:
            ipaddress.ip_network(text)
        except ValueError:
            hint = 'write addresses or networks of proxies, as in ["127.0.0.1", "10.1.0.0/16"]'
            section.wrong("trusted_proxies", f"{quoted(text)} is no address of a proxy", hint)
    return proxies


def _shares(section: Section) -> tuple[tuple[str, str], ...]:
    reserved = {name.casefold(): name for name in RESERVED}
    seen: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for name in section:
        path = section.text(name)
        problem = segment_problem(name)
        twin = seen.setdefault(name.casefold(), name)
        if problem is not None or name[:1] == ".":
            because = problem or "files and folders with a leading dot are hidden"
            section.wrong(name, f"no share can be called {quoted(name)}, because {because}", "give it another name")
        elif name.casefold() in reserved:
            said = f"no share can be called {quoted(name)}: that is an address of the server's own"
            section.wrong(name, said, "give it another name")
        elif twin != name:
            section.wrong(name, f"a second share called {name}: addresses are read in any case", "keep one of them")
        elif path is not None:
            if not path.strip():
                section.wrong(name, f"the share {name} has no folder", "write the path of its folder")
            found.append((name, path))
    return tuple(found)


def _ingest(section: Section) -> tuple[str, ...] | None:
    starts = section.texts("ingest")
    for text in starts or ():
        if not _LOCAL.match(text):
            hint = r"write how it starts, as in ['\\FILESERVER\Clients']; http, https and ftp are read anyway"
            section.wrong("ingest", f"{quoted(text)} is no start of a \\\\SERVER\\Share or file:// address", hint)
    return starts
