"""Listings meant for programs: nginx's autoindex_format json and xml, Caddy's JSON."""

from __future__ import annotations

import json

from lxml import etree

from deploy.transport.contract import Listing
from deploy.transport.listing.dates import http_date, known
from deploy.transport.listing.links import Names, not_listable
from deploy.transport.location import Location


def parse_json(document: bytes, folder: Location) -> Listing:
    """An array of objects with `name`, and `type` (nginx) or `is_dir` (Caddy); raises `SourceError` (not-listable)."""
    try:
        rows = json.loads(document.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        raise not_listable(folder, "the JSON there is no listing")
    names = Names(folder)
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not {"type", "is_dir"} & row.keys():
            raise not_listable(folder, "the JSON there is no listing")
        if row.get("type", "file") not in ("file", "directory"):
            continue
        is_folder = row.get("type") == "directory" or row.get("is_dir") is True
        size, time = row.get("size"), row.get("mtime", row.get("mod_time"))
        exact = size if type(size) is int and size >= 0 and not is_folder else None
        name = row["name"].removesuffix("/") if is_folder else row["name"]
        names.put(name, is_folder, known(exact, http_date(time if isinstance(time, str) else None)))
    return names.listing()


def parse_xml(document: bytes, folder: Location) -> Listing:
    """nginx's `<list>` of `<directory>` and `<file>`; raises `SourceError` (not-listable)."""
    # Byte for character: nginx writes names as they are, be they UTF-8 or not.
    root = hardened(document, encoding="iso-8859-1")
    if root is None or root.tag != "list":
        raise not_listable(folder, "the XML there is no listing")
    names = Names(folder)
    for row in root:
        if row.tag not in ("file", "directory"):
            continue
        is_folder = row.tag == "directory"
        size = row.get("size", "")
        exact = int(size) if size.isdecimal() and not is_folder else None
        names.put(_of_bytes(row.text or ""), is_folder, known(exact, http_date(row.get("mtime"))))
    return names.listing()


def hardened(document: bytes, encoding: str | None = None) -> etree._Element | None:
    """The root of an XML document without entities and DTD; None if it is no such document.

    `encoding` overrules what the document says.
    """
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError:
        return None
    return root if root.getroottree().docinfo.internalDTD is None else None


def _of_bytes(text: str) -> str:
    """A wire-true name from its bytes, one character each."""
    return text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
