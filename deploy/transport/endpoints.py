"""Where a request goes: hosts as they are spelled on the wire, redirects that may be followed, proxies."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote_from_bytes, urljoin, urlsplit

from deploy.errors import SourceError, error
from deploy.transport.carrier import Endpoint, failure
from deploy.transport.contract import Proxies
from deploy.transport.location import DEFAULT_PORTS, Location, Scheme

_PLAIN_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?")
_TARGET = re.compile(r"/[!-~]*")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def endpoint_of(location: Location) -> Endpoint:
    """Where the requests for a location go; raises `SourceError` (unreachable) if its host can be no host."""
    return Endpoint(location.scheme, wire_host(location, location.host), location.effective_port)


def wire_host(location: Location, host: str) -> str:
    """A host in lower case and ASCII: names of other scripts by IDNA 2008 with UTS 46 mapping, as curl and browsers."""
    # A zone's percent sign is written %25 in addresses (RFC 6874).
    host = host.replace("%25", "%") if ":" in host else host
    if _PLAIN_HOST.fullmatch(host):
        return host.lower()
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as wrong:
        raise failure("unreachable", location, f"'{host}' can be no host name ({wrong})", lasting=True) from wrong


def redirected(location: Location, endpoint: Endpoint, target: str, value: bytes) -> tuple[Endpoint, str]:
    """Endpoint and target a Location field leads to (RFC 9110 section 10.2.2), seen from where it was sent.

    Followed within one scheme, host and port, and from http on port 80 to https on port 443 of the same
    host. Another port is another server, which may be another's; so are, all the more, another host and
    a plain connection after a secured one. Raises `SourceError` (redirect-refused).
    """
    scheme = endpoint.scheme.value
    text = quote_from_bytes(value.strip(), safe=_PRINTABLE)
    try:
        parts = urlsplit(urljoin(f"{scheme}://{endpoint.authority}{target}", text))
        there = _there(location, parts)
    except ValueError as wrong:
        raise _refused(location, f"sent to an address that is none: {_shown(text)}") from wrong
    upgraded = Endpoint(Scheme.HTTPS, endpoint.host, DEFAULT_PORTS[Scheme.HTTPS])
    plain = Endpoint(Scheme.HTTP, endpoint.host, DEFAULT_PORTS[Scheme.HTTP])
    if there is None or (there != endpoint and not (endpoint == plain and there == upgraded)):
        raise _refused(location, f"sent to {_shown(text)}, which is another server")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not _TARGET.fullmatch(path):
        raise _refused(location, f"sent to an address that is none: {_shown(text)}")
    return there, path


def _there(location: Location, parts: SplitResult) -> Endpoint | None:
    """The endpoint of a URL; None if it is not of HTTP. Raises `ValueError`."""
    if parts.scheme not in (Scheme.HTTP, Scheme.HTTPS):
        return None
    scheme = Scheme(parts.scheme)
    if not parts.hostname:
        raise ValueError("no host")
    port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
    return Endpoint(scheme, wire_host(location, parts.hostname), port)


def _refused(location: Location, said: str) -> SourceError:
    hint = "write the address the server means, if you trust it"
    return SourceError(error("redirect-refused", f"{location}: {said}", hint))


def _shown(text: str) -> str:
    """An address to show: without credentials and without its query, which may hold a key."""
    text = re.sub(r"//[^/?#]*@", "//", text.partition("?")[0])
    return f"'{text[:200]}'"


def proxy_for(endpoint: Endpoint, proxies: Proxies) -> str | None:
    """The proxy's address, or None for a direct connection; `no_proxy` is read as curl reads it.

    An entry is `*`, a domain (which covers every host in it), an address or a network such as 10.0.0.0/8.
    """
    proxy = proxies.https if endpoint.scheme is Scheme.HTTPS else proxies.http
    if not proxy or any(_covers(entry.strip().lower(), endpoint.host) for entry in proxies.no_proxy):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    if ":" in host or host.replace(".", "").isdigit():
        return _covers_address(entry, host)
    entry, host = entry.strip("."), host.rstrip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def _covers_address(entry: str, host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
