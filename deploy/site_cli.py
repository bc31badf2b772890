"""`micce-deploy serve`: the server on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import reporting
from deploy.errors import TargetError, error
from deploy.host.current import current
from deploy.rendering import write_problems
from deploy.site.model import ServerSettings
from deploy.site.server_file import find_settings

EPILOG = "Example: micce-deploy serve --root WebDeployment --port 8080 --watch"

SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="server.toml; MICCE_SERVER or the system's folder if not given."),
]


def serve_command(
    root: Annotated[Path | None, typer.Option("--root", metavar="DIR", help="The repository of customers.")] = None,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes one that is free.")] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificates (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Their key (PEM).")] = None,
    watch: Annotated[
        bool | None, typer.Option("--watch/--no-watch", help="Publish what changes, once it has been quiet.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Processes that answer.")] = None,
    publish: Annotated[bool, typer.Option("--publish/--no-publish", help="Publish every customer first.")] = True,
    access_log: Annotated[
        Path | None, typer.Option("--access-log", metavar="FILE", help="A line of JSON a request; stdout if not given.")
    ] = None,
    settings_file: SettingsOption = None,
) -> None:
    """Serve customers their pages and files until stopped, and publish at the start."""
    with reporting(False):
        here = current()
        here.allow_many_files()
        found = find_settings(
            here,
            settings_file,
            root=root,
            host=host,
            port=port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            watch=watch,
            workers=workers,
        )
        settings = found.usable()
        write_problems(found.warnings)
        _run(settings, access_log, publish=publish)


def _run(settings: ServerSettings, access_log: Path | None, *, publish: bool) -> None:
    try:
        from deploy.site import serve
        from deploy.site.publishing import Publisher
    except ModuleNotFoundError as missing:
        said = f"this installation has no {missing.name}, which the server takes"
        hint = 'install it with its server: py -m pip install "micce-deployment[server]"'
        raise TargetError(error("server-not-installed", said, hint)) from missing
    serve.check(settings)
    publisher = Publisher(settings, at_start=publish)
    with serve.listen(settings) as listening:
        typer.echo(f"serving {settings.root} at {serve.address(settings, listening)}")
        serve.serve(settings, listening, publisher.run, access_log)
