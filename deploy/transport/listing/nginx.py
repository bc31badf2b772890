"""nginx's index page to the letter (ngx_http_autoindex_module), without an HTML parser: the quick way.

A page that differs anywhere from what the module writes is left to `deploy.transport.listing.index`.
"""

from __future__ import annotations

import re

from deploy.transport.contract import Listing, Validators
from deploy.transport.listing.dates import stated
from deploy.transport.listing.links import NOTHING_KNOWN, Names
from deploy.transport.location import Location

_HEAD = re.compile(
    r"<html>\r\n<head><title>Index of [^<]*</title></head>\r\n<body(?: bgcolor=\"white\")?>\r\n"
    r"<h1>Index of [^<]*</h1><hr><pre>(?:<a href=\"\.\./\">\.\./</a>\r?\n)?"
)
_LINE = re.compile(
    r"<a href=\"([^\"&<>]+)\">[^<]*</a> +(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d) +(?:(\d+)|-|\d+[KMG])\r?\n"
)
_FOOT = re.compile(r"</pre><hr></body>\r\n</html>\r\n(?:<!--[^>]*-->\r\n)*")


def parse_nginx(html: bytes, folder: Location) -> Listing | None:
    """The listing of nginx's own index page; None for any other page. Times are UTC, to the minute."""
    page = html.decode("latin-1")
    head = _HEAD.match(page)
    if head is None:
        return None
    names, at = Names(folder), head.end()
    for line in _LINE.finditer(page, at):
        if line.start() != at:
            return None
        at = line.end()
        href, date, size = line.groups()
        found = names.find(href)
        if found is None:
            continue
        time = stated(date, True)
        if found[1] or time is None:
            names.add(found[0], found[1], NOTHING_KNOWN if time is None else Validators(None, None, *time))
        else:
            names.add(found[0], False, Validators(int(size) if size is not None else None, None, *time))
    return names.listing() if _FOOT.fullmatch(page, at) is not None else None
