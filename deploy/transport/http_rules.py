"""What fields and statuses of an HTTP answer mean for one file (RFC 9110). No connection is touched here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from deploy.errors import SourceError, error
from deploy.transport.carrier import Answer, failure
from deploy.transport.contract import Resume, Validators
from deploy.transport.httpdate import format_http_date, parse_http_date
from deploy.transport.location import Location
from deploy.transport.validity import FINEST_PROOF, provably_same

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GATEWAY = frozenset({502, 503, 504})
SETTLED = 1.0
WEAK_DATE = 60.0
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_CONTENT_RANGE = re.compile(rb"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_UNSATISFIED = re.compile(rb"bytes \*/(\d{1,19})")
_DENIED_HINTS = {
    401: "put user:password@ before the host in the address, or check the ones there; Basic is the scheme spoken",
    403: "check what this user and this computer may read there; with the server's administrator if need be",
    407: "put user:password@ into the proxy's address; Basic is the scheme spoken",
}


def validators_of(fields: Mapping[bytes, bytes], size: int | None) -> Validators:
    """What an answer says of its file.

    A Last-Modified less than a minute older than the answer's Date promises nothing about the bytes
    (section 8.8.2.2), which a precision of a minute says.
    """
    tag = fields.get(b"etag")
    etag = tag.decode("latin-1") if tag is not None else None
    if etag is not None and not _ETAG.fullmatch(etag):
        etag = None
    modified = _date(fields.get(b"last-modified"))
    if modified is None:
        return Validators(size, etag)
    date = _date(fields.get(b"date"))
    strong = date is not None and date - modified >= WEAK_DATE
    return Validators(size, etag, modified, 1.0 if strong else WEAK_DATE)


def _date(value: bytes | None) -> float | None:
    return None if value is None else parse_http_date(value.decode("latin-1"))


def unsettled(fields: Mapping[bytes, bytes]) -> bool:
    """Whether the file was changed in the very second of the answer.

    Most servers make the ETag from time and size (nginx, lighttpd), so another change in that second
    to a content of the same size would keep it, though it has the form of a strong one (section 8.8.1).
    """
    modified, date = _date(fields.get(b"last-modified")), _date(fields.get(b"date"))
    return modified is not None and date is not None and 0.0 <= date - modified < SETTLED


def same_file(held: Validators, now: Validators) -> bool:
    """Whether two answers are provably about the same bytes."""
    if held.strong_etag is not None and now.strong_etag is not None:
        return held.strong_etag == now.strong_etag
    return provably_same(held, now)


def conditions(resume: Resume | None, unless: Validators | None) -> tuple[tuple[str, str], ...]:
    """The request fields that ask for less than the whole file (sections 13.1 and 14.2).

    () where nothing is held that the server could prove to be unchanged.
    """
    fields: list[tuple[str, str]] = []
    if unless is not None:
        tag, date = _proof(unless)
        if tag is not None:
            fields.append(("If-None-Match", tag))
        elif date is not None:
            fields.append(("If-Modified-Since", date))
    if resume is not None and resume.offset > 0:
        tag, date = _proof(resume.validators)
        proof = tag or date
        if proof is not None:
            fields += [("Range", f"bytes={resume.offset}-"), ("If-Range", proof)]
        elif resume.by_name:
            fields.append(("Range", f"bytes={resume.offset}-"))
    return tuple(fields)


def unchanged(held: Validators, told: Validators) -> bool | None:
    """Whether a 304 that tells `told` proves `held` to be still right; None if that has to be asked once more.

    To a date servers say 304 for any file older than it, for one restored from a backup too.
    """
    tag, _ = _proof(held)
    if tag is not None:
        return told.etag in (None, tag)
    return None if told.modified is None else told.modified == held.modified


def renewed(held: Validators, told: Validators) -> Validators:
    """What is known of an unchanged file after a 304, which may leave fields out."""
    return replace(held if told.modified is None else told, etag=told.etag or held.etag, size=held.size)


def _proof(held: Validators) -> tuple[str | None, str | None]:
    """A strong ETag, and a date that proves the same bytes together with the size, where they are known."""
    tag = held.strong_etag
    if tag is not None and not _ETAG.fullmatch(tag):
        tag = None
    if held.modified is None or held.size is None or held.precision > FINEST_PROOF:
        return tag, None
    return tag, format_http_date(held.modified)


def body_size(location: Location, fields: Mapping[bytes, bytes]) -> int | None:
    """Size of a body in bytes, None if it comes in chunks and tells its end itself.

    Raises `SourceError`: bad-answer for an encoded body, for two framings or for none that is a number,
    cut-off for a body that ends where the connection does.
    """
    encoding = fields.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b""):
        said = f"the bytes come encoded ({encoding.decode('latin-1')[:40]}) though they were asked for as they are"
        raise failure("bad-answer", location, said, hint="switch compression off for these files on the server")
    length, transfer = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if transfer is not None:
        if length is not None or transfer.strip().lower() != b"chunked":
            raise failure("bad-answer", location, "the answer does not say clearly where its body ends")
        return None
    if length is None:
        said = "the answer tells neither its length nor comes in chunks: its end could not be told from a cut"
        hint = "let the server send Content-Length"
        raise failure("cut-off", location, said, hint=hint, lasting=True)
    if not length.isdigit() or len(length) > 19:
        raise failure("bad-answer", location, "Content-Length is not one number")
    return int(length)


def continues(resume: Resume, fields: Mapping[bytes, bytes]) -> int | None:
    """The whole file's size if a 206 holds exactly its bytes from the offset to the end; None if it does not."""
    match = _CONTENT_RANGE.fullmatch(fields.get(b"content-range", b"").strip())
    if match is None or fields.get(b"content-type", b"").lower().startswith(b"multipart/"):
        return None
    first, last, total = map(int, match.groups())
    known = resume.validators.size
    whole = first == resume.offset and last == total - 1 and known in (None, total)
    length = fields.get(b"content-length", b"")
    if not whole or not length.isdigit() or int(length) != total - first:
        return None
    held, now = resume.validators, validators_of(fields, total)
    if held.strong_etag is not None and now.etag is not None:
        return total if held.strong_etag == now.etag else None
    return total if held.modified is None or now.modified in (None, held.modified) else None


def unsatisfied_size(fields: Mapping[bytes, bytes]) -> int | None:
    """The file's size as a 416 tells it (section 14.4)."""
    match = _UNSATISFIED.fullmatch(fields.get(b"content-range", b"").strip())
    return int(match[1]) if match is not None else None


def refusal(location: Location, answer: Answer, now: float) -> SourceError:
    """What a status means that is not the one hoped for; `now` is POSIX seconds, for Retry-After."""
    status = answer.status
    if answer.proxied and status in _GATEWAY:
        said = f"the proxy does not get through to the server (status {status})"
        return SourceError(
            failure("unreachable", location, said).problems,
            transient=True,
            retry_after=_retry_after(answer.fields, now),
        )
    if status in (404, 410):
        hint = "check the spelling, upper and lower case too"
        return failure("not-found", location, f"there is no such file or folder (status {status})", hint=hint)
    if status in _DENIED_HINTS:
        said = "the proxy wants credentials" if status == 407 else "the server does not allow it"
        return failure("access-denied", location, f"{said} (status {status})", hint=_DENIED_HINTS[status])
    if status in TRANSIENT:
        problem = error("busy", f"{location}: the server cannot answer now (status {status})", "try again later")
        return SourceError(problem, transient=True, retry_after=_retry_after(answer.fields, now))
    return failure("bad-answer", location, f"an answer with status {status}, which does not fit the request")


def _retry_after(fields: Mapping[bytes, bytes], now: float) -> float | None:
    """Seconds to wait (section 10.2.3); a date is seen from the server's own clock where it tells it."""
    value = fields.get(b"retry-after", b"").strip()
    if value.isdigit():
        return float(value[:9])
    date = _date(value)
    if date is None:
        return None
    sent = _date(fields.get(b"date"))
    return max(date - (sent if sent is not None else now), 0.0)
