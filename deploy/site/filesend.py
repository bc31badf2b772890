"""Sending a file over ASGI by RFC 9110: conditions, one range, HEAD; without a web framework in between.

A file is opened before it is looked at, so that what is said of it and what is sent are of one version
even while it is replaced. Small files go out in one piece read at once: from memory that is quicker
than handing the read to a thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping

from starlette.types import Receive, Scope, Send

from deploy.site.conditions import Verdict, Version, judge, range_holds
from deploy.site.headers import STRICT_TRANSPORT
from deploy.site.ranges import Span, UnsatisfiableError, span_of
from deploy.site.shares import OpenFile
from deploy.transport.httpdate import format_http_date

AT_ONCE = 256 * 1024
PIECE = 1024 * 1024
DAY = 86400
TYPES: Mapping[str, str] = {
    "config": "application/xml",
    "css": "text/css; charset=utf-8",
    "gif": "image/gif",
    "ico": "image/vnd.microsoft.icon",
    "ini": "text/plain",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "webp": "image/webp",
    "woff2": "font/woff2",
    "xml": "application/xml",
    "zip": "application/zip",
}
OTHER = "application/octet-stream"
_Headers = list[tuple[bytes, bytes]]


class ShrunkError(Exception):
    """The file became shorter while it was sent: the connection has to end, or the client takes it for whole."""


async def send_file(
    scope: Scope,
    receive: Receive,
    send: Send,
    opened: OpenFile,
    *,
    headers: Iterable[tuple[bytes, bytes]],
    etag: str | None = None,
    immutable: bool = False,
) -> None:
    """Answer a GET or HEAD with an open file, which is closed in the end.

    `etag` is a strong one with quotes where the contents are known by a digest; `immutable` says that
    this address never has others. Raises `ShrunkError`.
    """
    try:
        version = Version(etag or _etag(opened), opened.mtime_ns // 1_000_000_000)
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        fields = [*headers, *_about(version, scope, immutable=immutable)]
        verdict = judge(given, version)
        if verdict is not Verdict.SEND:
            await _empty(send, 304 if verdict is Verdict.UNCHANGED else 412, fields)
            return
        wanted = given.get("range") if range_holds(given, version) else None
        try:
            span = span_of(wanted, opened.size)
        except UnsatisfiableError:
            await _empty(send, 416, [*fields, (b"content-range", b"bytes */%d" % opened.size)])
            return
        await _start(send, opened, span, fields)
        whole = span or Span(0, opened.size)
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
        elif whole.size <= AT_ONCE:
            body = _read(opened.descriptor, whole.start, whole.size)
            if len(body) < whole.size:
                raise ShrunkError
            await send({"type": "http.response.body", "body": body})
        else:
            await _stream(receive, send, opened.descriptor, whole)
    finally:
        os.close(opened.descriptor)


def _etag(opened: OpenFile) -> str:
    return f'"{opened.inode:x}-{opened.size:x}-{opened.mtime_ns:x}"'


def _about(version: Version, scope: Scope, *, immutable: bool) -> _Headers:
    fields = [
        (b"etag", version.etag.encode("ascii")),
        (b"last-modified", format_http_date(version.modified).encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"public, max-age=%d, immutable" % (365 * DAY) if immutable else b"no-cache"),
    ]
    if scope.get("scheme") == "https":
        fields.append((STRICT_TRANSPORT[0].lower().encode(), STRICT_TRANSPORT[1].encode()))
    return fields


async def _empty(send: Send, status: int, fields: _Headers) -> None:
    if status != 304:
        fields = [*fields, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, opened: OpenFile, span: Span | None, fields: _Headers) -> None:
    extension = opened.name.rpartition(".")[2].lower()
    fields = [*fields, (b"content-type", TYPES.get(extension, OTHER).encode("ascii"))]
    if span is None:
        fields.append((b"content-length", b"%d" % opened.size))
    else:
        fields.append((b"content-length", b"%d" % span.size))
        fields.append((b"content-range", b"bytes %d-%d/%d" % (span.start, span.stop - 1, opened.size)))
    await send({"type": "http.response.start", "status": 200 if span is None else 206, "headers": fields})


async def _stream(receive: Receive, send: Send, descriptor: int, span: Span) -> None:
    """Send piece by piece, and stop when the client has gone: the server would take everything for nobody."""
    gone = asyncio.ensure_future(_left(receive))
    try:
        at = span.start
        while at < span.stop and not gone.done():
            piece = await asyncio.to_thread(_read, descriptor, at, min(PIECE, span.stop - at))
            if not piece:
                raise ShrunkError
            at += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": at < span.stop})
    finally:
        gone.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read(descriptor: int, at: int, size: int) -> bytes:
    """Up to `size` bytes; fewer only at the end of the file."""
    os.lseek(descriptor, at, os.SEEK_SET)
    parts = []
    while size and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
