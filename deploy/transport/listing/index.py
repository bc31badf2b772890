"""Index pages: nginx, Apache httpd, lighttpd, IIS, Caddy, Python's http.server, and what looks like them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import name2codepoint
from itertools import islice

from lxml import etree

from deploy.transport.contract import Listing, Validators
from deploy.transport.listing.dates import day_comes_first, known, stated
from deploy.transport.listing.links import NOTHING_KNOWN, Names, not_listable
from deploy.transport.location import Location

_TITLE = re.compile(
    r"(?i)\s*(?:(?:directory )?index of|directory listing(?: for| of| --)?|directory:|folder listing)\s*[\[/]"
)
_IIS_TITLE = re.compile(r"(?s)\s*\S.* - /.*")
_SORT_LINK = re.compile(r"\?(?:C=[NMSD][;&]O=[AD]|(?:sort|layout)=\w+(?:[;&]order=\w+)?)(?:[;&].*)?")
_DATE = r"(?:\d{1,2}-[A-Za-z]{3}-\d{4}|\d{4}-\d\d-\d\d) \d\d:\d\d(?::\d\d)?"
# A size that a unit follows is rounded, one that a description follows stands apart from it.
_TAIL = re.compile(rf"(?:\s*({_DATE}))?(?:\s+(\d+)(?=\s*$|\s{{2}}))?")
_IIS_ROW = re.compile(r"\s*(\S.*?)\s+(\d+|<dir>)\s*")
_EXACT = re.compile(r"\s*(\d+)(?:\s*[Bb](?:ytes?)?)?\s*")
_CHARSET = re.compile(r"(?i)charset\s*=\s*[\"']?([\w.:-]+)")
_REFERENCE = re.compile(rb"&(?:#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6})|(?!nbsp|amp|lt|gt|quot)([A-Za-z]{2,8}\d?));")
_META_WITHIN = 2048
_CONTAINERS = ("pre", "table", "ul")


def parse_page(html: bytes, content_type: str | None, folder: Location) -> Listing:
    """The names on an index page in HTML; raises `SourceError` (not-listable) for what is no index."""
    charset = _charset(content_type, html)
    root = _tree(_without_references(html, charset))
    if root is None:
        raise not_listable(folder, "the page is empty")
    page = _Page(root, folder, charset)
    if not page.collect():
        raise not_listable(folder, "the page there is no index of a folder")
    return page.names.listing()


def _tree(html: bytes) -> etree._Element | None:
    """The page with each byte as one character: what a link's bytes mean is decided later."""
    parser = etree.HTMLParser(
        encoding="iso-8859-1", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        return etree.fromstring(html, parser) if html.strip() else None
    except etree.XMLSyntaxError:
        return None


def _charset(content_type: str | None, html: bytes) -> str:
    """What the answer, or the page in its beginning, says its encoding is; "utf-8" if it says none or none known."""
    match = _CHARSET.search(content_type or "") or _CHARSET.search(html[:_META_WITHIN].decode("latin-1"))
    name = match[1].lower() if match is not None else "utf-8"
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return "utf-8"
    return name


def _without_references(html: bytes, charset: str) -> bytes:
    """The page with references to characters beyond ASCII replaced by their bytes."""

    def replaced(match: re.Match[bytes]) -> bytes:
        decimal, hexadecimal, name = match.groups()
        if name is not None:
            point = name2codepoint.get(name.decode("ascii"), 0)
        else:
            point = int(decimal) if decimal is not None else int(hexadecimal, 16)
        try:
            return chr(point).encode(charset) if point >= 0x80 else match[0]
        except (ValueError, OverflowError):
            return match[0]

    return _REFERENCE.sub(replaced, html) if b"&" in html else html


class _Page:
    """One page on its way into names."""

    def __init__(self, root: etree._Element, folder: Location, charset: str) -> None:
        self._root = root
        self._charset = charset
        self.names = Names(folder)

    def collect(self) -> bool:
        """Take in the names; False if the page is no index."""
        titles = [_text(element) for element in self._root.iter("title", "h1", "h2", "h3")][:3]
        containers = list(self._root.iter(*_CONTAINERS))
        headed = next((one for one in containers if _has_sort_links(one)), None)
        if headed is not None:
            self._take(headed, foreign_zone=True)
            return True
        if any(map(_TITLE.match, titles)):
            fullest = containers[0] if len(containers) == 1 else max(containers, key=_links_in, default=self._root)
            self._take(fullest, foreign_zone=fullest.tag != "pre")
            return True
        first = next(self._root.iter("pre"), None)
        if first is not None and len(titles) > 1 and titles[0] == titles[1] and _IIS_TITLE.fullmatch(titles[0]):
            self._take_iis(first)
            return True
        return False

    def _take(self, container: etree._Element, *, foreign_zone: bool) -> None:
        if container.tag == "table":
            self._take_rows(container)
        elif container.tag == "ul":
            for link in container.iterfind("./li//a"):
                self._add(link, NOTHING_KNOWN)
        else:
            self._take_lines(container, foreign_zone=foreign_zone)

    def _add(self, link: etree._Element, validators: Validators) -> None:
        found = self.names.find(self._href(link))
        if found is not None:
            self.names.add(found[0], found[1], validators)

    def _href(self, link: etree._Element) -> str | None:
        """The link as the server wrote it, one character a byte; in UTF-8 where the page is in another encoding."""
        href = link.get("href")
        if href is None or href.isascii() or self._charset in ("utf-8", "utf8"):
            return href
        try:
            return href.encode("latin-1").decode(self._charset).encode().decode("latin-1")
        except UnicodeError:
            return href

    def _take_lines(self, container: etree._Element, *, foreign_zone: bool) -> None:
        """A line each: the link, then time and size (nginx, Apache). Apache may leave the size out."""
        rule = container.find("hr")
        header = "" if rule is None else "".join(_texts_before(container, rule))
        headed = foreign_zone or "Name" in header
        sized = not headed or "Size" in header
        for link in container.iter("a"):
            found = self.names.find(self._href(link))
            if found is None:
                continue
            match = _TAIL.match(link.tail or "")
            assert match is not None
            size = int(match[2]) if match[2] is not None and sized and not found[1] else None
            time = stated(match[1], not headed) if match[1] is not None else None
            self.names.add(found[0], found[1], known(size, time))

    def _take_iis(self, container: etree._Element) -> None:
        """A line each: time and size, then the link. Dates are in the locale of the server."""
        self.names.any_case = True
        rows = [(link, _IIS_ROW.fullmatch(_text_before(link))) for link in container.iter("a")]
        day_first = day_comes_first(row[1] for _, row in rows if row is not None)
        for link, row in rows:
            if row is None:
                self._add(link, NOTHING_KNOWN)
                continue
            size = None if row[2] == "<dir>" else int(row[2])
            self._add(link, known(size, stated(row[1], False, day_first)))

    def _take_rows(self, table: etree._Element) -> None:
        """A row each, the columns named by the header (Apache's HTMLTable, lighttpd, Caddy)."""
        size_column = time_column = None
        for row in table.iter("tr"):
            cells = list(row)
            if not cells or cells[-1].tag != "td":
                headings = [_text(cell).strip().lower() for cell in cells]
                size_column = next((at for at, text in enumerate(headings) if _means_bytes(text)), size_column)
                time_column = next((at for at, text in enumerate(headings) if _means_time(text)), time_column)
                continue
            # Icons may be links too: the last one is the name's.
            links = list(row.iter("a"))
            found = self.names.find(self._href(links[-1])) if links else None
            if found is None:
                continue
            size = None if found[1] else _size(cells, size_column)
            self.names.add(found[0], found[1], known(size, _time(cells, time_column)))


def _has_sort_links(container: etree._Element) -> bool:
    """Whether the first links sort the listing: Apache, Caddy, nginx's fancyindex."""
    return any(_SORT_LINK.fullmatch(link.get("href") or "") for link in islice(container.iter("a"), 8))


def _links_in(container: etree._Element) -> int:
    return sum(1 for _ in container.iter("a"))


def _means_bytes(heading: str) -> bool:
    return heading.startswith(("size", "file size")) and not re.search(r"[kmg]i?b\b", heading)


def _means_time(heading: str) -> bool:
    return "modified" in heading or heading.startswith("date")


def _size(cells: list[etree._Element], column: int | None) -> int | None:
    if column is None or column >= len(cells):
        return None
    to_the_byte = cells[column].get("data-size")
    match = _EXACT.fullmatch(_text(cells[column]) if to_the_byte is None else to_the_byte)
    return int(match[1]) if match is not None else None


def _time(cells: list[etree._Element], column: int | None) -> tuple[float, float] | None:
    if column is None or column >= len(cells):
        return None
    cell = cells[column]
    machine_readable = next(cell.iter("time"), None) if len(cell) else None
    return stated(_text(cell) if machine_readable is None else machine_readable.get("datetime") or "", False)


def _text(element: etree._Element) -> str:
    if len(element) == 0:
        return element.text or ""
    return "".join(str(part) for part in element.itertext())


def _text_before(link: etree._Element) -> str:
    """The text between the element before and this one."""
    before = link.getprevious()
    if before is not None:
        return before.tail or ""
    parent = link.getparent()
    return (parent.text or "") if parent is not None else ""


def _texts_before(container: etree._Element, end: etree._Element) -> Iterator[str]:
    yield container.text or ""
    for child in container:
        if child is end:
            return
        yield _text(child)
        yield child.tail or ""
