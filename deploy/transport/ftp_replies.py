"""What goes wrong in an FTP exchange, as the errors of the Transport contract (RFC 959 section 4.2)."""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
from collections.abc import Iterator

from deploy.errors import SourceError, error
from deploy.transport.location import Location

_DENIED = re.compile(r"(?i)denied|permission|not allowed|forbidden|not permitted|privilege|authori[sz]")
_CODES = {
    "120": "unreachable",
    "421": "unreachable",
    "425": "unreachable",
    "426": "cut-off",
    "434": "unreachable",
    "450": "busy",
    "451": "cut-off",
    "452": "busy",
    "530": "access-denied",
    "532": "access-denied",
    "533": "access-denied",
    "534": "access-denied",
    "535": "access-denied",
    "550": "not-found",
    "551": "not-found",
    "553": "access-denied",
}
_HINTS = {
    "unreachable": "try again later; check that the FTP server runs and allows more connections",
    "cut-off": "try again",
    "busy": "try again when the file is no longer being written",
    "access-denied": "check user and password, and what they may read",
    "not-found": "check the spelling; an FTP address begins at the folder the user lands in",
    "timed-out": "check the network and the server's load",
    "certificate-refused": "check the server's name and date, or name its certificate authority in the settings",
    "not-listable": "let the server list it in English as MLSD, Unix or DOS do, or name each file",
    "listing-too-large": "name a smaller folder",
    "changed": "try again when it is no longer written to",
    "bad-answer": "check that this is an FTP server and the address has the right port and ftp:// or ftps://",
}
_TRANSIENT = ("unreachable", "cut-off", "busy", "timed-out", "changed")


@contextlib.contextmanager
def translated(location: Location, *, reading: bool = False) -> Iterator[None]:
    """Turn what an FTP exchange raises into `SourceError`; `reading` says a body was under way."""
    try:
        yield
    except (ftplib.error_temp, ftplib.error_perm, ftplib.error_reply) as wrong:
        raise refusal(location, str(wrong), reading=reading) from wrong
    except ssl.SSLCertVerificationError as wrong:
        raise failure("certificate-refused", location, wrong.verify_message) from wrong
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, EOFError, ConnectionError) as wrong:
        said = "the connection was closed" if not isinstance(wrong, ConnectionError) else str(wrong.strerror or wrong)
        raise failure("cut-off" if reading else "unreachable", location, said) from wrong
    except ssl.SSLError as wrong:
        raise failure("bad-answer", location, f"no TLS: {wrong.reason or wrong}") from wrong
    except TimeoutError as wrong:
        raise failure("timed-out", location, "no answer in time") from wrong
    except socket.gaierror as wrong:
        lasting = wrong.errno != socket.EAI_AGAIN
        raise failure("unreachable", location, f"no such host: {wrong.strerror}", lasting=lasting) from wrong
    except OSError as wrong:
        raise failure("cut-off" if reading else "unreachable", location, wrong.strerror or str(wrong)) from wrong
    except (ftplib.Error, ValueError) as wrong:
        raise failure("bad-answer", location, _shown(str(wrong), location)) from wrong


def failure(code: str, location: Location, said: str, *, hint: str | None = None, lasting: bool = False) -> SourceError:
    """A `SourceError` about a location with the hint that goes with its code; `lasting` ones are not transient."""
    hint = hint if hint is not None else _HINTS.get(code, "")
    return SourceError(error(code, f"{location}: {said}", hint), transient=code in _TRANSIENT and not lasting)


def refusal(location: Location, reply: str, *, reading: bool = False, listing: bool = False) -> SourceError:
    """What a reply of class 4 or 5 means; `listing` ones are about a folder that is known to exist."""
    number, said = reply[:3], _shown(reply, location)
    if number == "550" and _DENIED.search(reply):
        return failure("access-denied", location, said)
    if reading:
        return failure("cut-off", location, said)
    if number == "550" and listing:
        return failure("not-listable", location, said)
    if number[:1] == "4" and number not in _CODES:
        return failure("unreachable", location, said)
    return failure(_CODES.get(number, "bad-answer"), location, said)


def _shown(text: str, location: Location) -> str:
    """A server's own words: one short line, without the password should it repeat it."""
    words = text.encode("latin-1", "replace").decode("utf-8", "replace")
    if location.credentials is not None and location.credentials.password:
        words = words.replace(location.credentials.password, "***")
    return "".join(letter if letter.isprintable() else " " for letter in words)[:200].strip()
