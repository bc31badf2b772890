"""What web servers say of a folder: index pages, their JSON and XML forms, WebDAV. Pure.

Names come from links, not from what is shown (which servers shorten), and are wire-true. A size is given
only where the page tells it to the byte. A time is the earliest moment the page can mean, with a precision
that covers the latest: a minute or a second where the format is known to be in UTC, a day and more where
the server's time zone cannot be known. Such a time tells one listing from the next, and proves little else.
"""

from __future__ import annotations

from deploy.transport.contract import Listing
from deploy.transport.listing.links import path_segments
from deploy.transport.listing.nginx import parse_nginx
from deploy.transport.location import Location

__all__ = ["parse_index", "parse_multistatus", "path_segments"]


def parse_index(page: bytes, content_type: str | None, folder: Location) -> Listing:
    """The names an index page, or a server's JSON or XML form of it, tells; `folder` is where it came from.

    Raises `SourceError` (not-listable) for what is no index. An index without names is an empty listing.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    quick = parse_nginx(page, folder) if kind in ("text/html", "") else None
    if quick is not None:
        return quick
    # lxml takes longer to import than most pages to read.
    if kind == "application/json":
        from deploy.transport.listing.documents import parse_json

        return parse_json(page, folder)
    if kind in ("text/xml", "application/xml"):
        from deploy.transport.listing.documents import parse_xml

        return parse_xml(page, folder)
    from deploy.transport.listing.index import parse_page

    return parse_page(page, content_type, folder)


def parse_multistatus(document: bytes, folder: Location) -> Listing:
    """The members of a collection as a WebDAV server tells them; raises `SourceError` (bad-answer)."""
    from deploy.transport.listing.multistatus import parse_members

    return parse_members(document, folder)
