"""Sending a file over ASGI by RFC 9110: conditions, ranges, HEAD; without a web framework in between.

    opened = open_file(folder, segments)
    ...
    await send_file(scope, receive, send, opened, headers=FIELDS)

The file is open before anything is said of it: what an answer says and what it sends are of one
version, even while the file is replaced by another. What fits into one piece is read before the answer
begins, so that trouble with it is still a 503; anything larger goes out piece by piece, and a client
gets no faster than it takes them.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from hashlib import blake2b

from starlette.types import Receive, Scope, Send

from deploy.site.conditions import Version
from deploy.site.filesend_answer import Answer, Facts, Fields, Step, answer_for, asked_of, media_type_of, steps_of
from deploy.site.filesend_read import FileReader, IncompleteError
from deploy.site.headers import STRICT_TRANSPORT
from deploy.site.shares import OpenFile

PIECE = 64 * 1024
"""Bytes read and handed over at a time. Larger ones are no faster; a client that takes nothing costs three of them."""
STALLED = 60.0
"""Seconds a client may take for one piece before it is given up."""
RETRY_SECONDS = b"2"
_SECOND = 1_000_000_000
_SETTLED = _SECOND // 20
_SETTLED_COARSE = 2 * _SECOND
_STRICT = (STRICT_TRANSPORT[0].lower().encode("ascii"), STRICT_TRANSPORT[1].encode("ascii"))
_LOG = logging.getLogger("micce.site")


async def send_file(
    scope: Scope,
    receive: Receive,
    send: Send,
    opened: OpenFile,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    etag: str | None = None,
    immutable: bool = False,
) -> None:
    """Answer a GET or HEAD with an open file, which is closed in the end, whatever happens.

    `headers` go with every answer, names in lower case. `etag` is a strong one with its quotes where
    the contents are known by a digest; else it is made from what the system says of the file.
    `immutable` says that this address never has other contents. If the file is written to while it is
    sent, or cannot be read, the connection ends before the promised length: a client must not take
    that for whole. If the client goes away or takes nothing for `STALLED` seconds, nothing more is read.
    """
    reader = FileReader(opened)
    try:
        facts = _facts_of(opened, time.time_ns(), etag, immutable)
        asked = asked_of(scope["headers"])
        boundary = secrets.token_hex(16).encode("ascii") if "range" in asked else b""
        answer = answer_for(scope["method"], asked, facts, boundary)
        common = (*headers, _STRICT) if scope.get("scheme") == "https" else tuple(headers)
        if answer.length > PIECE:
            await _stream(receive, send, reader, answer, common, opened.name)
        else:
            await _send_at_once(send, reader, answer, common, opened.name)
    finally:
        reader.close()


def _facts_of(opened: OpenFile, now_ns: int, etag: str | None, immutable: bool) -> Facts:
    if opened.mtime_ns <= now_ns and (etag is not None or _is_settled(opened, now_ns)):
        return _lasting_facts(
            opened.inode, opened.size, opened.mtime_ns, opened.changed_ns, opened.name, etag, immutable
        )
    return Facts(version_of(opened, now_ns, etag), opened.size, media_type_of(opened.name), immutable)


@lru_cache(maxsize=4096)
def _lasting_facts(
    inode: int, size: int, mtime_ns: int, changed_ns: int, name: str, etag: str | None, immutable: bool
) -> Facts:
    """What is known of a file that is not new any more."""
    tag = etag or _tag(inode, size, mtime_ns, changed_ns)
    return Facts(Version(tag, mtime_ns // _SECOND), size, media_type_of(name), immutable)


def version_of(opened: OpenFile, now_ns: int, etag: str | None = None) -> Version:
    """How this version of a file is told from others; `now_ns` is the time in nanoseconds since 1970.

    The tag is made from the inode, the size and both times of change, so it differs when a file is
    replaced by one of the same size and date, or written to and dated back; hashed, since inodes are
    nobody's business. It is weak while a second change would still show the same times: a range asked
    for by it could then be of other contents (RFC 9110 section 8.8.1). No file is from the future
    (section 8.8.2.1).
    """
    modified = min(opened.mtime_ns, now_ns) // _SECOND
    if etag is not None:
        return Version(etag, modified)
    tag = _tag(opened.inode, opened.size, opened.mtime_ns, opened.changed_ns)
    return Version(tag if _is_settled(opened, now_ns) else f"W/{tag}", modified)


def _tag(*said: int) -> str:
    return f'"{blake2b(repr(said).encode("ascii"), digest_size=12).hexdigest()}"'


def _is_settled(opened: OpenFile, now_ns: int) -> bool:
    # Whole seconds are those of a file system that has no finer ones.
    return abs(now_ns - opened.changed_ns) >= (_SETTLED if opened.changed_ns % _SECOND else _SETTLED_COARSE)


async def _send_at_once(send: Send, reader: FileReader, answer: Answer, common: Fields, name: str) -> None:
    try:
        body = await _body(reader, answer) if answer.spans else b""
    except IncompleteError as wrong:
        _LOG.warning("%r %s; a client was told to come back", name, wrong)
        answer, body = Answer(503, ((b"content-length", b"0"), (b"retry-after", RETRY_SECONDS))), b""
    await send({"type": "http.response.start", "status": answer.status, "headers": common + answer.fields})
    await send({"type": "http.response.body", "body": body})


async def _body(reader: FileReader, answer: Answer) -> bytes:
    if answer.preambles:
        return b"".join([await _piece(reader, step) for step in steps_of(answer, PIECE)])
    (span,) = answer.spans
    body = await reader.read(span.start, span.size)
    reader.confirm()
    return body


async def _stream(receive: Receive, send: Send, reader: FileReader, answer: Answer, common: Fields, name: str) -> None:
    """Send piece by piece. Returning before the last one makes the server end the connection."""
    await send({"type": "http.response.start", "status": answer.status, "headers": common + answer.fields})
    try:
        async with _leaving(receive) as gone:
            for step in steps_of(answer, PIECE):
                piece = await _piece(reader, step)
                if gone.done():
                    return
                async with asyncio.timeout(STALLED):
                    await send({"type": "http.response.body", "body": piece, "more_body": not step.is_last})
                # Neither reading from memory nor a quick client makes this wait, and others are to have their turn.
                await asyncio.sleep(0)
    except IncompleteError as wrong:
        _LOG.warning("%r %s; the connection was ended before its end", name, wrong)
    except TimeoutError:
        _LOG.info("a client took nothing of %r for %d seconds and was given up", name, STALLED)


async def _piece(reader: FileReader, step: Step) -> bytes:
    """A piece of the body. Before the last one the file is looked at again: nothing that changed is ever whole."""
    piece = await reader.read(step.at, step.size)
    if step.is_last:
        reader.confirm()
    return step.before + piece + step.after if step.before or step.after else piece


@asynccontextmanager
async def _leaving(receive: Receive) -> AsyncIterator[asyncio.Future[None]]:
    """Something that is done once the client has gone: a server takes everything for nobody otherwise."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.ensure_future(left())
    try:
        yield gone
    finally:
        gone.cancel()
