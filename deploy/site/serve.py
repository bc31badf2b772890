"""Running the server: the parts put together, one or several processes, an orderly end.

uvicorn listens and speaks HTTP. The socket is bound before anything else, so that a port that is
taken is said at once and `--port 0` can tell which it became. With several processes the first one
only watches over the others and publishes.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from deploy.atomic import write_atomic
from deploy.disk import target_error
from deploy.errors import TargetError, UsageError, error
from deploy.site.access import AccessLog
from deploy.site.accounts import Accounts
from deploy.site.admin import Admin
from deploy.site.app import Application, Parts
from deploy.site.customers import Customers
from deploy.site.forms import Tokens
from deploy.site.metrics import SHARED_FOLDER, Metrics
from deploy.site.model import APPLICATION_ROOT, ServerSettings
from deploy.site.pages import Pages
from deploy.site.publication import PublishedTree

STOPPING_SECONDS = 30
KEPT_ALIVE_SECONDS = 20
BACKLOG = 4096
GONE_MILLISECONDS = 60_000
_KEY_FILE = "form-key"
_KEY_SIZE = 32


def build(settings: ServerSettings, access_log: Path | None = None) -> Application:
    """The application with all its parts; raises `TargetError` where the state folder cannot be used."""
    customers = Customers(settings.root)
    publication = PublishedTree(settings.published)
    tokens = Tokens(secret_of(settings.state))
    admin = Admin(settings, customers, publication, tokens, Accounts(settings.state, settings.lockout))
    pages = Pages(settings, customers, publication, tokens)
    return Application(Parts(settings, customers, publication, pages, admin, Metrics(), AccessLog(access_log)))


def secret_of(state: Path) -> bytes:
    """The server's own secret, made on first use; only its account may read it. Raises `TargetError`."""
    path = state / _KEY_FILE
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            write_atomic(path, secrets.token_bytes(_KEY_SIZE), mode=0o600)
        found = path.read_bytes()
    except OSError as wrong:
        raise target_error(wrong, path) from wrong
    if len(found) < _KEY_SIZE:
        hint = "remove it: it is made anew, and forms that are open have to be loaded again"
        raise TargetError(error("cannot-read", f"{path} is cut short", hint, file=str(path)))
    return found


@dataclass(frozen=True, slots=True)
class Launch:
    """Makes the application in the process that is to answer; can be sent to another process."""

    settings: ServerSettings
    access_log: Path | None

    def __call__(self) -> Application:
        return build(self.settings, self.access_log)


def listen(settings: ServerSettings) -> socket.socket:
    """A bound socket; raises `TargetError` (cannot-listen)."""
    kind = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(kind, socket.SOCK_STREAM)
    try:
        if hasattr(os, "fork"):
            # Elsewhere this would let two servers have one port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Clients that have gone without a word are let go of, though nothing can be sent to them.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MILLISECONDS)
        listening.bind((settings.host, settings.port))
        # Whoever reads the address may come at once, and waits until somebody answers.
        listening.listen(BACKLOG)
    except OSError as wrong:
        listening.close()
        said = f"{settings.host} port {settings.port}: {wrong.strerror or wrong}"
        hint = "choose another with --host and --port, or end what listens there"
        raise TargetError(error("cannot-listen", said, hint)) from wrong
    listening.set_inheritable(True)
    return listening


def address(settings: ServerSettings, listening: socket.socket) -> str:
    """Where the download page of the default tenant is."""
    scheme = "http" if settings.tls_cert is None else "https"
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}/{APPLICATION_ROOT}/install"


def check(settings: ServerSettings) -> None:
    """What would keep a server from running, all at once; raises `UsageError` and `TargetError`."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise UsageError(error("bad-setting", "a certificate and its key belong together", "give both, or none"))
    problems = [
        error("cannot-read", f"{path}: no such {what}", hint)
        for path, is_there, what, hint in (
            (settings.root, settings.root.is_dir(), "folder", "name the repository of customers with --root"),
            *(
                (one, one.is_file(), "file", "name a PEM file with --tls-cert and --tls-key")
                for one in (settings.tls_cert, settings.tls_key)
                if one is not None
            ),
        )
        if not is_there
    ]
    if problems:
        raise TargetError(problems)


def serve(
    settings: ServerSettings,
    listening: socket.socket,
    work: Callable[[threading.Event], None],
    access_log: Path | None,
) -> None:
    """Answer until the process is told to stop (SIGTERM, SIGINT, Ctrl-C); what was begun is then finished.

    `work` runs beside it in a thread until its event is set: publishing, and watching.
    """
    secret_of(settings.state)
    # uvicorn stops in order at these, and then hands them to whoever handled them before: that would kill.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopped)
    with _counting_together(settings.workers), _beside(work):
        config = Config(
            Launch(settings, access_log),
            factory=True,
            workers=settings.workers,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=_logging(),
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            ssl_certfile=None if settings.tls_cert is None else str(settings.tls_cert),
            ssl_keyfile=None if settings.tls_key is None else str(settings.tls_key),
            timeout_keep_alive=KEPT_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOPPING_SECONDS,
            backlog=BACKLOG,
        )
        server = Server(config)
        if settings.workers > 1:
            Multiprocess(config, sockets=[listening]).run()
        else:
            server.run(sockets=[listening])


def _stopped(number: int, frame: FrameType | None) -> None:
    del number, frame


@contextmanager
def _beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), name="publisher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOPPING_SECONDS)


@contextmanager
def _counting_together(workers: int) -> Iterator[None]:
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="micce-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def _logging() -> dict[str, Any]:
    """What the standard library's `dictConfig` takes: the server's words go to stderr."""
    words = {"handlers": ["words"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"dated": {"format": "%(asctime)s %(levelname)s %(message)s"}},
        "handlers": {"words": {"class": "logging.StreamHandler", "formatter": "dated", "stream": "ext://sys.stderr"}},
        "loggers": {"micce.site": {**words, "level": "INFO"}, "uvicorn": {**words, "level": "WARNING"}},
    }
