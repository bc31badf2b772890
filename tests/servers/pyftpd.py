"""pyftpdlib on a loopback port: FTP with MLSD, plain, explicit TLS or implicit TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from tests.servers.certificates import Certificates

USER, PASSWORD = "micce", "sécret:@/ x"


@dataclass(slots=True)
class PyFtpd:
    """A running server: the command lines received, passwords included, and the bytes `sent` for each RETR."""

    port: int
    docroot: Path
    commands: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    connections: int = 0

    def said(self, *verbs: str) -> list[str]:
        """The command lines that begin with one of these verbs."""
        return [line for line in self.commands if line.partition(" ")[0].upper() in verbs]


@contextmanager
def pyftpd(
    docroot: Path,
    *,
    tls: Certificates | None = None,
    implicit: bool = False,
    anonymous: bool = True,
    without: tuple[str, ...] = (),
    masquerade: str | None = None,
    host: str = "127.0.0.1",
) -> Iterator[PyFtpd]:
    """Serve `docroot` read-only until the block ends.

    `without` names commands the server does not know, `masquerade` is the address it gives in PASV replies.
    """
    record = PyFtpd(0, docroot)
    handler = _handler(record, tls, implicit)
    handler.authorizer = DummyAuthorizer()
    handler.authorizer.add_user(USER, PASSWORD, str(docroot), perm="elr")
    if anonymous:
        handler.authorizer.add_anonymous(str(docroot), perm="elr")
    handler.proto_cmds = {name: what for name, what in handler.proto_cmds.items() if name not in without}
    handler.masquerade_address = masquerade
    handler.auth_failed_timeout = 0.05
    server = FTPServer((host, 0), handler, ioloop=IOLoop())
    record.port = server.address[1]
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)

    thread = threading.Thread(target=serve, name="pyftpd", daemon=True)
    thread.start()
    try:
        yield record
    finally:
        ended.set()
        thread.join(10)
        server.close_all()


def _handler(record: PyFtpd, tls: Certificates | None, implicit: bool) -> Any:
    data_base = DTPHandler if tls is None else TLS_DTPHandler
    base = FTPHandler if tls is None else TLS_FTPHandler

    class Data(data_base):  # type: ignore[misc, valid-type]
        def close(self) -> None:
            if not self._closed and not self.receive and self.cmd == "RETR":
                record.sent.append(self.tot_bytes_sent)
            super().close()

    class Control(base):  # type: ignore[misc, valid-type]
        banner = "ready"
        dtp_handler = Data

        def on_connect(self) -> None:
            record.connections += 1

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            record.commands.append(line)
            super().pre_process_command(line, cmd, arg)

    class Implicit(Control):
        def handle(self) -> None:
            self.secure_connection(self.ssl_context)

        def handle_ssl_established(self) -> None:
            super().handle()

    if tls is not None:
        Control.certfile = str(tls.certificate)
        Control.keyfile = str(tls.key)
        Control.tls_control_required = Control.tls_data_required = not implicit
    return Implicit if implicit else Control
