"""Samba's smbd on a loopback port with a configuration, state and password database of its own.

Needs no root: smbd then serves as the user who runs the tests and cannot change to another, which it
is never asked to do here (`force user` and the guest account are that same user).
"""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import free_port, program, running

USER, PASSWORD = getpass.getuser(), "sécret:@/ x"
SHARE, GUESTS, DFS = "Files", "Guests", "Dfs"

_CONF = """
[global]
    server role = standalone server
    workgroup = TEST
    netbios name = MICCETEST
    disable netbios = yes
    smb ports = {port}
    interfaces = 127.0.0.1
    bind interfaces only = yes
    private dir = {tmp}/private
    lock directory = {tmp}/lock
    state directory = {tmp}/state
    cache directory = {tmp}/cache
    pid directory = {tmp}/pid
    ncalrpc dir = {tmp}/ncalrpc
    binddns dir = {tmp}/dns
    usershare path =
    passdb backend = tdbsam:{tmp}/private/passdb.tdb
    map to guest = Bad User
    guest account = {user}
    server signing = auto
    load printers = no
    printcap name = /dev/null
    disable spoolss = yes
    unix extensions = no
    allow insecure wide links = yes
    host msdfs = yes
    log level = 1
    max log size = 0
    deadtime = 0
    {extra}
[{share}]
    path = {docroot}
    read only = {read_only}
    force user = {user}
    wide links = yes
[{guests}]
    path = {docroot}
    read only = yes
    guest ok = yes
    force user = {user}
    wide links = yes
[{dfs}]
    path = {dfsroot}
    read only = yes
    msdfs root = yes
    force user = {user}
"""


@dataclass(frozen=True, slots=True)
class Samba:
    """A running server; `dfsroot` is the folder whose `msdfs:` links the share `Dfs` shows."""

    port: int
    docroot: Path
    dfsroot: Path
    log: Path


@contextmanager
def samba(docroot: Path, tmp: Path, *, writable: bool = False, extra: str = "") -> Iterator[Samba]:
    """Serve `docroot` until the block ends: as share `Files` to `USER`, as `Guests` to everyone.

    `tmp` is a folder of this server's own; `extra` goes into the `[global]` section.
    """
    binary, port = program("smbd"), free_port()
    for name in ("private", "lock", "state", "cache", "pid", "ncalrpc", "dns", "dfs", "logs"):
        (tmp / name).mkdir(parents=True, exist_ok=True)
    (tmp / "ncalrpc").chmod(0o755)
    (tmp / "private").chmod(0o700)
    config = tmp / "smb.conf"
    config.write_text(
        _CONF.format(
            tmp=tmp,
            port=port,
            user=USER,
            docroot=docroot,
            dfsroot=tmp / "dfs",
            share=SHARE,
            guests=GUESTS,
            dfs=DFS,
            read_only="no" if writable else "yes",
            extra=extra,
        )
    )
    _add_user(config)
    command = [binary, "--foreground", "--no-process-group", f"--configfile={config}", f"--log-basename={tmp}/logs"]
    with running(command, port, tmp / "output.log"):
        yield Samba(port, docroot, tmp / "dfs", tmp / "logs" / "log.smbd")


def _add_user(config: Path) -> None:
    """`pdbedit`, unlike `smbpasswd`, adds users to a database of one's own without being root."""
    subprocess.run(
        [program("pdbedit"), "-s", str(config), "-t", "-a", "-u", USER],
        input=f"{PASSWORD}\n{PASSWORD}\n".encode(),
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
