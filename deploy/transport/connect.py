"""Connections to web servers: names to addresses, TCP, TLS. `ssl` is imported for https only."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from deploy.transport.carrier import Endpoint, failure
from deploy.transport.location import Location

if TYPE_CHECKING:
    from ssl import SSLContext


def connected(endpoint: Endpoint, location: Location, context: SSLContext | None, deadline: float) -> socket.socket:
    """A connection to `endpoint`, with TLS where there is a context, by `deadline` (`time.monotonic` seconds).

    Raises `SourceError` (unreachable, timed-out, certificate-refused, bad-answer) about `location`. The
    system's resolver has its own patience (resolv.conf), which cannot be cut short here.
    """
    plain = _dialled(endpoint, location, deadline)
    return plain if context is None else _secured(plain, endpoint, location, context, deadline)


def tls_context(location: Location, ca_file: str | None) -> SSLContext:
    """What server certificates are checked against: the system's authorities, or those in a PEM file.

    Raises `SourceError` (certificate-refused) if the file cannot be read.
    """
    import ssl

    if ca_file is None:
        import truststore

        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ValueError) as wrong:
            said = f"no certificate authority can be read from {ca_file}"
            raise failure("certificate-refused", location, said, hint="name a PEM file in the settings") from wrong
    context.set_alpn_protocols(["http/1.1"])
    return context


def _dialled(endpoint: Endpoint, location: Location, deadline: float) -> socket.socket:
    """The first of the host's addresses that accepts; each gets its share of the time left."""
    try:
        # As bytes: for a str the socket module would import an IDNA codec.
        found = socket.getaddrinfo(endpoint.host.encode("ascii"), endpoint.port, type=socket.SOCK_STREAM)
    except socket.gaierror as wrong:
        lasting = wrong.errno != socket.EAI_AGAIN
        raise failure("unreachable", location, f"no such host ({wrong.strerror})", lasting=lasting) from wrong
    last: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(found):
        share = (deadline - time.monotonic()) / (len(found) - number)
        if share <= 0:
            break
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as wrong:
            last = wrong
            continue
        try:
            connection.settimeout(share)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as wrong:
            connection.close()
            last = wrong
        else:
            return connection
    if last is None or isinstance(last, TimeoutError):
        raise failure("timed-out", location, "no connection in time") from last
    raise failure("unreachable", location, last.strerror or str(last)) from last


def _secured(
    plain: socket.socket, endpoint: Endpoint, location: Location, context: SSLContext, deadline: float
) -> socket.socket:
    import ssl

    try:
        plain.settimeout(max(deadline - time.monotonic(), 0.001))
        secured: socket.socket = context.wrap_socket(plain, server_hostname=endpoint.host.partition("%")[0])
    except ssl.SSLCertVerificationError as wrong:
        raise failure("certificate-refused", location, wrong.verify_message) from wrong
    except TimeoutError as wrong:
        raise failure("timed-out", location, "no TLS connection in time") from wrong
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError) as wrong:
        raise failure("unreachable", location, "the server broke off the TLS handshake") from wrong
    except ssl.SSLError as wrong:
        raise failure("bad-answer", location, f"no TLS connection: {wrong.reason or wrong}") from wrong
    except OSError as wrong:
        raise failure("unreachable", location, wrong.strerror or str(wrong)) from wrong
    except ValueError as wrong:
        raise failure("unreachable", location, f"no host name for TLS: {wrong}", lasting=True) from wrong
    finally:
        # After a successful handshake `plain` is an empty shell.
        plain.close()
    return secured
