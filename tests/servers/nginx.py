"""nginx on a loopback port: static files, index pages, ranges."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.accesslog import WebServer
from tests.servers.certificates import Certificates
from tests.servers.process import free_port, program, running

_CONF = """
{user}
worker_processes {workers};
pid {tmp}/nginx.pid;
error_log {tmp}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format asked '$request_method\\t$request_uri\\t$status\\t$body_bytes_sent\\t$http_range\\t$http_if_range\\t'
        '$http_if_none_match\\t$http_if_modified_since\\t$http_accept_encoding\\t$http_host\\t$http_authorization\\t'
        '$http_depth\\t$http_proxy_authorization';
    access_log {tmp}/access.log asked;
    client_body_temp_path {tmp}/body;
    proxy_temp_path {tmp}/proxy;
    fastcgi_temp_path {tmp}/fastcgi;
    uwsgi_temp_path {tmp}/uwsgi;
    scgi_temp_path {tmp}/scgi;
    types {{ text/html html htm; text/plain txt; application/xml xml config; }}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    autoindex on;
    autoindex_exact_size on;
    server {{
        listen 127.0.0.1:{port}{ssl};
        server_name localhost;
        root "{docroot}";
        {certificates}
        {extra}
    }}
}}
"""


@contextmanager
def nginx(
    docroot: Path, tmp: Path, *, tls: Certificates | None = None, extra: str = "", workers: int = 1
) -> Iterator[WebServer]:
    """Serve `docroot` with index pages in exact sizes until the block ends.

    `tmp` is a folder of this server's own. `extra` goes into the `server` block and may say otherwise
    of everything set outside it.
    """
    binary, port = program("nginx"), free_port()
    tmp.mkdir(parents=True, exist_ok=True)
    certificates = f'ssl_certificate "{tls.certificate}"; ssl_certificate_key "{tls.key}";' if tls else ""
    config = tmp / "nginx.conf"
    config.write_text(
        _CONF.format(
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            workers=workers,
            tmp=tmp,
            port=port,
            ssl=" ssl" if tls else "",
            docroot=docroot,
            certificates=certificates,
            extra=extra,
        )
    )
    command = [binary, "-c", str(config), "-p", str(tmp), "-e", str(tmp / "error.log"), "-g", "daemon off;"]
    with running(command, port, tmp / "output.log"):
        url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}"
        yield WebServer(url, port, docroot, tmp / "access.log", bool(tls))
