"""vsftpd on a loopback port: anonymous FTP without MLSD, plain or over TLS.

Runs as whoever runs the tests (`run_as_launching_user`), so paths are the real ones and the user
lands in `docroot`, not in `/`.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificates import Certificates
from tests.servers.process import free_port, program, running

_CONF = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
run_as_launching_user=YES
ftp_username={user}
anon_root={docroot}
secure_chroot_dir={empty}
anonymous_enable=YES
no_anon_password=NO
anon_world_readable_only=NO
write_enable=NO
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
one_process_model=NO
pasv_promiscuous=YES
use_localtime=NO
xferlog_enable=YES
dual_log_enable=NO
log_ftp_protocol=YES
vsftpd_log_file={log}
{tls}
{extra}
"""
_COMMAND = re.compile(r'FTP command: Client "[^"]*", "(.*)"$')


@dataclass(frozen=True, slots=True)
class Vsftpd:
    """A running server."""

    port: int
    docroot: Path
    log: Path

    def commands(self) -> list[str]:
        """Every command line received so far; the log is written before a command is answered."""
        text = self.log.read_text("utf-8", errors="surrogateescape") if self.log.exists() else ""
        return [match[1] for line in text.splitlines() if (match := _COMMAND.search(line))]

    def said(self, *verbs: str) -> list[str]:
        """The command lines that begin with one of these verbs."""
        return [line for line in self.commands() if line.partition(" ")[0].upper() in verbs]


@contextmanager
def vsftpd(docroot: Path, tmp: Path, *, tls: Certificates | None = None, extra: str = "") -> Iterator[Vsftpd]:
    """Serve `docroot` to anonymous users until the block ends; `tmp` is a folder of this server's own."""
    binary, port = program("vsftpd"), free_port()
    empty = tmp / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    secured = ""
    if tls is not None:
        secured = (
            f"ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_data_ssl=YES\nforce_anon_logins_ssl=YES\n"
            f"require_ssl_reuse=YES\nssl_ciphers=HIGH\nrsa_cert_file={tls.certificate}\nrsa_private_key_file={tls.key}\n"
        )
    config, log = tmp / "vsftpd.conf", tmp / "vsftpd.log"
    config.write_text(
        _CONF.format(
            port=port, user=getpass.getuser(), docroot=docroot, empty=empty, log=log, tls=secured, extra=extra
        ).lstrip()
    )
    config.chmod(0o600)
    with running([binary, str(config)], port, tmp / "output.log"):
        yield Vsftpd(port, docroot, log)
