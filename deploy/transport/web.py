"""HTTP and HTTPS sources: what requests and answers mean for files and folders, whatever carries them.

Not detectable here: a login or error page sent with status 200 in place of a file. Sizes and digests
that are known from elsewhere tell it; nothing in HTTP does.
"""

from __future__ import annotations

import binascii
import contextlib
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from deploy import __version__
from deploy.errors import SourceError
from deploy.transport.carrier import Answer, Carrier, Endpoint, Request, failure
from deploy.transport.contract import Listing, Resume, TransportSettings, Unchanged, Validators
from deploy.transport.endpoints import endpoint_of, proxy_for, redirected
from deploy.transport.http_rules import (
    REDIRECTS,
    SETTLED,
    TRANSIENT,
    body_size,
    conditions,
    continues,
    refusal,
    renewed,
    same_file,
    unchanged,
    unsatisfied_size,
    unsettled,
    validators_of,
)
from deploy.transport.location import DEFAULT_PORTS, Credentials, Location
from deploy.transport.wire import Wire

MOST_REDIRECTS = 5
# A listing may take the time of a control exchange and a second more for each so many bytes.
LISTING_RATE = 64 * 1024
_PIECE = 64 * 1024
_LONGEST_DRAIN = 64 * 1024
_DRAIN_SECONDS = 1.0
_PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"
)


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer that is no redirect, where it came from, and when the exchange is to end."""

    answer: Answer
    endpoint: Endpoint
    target: str
    deadline: float


class WebTransport:
    """One web server; requests go over one kept connection, made on first use."""

    def __init__(self, origin: Location, settings: TransportSettings) -> None:
        self._origin = origin
        self._settings = settings
        self._endpoint: Endpoint | None = None
        self._carriers: dict[Endpoint, Carrier] = {}
        self._standing = [("User-Agent", f"micce-deploy/{__version__}"), ("Accept", "*/*")]
        self._standing.append(("Accept-Encoding", "identity"))
        if origin.credentials is not None:
            self._standing.append(("Authorization", _basic(origin.credentials)))

    def list(self, folder: Location) -> Listing:
        """The names of an index page, else of a WebDAV collection; see the contract for errors."""
        reply = self._ask("GET", folder, folder.path(folder=True))
        status = reply.answer.status
        if status in (401, 404, 407, 410) or status in TRANSIENT:
            raise self._refused(folder, reply.answer)
        try:
            return self._index(folder, reply)
        except SourceError as wrong:
            if wrong.code != "not-listable":
                raise
            return self._collection(folder, reply, wrong)

    def stat(self, file: Location) -> Validators:
        """What a HEAD answer says; the head of a GET answer where a server does not do HEAD or leaves the length out.

        Apache leaves it out for empty files.
        """
        answer = self._ask("HEAD", file, file.path()).answer
        told = b"content-length" in answer.fields or b"transfer-encoding" in answer.fields
        if answer.status in (405, 501) or (answer.status == 200 and not told):
            _drain(answer)
            answer = self._ask("GET", file, file.path()).answer
        if answer.status != 200:
            raise self._refused(file, answer)
        answer.close()
        length = answer.fields.get(b"content-length", b"")
        plain = b"content-encoding" not in answer.fields and length.isdigit()
        return validators_of(answer.fields, int(length) if plain else None)

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> WebBody | Unchanged:
        """Start a GET; see the contract. A wrong answer to a Range is given up for the whole file."""
        asked = conditions(resume, unless) if resume is not None or unless is not None else ()
        answer = self._ask("GET", file, file.path(), asked).answer
        status = answer.status
        if status == 200:
            return _body(file, answer) if not unsettled(answer.fields) else self._settled(file, answer)
        if asked and status == 206 and resume is not None:
            total = continues(resume, answer.fields)
            if total is not None and b"content-encoding" not in answer.fields:
                return WebBody(answer, resume.offset, validators_of(answer.fields, total))
        elif asked and status == 416 and resume is not None:
            total = unsatisfied_size(answer.fields)
            _drain(answer)
            if total == resume.offset and same_file(resume.validators, self.stat(file)):
                return WebBody(None, resume.offset, replace(resume.validators, size=total))
        elif asked and status == 304 and unless is not None:
            _drain(answer)
            told = validators_of(answer.fields, unless.size)
            proved = unchanged(unless, told)
            if proved is None:
                proved = same_file(unless, self.stat(file))
            if proved:
                return Unchanged(renewed(unless, told))
        else:
            raise self._refused(file, answer)
        answer.close()
        return self._anew(file)

    def close(self) -> None:
        for carrier in self._carriers.values():
            carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settled(self, file: Location, answer: Answer) -> WebBody:
        """The file once the second in which it was changed is over, so that its ETag tells every later change."""
        _drain(answer)
        time.sleep(SETTLED)
        return self._anew(file)

    def _anew(self, file: Location) -> WebBody:
        """The whole file, unconditionally."""
        answer = self._ask("GET", file, file.path()).answer
        if answer.status != 200:
            raise self._refused(file, answer)
        return _body(file, answer)

    def _index(self, folder: Location, reply: _Reply) -> Listing:
        """The listing on an index page; raises `SourceError` (not-listable and what reading can raise)."""
        answer = reply.answer
        kind = answer.fields.get(b"content-type", b"").decode("latin-1")
        if answer.status != 200 or not _may_list(kind):
            status = answer.status
            _drain(answer)
            raise _not_listable(folder, f"no index page there (status {status}, type '{kind[:40]}')")
        page = self._read(folder, reply)
        from deploy.transport.listing import parse_index

        return parse_index(page, kind, self._moved(folder, reply))

    def _collection(self, folder: Location, reply: _Reply, no_index: SourceError) -> Listing:
        """The listing by PROPFIND (RFC 4918 section 9.1); raises `no_index` if the server does not do WebDAV."""
        fields = (("Depth", "1"), ("Content-Type", "application/xml"), ("Content-Length", str(len(_PROPFIND))))
        try:
            found = self._ask("PROPFIND", folder, reply.target, fields, content=_PROPFIND, endpoint=reply.endpoint)
        except SourceError as wrong:
            if wrong.transient:
                raise
            raise no_index from wrong
        if found.answer.status == 207:
            tree = self._read(folder, found)
            from deploy.transport.listing import parse_multistatus

            return parse_multistatus(tree, self._moved(folder, found))
        _drain(found.answer)
        if reply.answer.status == 403 and found.answer.status in (401, 403):
            raise self._refused(folder, reply.answer)
        raise no_index

    def _moved(self, folder: Location, reply: _Reply) -> Location:
        """The folder where it was found in the end."""
        if reply.target == folder.path(folder=True) and reply.endpoint == self._endpoint:
            return folder
        from deploy.transport.listing import path_segments

        scheme, port = reply.endpoint.scheme, reply.endpoint.port
        segments = path_segments(reply.target.partition("?")[0])
        return replace(folder, scheme=scheme, port=None if port == DEFAULT_PORTS[scheme] else port, segments=segments)

    def _read(self, folder: Location, reply: _Reply) -> bytes:
        """A whole small body; raises `SourceError` (listing-too-large and what reading can raise)."""
        answer, cap, page = reply.answer, self._settings.listing_cap, bytearray()
        try:
            size = body_size(folder, answer.fields)
            piece = memoryview(bytearray(_PIECE))
            count = 1
            while count and (size or 0) <= cap and len(page) <= cap:
                count = answer.readinto(piece, reply.deadline + len(page) / LISTING_RATE)
                page += piece[:count]
        finally:
            answer.close()
        if count:
            said = f"the listing is over {cap} bytes"
            raise failure("listing-too-large", folder, said, hint="name a smaller folder, or each file")
        return bytes(page)

    def _refused(self, location: Location, answer: Answer) -> SourceError:
        _drain(answer)
        return refusal(location, answer, time.time())

    def _ask(
        self,
        method: str,
        location: Location,
        target: str,
        fields: tuple[tuple[str, str], ...] = (),
        *,
        content: bytes = b"",
        endpoint: Endpoint | None = None,
    ) -> _Reply:
        """Send a request and follow redirects; one deadline covers them all."""
        if self._endpoint is None:
            self._endpoint = endpoint_of(self._origin)
        endpoint = endpoint or self._endpoint
        deadline = time.monotonic() + self._settings.answer_timeout
        for _ in range(MOST_REDIRECTS + 1):
            carrier = self._carrier(endpoint)
            answer = carrier.send(Request(location, method, target, deadline, fields, content))
            if answer.status not in REDIRECTS:
                return _Reply(answer, endpoint, target, deadline)
            value = answer.fields.get(b"location", b"")
            _drain(answer)
            was = target
            endpoint, target = redirected(location, endpoint, target, value)
            if target.partition("?")[0] == was.partition("?")[0] + "/":
                hint = "add *.* to take the files in it"
                raise failure("not-found", location, "that is a folder, not a file", hint=hint)
        said = f"redirected more than {MOST_REDIRECTS} times"
        raise failure("redirect-refused", location, said, hint="check the server's redirects")

    def _carrier(self, endpoint: Endpoint) -> Carrier:
        carrier = self._carriers.get(endpoint)
        if carrier is not None:
            return carrier
        proxy = proxy_for(endpoint, self._settings.proxies)
        if proxy is None:
            carrier = Wire(endpoint, self._standing, self._settings)
        else:
            from deploy.transport.httpx_carrier import HttpxCarrier

            carrier = HttpxCarrier(endpoint, self._standing, self._settings, proxy)
        self._carriers[endpoint] = carrier
        return carrier


class WebBody:
    """The bytes of one file as they come; see the contract."""

    __slots__ = ("_answer", "offset", "validators")

    def __init__(self, answer: Answer | None, offset: int, validators: Validators) -> None:
        self._answer = answer
        self.offset = offset
        self.validators = validators

    def readinto(self, buffer: memoryview) -> int:
        """Fill up to `len(buffer)` bytes; 0 at the end. Raises `SourceError` (cut-off, timed-out, bad-answer)."""
        return 0 if self._answer is None else self._answer.readinto(buffer)

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()


def _body(file: Location, answer: Answer) -> WebBody:
    """The whole file an answer with status 200 brings."""
    try:
        size = body_size(file, answer.fields)
    except SourceError:
        answer.close()
        raise
    return WebBody(answer, 0, validators_of(answer.fields, size))


def _drain(answer: Answer) -> None:
    """Read a short body nobody wants, so that the connection can be used again."""
    length = answer.fields.get(b"content-length", b"")
    left = 0 if length.isdigit() and int(length) > _LONGEST_DRAIN else _LONGEST_DRAIN
    scrap = memoryview(bytearray(4096))
    deadline = time.monotonic() + _DRAIN_SECONDS
    with contextlib.suppress(SourceError):
        while left > 0 and (count := answer.readinto(scrap, deadline)):
            left -= count
    answer.close()


def _basic(credentials: Credentials) -> str:
    """RFC 7617, in UTF-8."""
    pair = f"{credentials.username}:{credentials.password}".encode("utf-8", "surrogateescape")
    return "Basic " + binascii.b2a_base64(pair, newline=False).decode("ascii")


def _may_list(kind: str) -> bool:
    kind = kind.partition(";")[0].strip().lower()
    return kind in ("", "text/html", "application/xhtml+xml", "application/json", "text/xml", "application/xml")


def _not_listable(folder: Location, said: str) -> SourceError:
    hint = "switch the server's index pages on (autoindex) or WebDAV, or name each file in the Setup.config"
    return failure("not-listable", folder, said, hint=hint)
