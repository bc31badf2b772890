"""`micce-deploy`: the commands, put together from their parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from deploy import __version__
from deploy.config.identifiers import Identifiers
from deploy.download import DownloadOptions, Workers
from deploy.errors import MicceError, Problem, UsageError, error, warning
from deploy.events import Phase
from deploy.host.contract import Host
from deploy.host.current import current
from deploy.host.environment import with_scheme
from deploy.install import InstallOptions, install, may_be_large
from deploy.machine_file import gather_machine, identifiers_for, state_folder, transport_settings
from deploy.plan import Plan
from deploy.progress import progress
from deploy.published import plan_of, published_address, read_manifest
from deploy.rate import parse_rate
from deploy.rendering import (
    Json,
    check_json,
    diagnosis_json,
    failure_json,
    plan_json,
    result_json,
    write_check,
    write_diagnosis,
    write_json,
    write_plan,
    write_problems,
    write_result,
)
from deploy.resolve import Document, check, read_document, resolve, with_address
from deploy.sources import Sources
from deploy.transport.contract import Proxies, TransportSettings
from deploy.transport.location import Scheme

CHECK_TIMEOUT = 5.0
INTERRUPTED = 130

app = typer.Typer(
    name="micce-deploy",
    help="Install MiCC Enterprise clients, and serve them to the clients of many customers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


DocumentArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE|URL",
        help="The address of a customer's page, or a Setup.config: its path, its folder, or its address.",
    ),
]
CheckedArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE|DIR|URL", help="A Setup.config, the folder that holds it, or the folder of all customers."
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="Name=Value", help="Set an identifier such as WebServerUri. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON on stdout, for programs.")]
ProxyOption = Annotated[
    str, typer.Option("--proxy", metavar="URL", help="Reach http and https sources through this proxy.")
]
CaOption = Annotated[
    str, typer.Option("--ca-file", metavar="FILE", help="Trust these certificates (PEM) instead of the system's.")
]


@dataclass(frozen=True, slots=True)
class Session:
    """What every command knows of this computer and of its command line."""

    host: Host
    identifiers: Identifiers
    settings: TransportSettings
    state: Path
    warnings: tuple[Problem, ...]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Options of the command itself."""
    if version:
        typer.echo(f"micce-deploy {__version__}")
        raise typer.Exit


@app.command("check", epilog="Example: micce-deploy check WebDeployment/acmecorp/Setup.config")
def check_command(
    document: CheckedArgument,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the sources what they hold.")] = False,
    proxy: ProxyOption = "",
    ca_file: CaOption = "",
) -> None:
    """Find every problem of a Setup.config, or of every customer, at once. Exit code 1 when there is an error."""
    from deploy.customers_rendering import write_repository
    from deploy.site.repository_check import check_repository, is_repository

    with reporting(as_json, check_json):
        session = _session(set_values, proxy, ca_file)
        repository, name = None, document
        with Sources(replace(session.settings, connect_timeout=CHECK_TIMEOUT)) as sources:

            def judge(read: Document) -> tuple[Problem, ...]:
                return check(read, with_address(session.identifiers, read), None if offline else sources)

            if is_repository(document):
                repository = check_repository(Path(document), lambda path: judge(read_document(path, sources)))
                problems = repository.everything
            else:
                read = read_document(document, sources)
                name, problems = read.name, judge(read)
        if as_json:
            write_json(check_json(problems))
        elif repository is not None:
            write_repository(repository)
        else:
            write_check(name, problems)
        if any(one.is_error for one in problems):
            raise typer.Exit(1)


@app.command("resolve", epilog="Example: micce-deploy resolve Setup.config --set WebServerUri=http://server:80 --json")
def resolve_command(
    document: DocumentArgument,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Requests under way at once.")] = 8,
    proxy: ProxyOption = "",
    ca_file: CaOption = "",
) -> None:
    """Show what would be installed: from where, to where, and who overwrites whom. Changes nothing."""
    with reporting(as_json):
        session = _session(set_values, proxy, ca_file)
        with Sources(session.settings, jobs=jobs) as sources:
            plan = _plan(document, session, sources)
            plan = replace(plan, files=sources.measured(plan.files))
        if as_json:
            write_json(plan_json(plan))
        else:
            write_plan(plan)


@app.command(
    "install",
    epilog="Example: micce-deploy install http://server/MiCCEInstallation/install/acmecorp --to ./client",
)
def install_command(
    document: DocumentArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The base download folder; made when missing.")],
    set_values: SetOption = [],  # noqa: B006
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Transfers under way at once.")] = 8,
    limit_rate: Annotated[
        str, typer.Option("--limit-rate", metavar="RATE", help="Bytes a second, as 500K or 10M.")
    ] = "",
    proxy: ProxyOption = "",
    ca_file: CaOption = "",
    execute: Annotated[
        bool, typer.Option("--execute/--no-execute", help="Run the command of the Setup.config.")
    ] = True,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read installed files again instead of trusting size and time.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Download what is missing, verify it, put it in place, and execute the command."""
    with reporting(as_json):
        session = _session(set_values, proxy, ca_file)
        rate = parse_rate(limit_rate) if limit_rate else None
        options = InstallOptions(to, session.state, DownloadOptions(jobs=jobs, limit_rate=rate), execute, verify)
        with ExitStack() as stack:
            tell = stack.enter_context(progress(as_json=as_json))
            # What is published comes in few large requests, for which processes do not pay.
            many = published_address(document) is None and may_be_large(options)
            workers = stack.enter_context(Workers.prestart((Scheme.HTTP,))) if many else None
            sources = stack.enter_context(Sources(session.settings, jobs=jobs))
            tell(Phase("ask", 0, None))
            plan = _plan(document, session, sources)
            result = install(plan, options, session.settings, session.host, tell, workers)
        if as_json:
            write_json(result_json(result), indent=False)
        else:
            write_result(result)


@app.command("doctor", epilog="Example: micce-deploy doctor --json")
def doctor_command(as_json: JsonOption = False) -> None:
    """Say what this machine knows about itself, where it came from, and what is wrong with it."""
    from deploy.doctor import diagnose

    with reporting(as_json):
        diagnosis = diagnose(current())
        if as_json:
            write_json(diagnosis_json(diagnosis))
        else:
            write_diagnosis(diagnosis)


def main() -> None:
    """The console script."""
    app()


def _plan(document: str, session: Session, sources: Sources) -> Plan:
    """What is to be installed from a Setup.config or from what a server published; raises `MicceError`."""
    address = published_address(document)
    if address is None:
        read = read_document(document, sources)
        plan = resolve(read, with_address(session.identifiers, read), sources)
    else:
        manifest = read_manifest(address, sources, session.state)
        plan = plan_of(manifest, address, session.identifiers, sources)
    return replace(plan, warnings=(*session.warnings, *plan.warnings))


def _session(set_values: list[str], proxy: str, ca_file: str) -> Session:
    """Put together what machine.toml, the host and the command line say; raises `MicceError`."""
    host = current()
    found = gather_machine(host)
    identifiers = identifiers_for(found, host, assignments(set_values))
    settings = transport_settings(found, host)
    if proxy:
        settings = replace(settings, proxies=Proxies(with_scheme(proxy), with_scheme(proxy)))
    if ca_file:
        if not Path(ca_file).is_file():
            raise UsageError(error("cannot-read", f"{ca_file}: no such file", "name a file of PEM certificates"))
        settings = replace(settings, ca_file=ca_file)
    return Session(host, identifiers, settings, state_folder(found.usable(), host), found.problems)


def assignments(texts: list[str]) -> dict[str, str]:
    """Read every `Name=Value`; raises `UsageError` (bad-assignment) for all that are none."""
    parts = [text.partition("=") for text in texts]
    wrong = [
        error("bad-assignment", f"'{name}' is not Name=Value", "write --set WebServerUri=http://server:80")
        for name, equals, _ in parts
        if not equals or not name.strip()
    ]
    if wrong:
        raise UsageError(wrong)
    return {name.strip(): value for name, _, value in parts}


@contextmanager
def reporting(as_json: bool, document: Callable[[tuple[Problem, ...]], Json] = failure_json) -> Iterator[None]:
    """End with the error's exit code and its problems told, never with a traceback for a user's mistake."""
    try:
        yield
    except MicceError as wrong:
        if as_json:
            write_json(document(wrong.problems), indent=False)
        write_problems(wrong.problems)
        raise typer.Exit(wrong.exit_code) from wrong
    except KeyboardInterrupt:
        write_problems(
            [warning("interrupted", "stopped on request", "run the same command again: what arrived is kept")]
        )
        raise typer.Exit(INTERRUPTED) from None
