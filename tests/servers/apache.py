"""Apache httpd on a loopback port: index pages in its three styles, WebDAV, Basic auth, a forward proxy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.accesslog import WebServer
from tests.servers.certificates import Certificates
from tests.servers.process import free_port, program, running, unavailable

PLAIN = ""
FANCY = "IndexOptions FancyIndexing NameWidth=*"
TABLE = "IndexOptions FancyIndexing HTMLTable NameWidth=* Charset=UTF-8"

_MODULE_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2")
_MODULES = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dir", "autoindex", "mime"),
    *("alias", "dav", "dav_fs", "ssl", "socache_shmcb", "headers", "proxy", "proxy_http", "proxy_connect", "rewrite"),
)
_CONF = """
ServerRoot "{tmp}"
{modules}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "{tmp}/apache.pid"
DefaultRuntimeDir "{tmp}"
Mutex pthread
ErrorLog "{tmp}/error.log"
LogFormat "%m\\t%U%q\\t%>s\\t%B\\t%{{Range}}i\\t%{{If-Range}}i\\t%{{If-None-Match}}i\\t%{{If-Modified-Since}}i\\t%{{Accept-Encoding}}i\\t%{{Host}}i\\t%{{Authorization}}i\\t%{{Depth}}i\\t%{{Proxy-Authorization}}i" asked
CustomLog "{tmp}/access.log" asked
StartServers 1
ServerLimit 2
ThreadsPerChild 16
MaxRequestWorkers 32
TypesConfig /dev/null
AddType text/html .html
DocumentRoot "{docroot}"
DavLockDB "{tmp}/davlock"
<Directory "{docroot}">
    Require all granted
    Options +Indexes
</Directory>
{index}
{certificates}
{extra}
"""  # noqa: E501


@contextmanager
def apache(
    docroot: Path, tmp: Path, *, tls: Certificates | None = None, index: str = FANCY, extra: str = ""
) -> Iterator[WebServer]:
    """Serve `docroot` with index pages in the `index` style until the block ends.

    `tmp` is a folder of this server's own; `extra` is appended to the configuration.
    """
    binary, port = program("apache2"), free_port()
    tmp.mkdir(parents=True, exist_ok=True)
    certificates = (
        f'SSLEngine on\nSSLCertificateFile "{tls.certificate}"\nSSLCertificateKeyFile "{tls.key}"' if tls else ""
    )
    config = tmp / "apache.conf"
    config.write_text(
        _CONF.format(
            tmp=tmp,
            port=port,
            modules="\n".join(f'LoadModule {name}_module "{_module(name)}"' for name in _MODULES),
            docroot=docroot,
            index=index,
            certificates=certificates,
            extra=extra,
        )
    )
    command = [*_unprivileged(), binary, "-f", str(config), "-DFOREGROUND"]
    with running(command, port, tmp / "output.log"):
        url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}"
        yield WebServer(url, port, docroot, tmp / "access.log", bool(tls))


def dav(folder: Path) -> str:
    """Configuration that serves `folder` by WebDAV and gives no index page for it."""
    return f'<Directory "{folder}">\nDav On\nOptions -Indexes\n</Directory>\n'


def basic_auth(folder: Path, tmp: Path, user: str, password: str) -> str:
    """Configuration that asks for this user and password below `folder`."""
    tmp.mkdir(parents=True, exist_ok=True)
    users = tmp / "users"
    users.write_text(_hashed(user, password))
    return (
        f'<Directory "{folder}">\nAuthType Basic\nAuthName "closed"\nAuthUserFile "{users}"\n'
        "Require valid-user\n</Directory>\n"
    )


def forward_proxy(tmp: Path, user: str | None = None, password: str = "") -> str:
    """Configuration of an HTTP proxy with CONNECT to any port, asking for Basic credentials if given."""
    if user is None:
        return "ProxyRequests On\nAllowCONNECT 1-65535\n<Proxy *>\nRequire all granted\n</Proxy>\n"
    tmp.mkdir(parents=True, exist_ok=True)
    users = tmp / "proxy-users"
    users.write_text(_hashed(user, password))
    return (
        'ProxyRequests On\nAllowCONNECT 1-65535\n<Proxy *>\nAuthType Basic\nAuthName "proxy"\n'
        f'AuthUserFile "{users}"\nRequire valid-user\n</Proxy>\n'
    )


def _hashed(user: str, password: str) -> str:
    """One line of a password file; `openssl passwd -apr1` writes the digest Apache reads."""
    made = subprocess.run(
        [program("openssl"), "passwd", "-apr1", "-stdin"], input=f"{password}\n", text=True, check=True, stdout=-1
    )
    return f"{user}:{made.stdout.strip()}\n"


def _module(name: str) -> Path:
    for folder in _MODULE_FOLDERS:
        file = Path(folder) / f"mod_{name}.so"
        if file.exists():
            return file
    unavailable(f"Apache's mod_{name} is not installed")
    raise AssertionError


def _unprivileged() -> list[str]:
    """Apache will not serve as root: run it as nobody who may read and write root's files."""
    if os.geteuid() != 0:
        return []
    capabilities = "+dac_override,+dac_read_search"
    return [
        *(program("setpriv"), "--reuid", "65534", "--regid", "65534", "--clear-groups"),
        *("--inh-caps", capabilities, "--ambient-caps", capabilities),
    ]
