"""lighttpd on a loopback port: index pages of mod_dirlisting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.accesslog import WebServer
from tests.servers.process import free_port, program, running

_CONF = """
server.modules = ( "mod_dirlisting", "mod_accesslog" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{docroot}"
server.pid-file = "{tmp}/lighttpd.pid"
server.errorlog = "{tmp}/error.log"
dir-listing.activate = "enable"
dir-listing.encoding = "utf-8"
accesslog.filename = "{tmp}/access.log"
accesslog.format = "{asked}"
mimetype.assign = ( ".html" => "text/html", "" => "application/octet-stream" )
{extra}
"""
_HEADERS = (
    *("Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding", "Host", "Authorization", "Depth"),
    "Proxy-Authorization",
)
_ASKED = "%m\\t%U%q\\t%s\\t%b\\t" + "\\t".join(f"%{{{name}}}i" for name in _HEADERS)


@contextmanager
def lighttpd(docroot: Path, tmp: Path, *, extra: str = "") -> Iterator[WebServer]:
    """Serve `docroot` with index pages until the block ends; `extra` is appended to the configuration."""
    binary, port = program("lighttpd"), free_port()
    tmp.mkdir(parents=True, exist_ok=True)
    config = tmp / "lighttpd.conf"
    config.write_text(_CONF.format(port=port, docroot=docroot, tmp=tmp, asked=_ASKED, extra=extra))
    with running([binary, "-D", "-f", str(config)], port, tmp / "output.log"):
        yield WebServer(f"http://127.0.0.1:{port}", port, docroot, tmp / "access.log")
