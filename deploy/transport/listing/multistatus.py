"""WebDAV: the answer to PROPFIND with Depth 1 (RFC 4918 sections 9.1 and 14.16)."""

from __future__ import annotations

import re

from lxml import etree

from deploy.errors import SourceError, error
from deploy.transport.contract import Listing, Validators
from deploy.transport.listing.dates import http_date
from deploy.transport.listing.documents import hardened
from deploy.transport.listing.links import NOTHING_KNOWN, Names
from deploy.transport.location import Location

_ETAG = re.compile(r'(?:W/)?"[^"\s]*"')
_DAV = "{DAV:}"
_RESPONSE, _HREF, _STATUS = f"{_DAV}response", f"{_DAV}href", f"{_DAV}status"
_PROPSTAT, _PROP = f"{_DAV}propstat", f"{_DAV}prop"
_RESOURCETYPE, _COLLECTION = f"{_DAV}resourcetype", f"{_DAV}collection"


def parse_members(document: bytes, folder: Location) -> Listing:
    """The members of a collection; the collection itself is not one. Raises `SourceError` (bad-answer)."""
    root = hardened(document)
    if root is None or root.tag != f"{_DAV}multistatus":
        said = f"{folder}: the answer to PROPFIND is no multistatus document"
        raise SourceError(error("bad-answer", said, "check the server's WebDAV"))
    names = Names(folder)
    for response in root.iterchildren(_RESPONSE):
        member = _Member()
        for part in response:
            member.read(part)
        # Non-ASCII that is not percent-encoded is UTF-8, as everywhere in a link.
        found = names.find(member.href.strip().encode().decode("latin-1")) if member.exists else None
        if found is not None:
            is_folder = found[1] or member.collection
            names.add(found[0], is_folder, NOTHING_KNOWN if is_folder else member.validators)
    return names.listing()


class _Member:
    """What one response element says."""

    __slots__ = ("collection", "exists", "href", "texts")

    def __init__(self) -> None:
        self.href = ""
        self.exists = True
        self.collection = False
        self.texts: dict[str, str] = {}

    def read(self, part: etree._Element) -> None:
        """Take in one child; properties count if they come with a status of success."""
        if part.tag == _HREF:
            self.href = self.href or part.text or ""
        elif part.tag == _STATUS:
            self.exists = _is_success(part.text)
        elif part.tag == _PROPSTAT and _is_success(part.findtext(_STATUS)):
            for properties in part.iterchildren(_PROP):
                for one in properties:
                    if one.tag == _RESOURCETYPE:
                        self.collection = self.collection or one.find(_COLLECTION) is not None
                    elif one.text:
                        self.texts[str(one.tag)] = one.text.strip()

    @property
    def validators(self) -> Validators:
        size = self.texts.get(f"{_DAV}getcontentlength", "")
        time = http_date(self.texts.get(f"{_DAV}getlastmodified"))
        etag = self.texts.get(f"{_DAV}getetag", "")
        modified, precision = time if time is not None else (None, 1.0)
        return Validators(
            int(size) if size.isdecimal() else None, etag if _ETAG.fullmatch(etag) else None, modified, precision
        )


def _is_success(status: str | None) -> bool:
    """Whether a status line such as "HTTP/1.1 200 OK" says so."""
    parts = (status or "").split(None, 2)
    return len(parts) > 1 and parts[1].startswith("2")
