"""`micce-deploy clientsetup`: writes the ClientSetup.ini of a customer, and finds the problems of one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy import password_input
from deploy.atomic import OWNER_ONLY, write_atomic
from deploy.cli import JsonOption, SetOption, assignments, reporting
from deploy.config import clientini
from deploy.config.clientini import (
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    Reboot,
    RunAs,
    Updater,
)
from deploy.config.identifiers import Identifiers
from deploy.config.model import DEFAULT_TENANT
from deploy.config.profile import SIZE_CAP
from deploy.disk import target_error
from deploy.errors import ConfigError, Problem, TargetError, UsageError, error, warning
from deploy.host.current import current
from deploy.machine_file import SET_ORIGIN
from deploy.rendering import Json, check_json, failure_json, problem_json, write_check, write_json, write_problems

if TYPE_CHECKING:
    from deploy.site.model import Customer, ServerSettings

READABLE = 0o644
STAND_IN = "typed later"
EPILOG = r"Example: micce-deploy clientsetup acmecorp --account 'ACME\installer' --feature Agent --out ClientSetup.ini"
WITH_CHECK = frozenset({"customer", "root", "settings_file", "check", "as_json"})

CustomerArgument = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help="The CustomerID, in any case; Default if not given.")
]
RootOption = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="The repository; server.toml or ./WebDeployment if not given."),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="server.toml; MICCE_SERVER or the system's folder if not given."),
]
FeatureOption = Annotated[
    list[Feature],
    typer.Option(
        "--feature",
        metavar="NAME",
        case_sensitive=False,
        help=f"What to install; may be repeated: {', '.join(Feature)}.",
    ),
]
AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help=r"Who installs: DOMAIN\user, user@domain or .\user.")
]
FormatOption = Annotated[
    PasswordFormat | None,
    typer.Option("--password-format", case_sensitive=False, help="How the password stands in the file."),
]
InstallDirOption = Annotated[
    str | None, typer.Option("--install-dir", metavar="DIR", help="Where to install: an absolute path.")
]
RebootOption = Annotated[
    Reboot, typer.Option("--reboot", case_sensitive=False, help="What to do where a restart is needed.")
]
LogFileOption = Annotated[
    str | None, typer.Option("--log-file", metavar="FILE", help="The log of the installation: an absolute path.")
]
GeneratedOption = Annotated[
    str | None, typer.Option("--generated", metavar="TIME", help="Instead of now: a time as 2023-07-14T09:00:00Z.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to write it, or the folder; stdout if not given.")
]
CheckOption = Annotated[
    Path | None, typer.Option("--check", metavar="FILE", help="Only find the problems of this file.")
]


def clientsetup_command(
    context: typer.Context,
    customer: CustomerArgument = "",
    root: RootOption = None,
    settings_file: SettingsOption = None,
    features: FeatureOption = [],  # noqa: B006
    account: AccountOption = None,
    password_format: FormatOption = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    install_dir: InstallDirOption = None,
    desktop_shortcuts: Annotated[bool, typer.Option(help="Whether to make shortcuts on the desktop.")] = True,
    reboot: RebootOption = Reboot.SUPPRESS,
    log_file: LogFileOption = None,
    background_check: Annotated[bool, typer.Option(help="Whether to look for updates once a day.")] = True,
    check_on_startup: Annotated[bool, typer.Option(help="Whether to look for updates at each start.")] = True,
    set_values: SetOption = [],  # noqa: B006
    generated: GeneratedOption = None,
    out: OutOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    check: CheckOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the ClientSetup.ini of a customer: who installs, what, and how."""
    with reporting(as_json, failure_json if check is None else check_json):
        _refuse_contradictions(context, password_format, as_json=as_json)
        if check is not None:
            wanted = _customer(_settings(root, settings_file), customer) if customer else None
            _check(check, wanted, as_json=as_json)
            return
        settings = _settings(root, settings_file)
        found = _customer(settings, customer)
        general, warnings = _general(found, settings, assignments(set_values), generated)
        draft = ClientSetup(
            general,
            RunAs(account),
            frozenset(features),
            Options(install_dir, desktop_shortcuts, reboot, log_file),
            Updater(background_check, check_on_startup),
        )
        place = None if out is None else _place(out, force=force)
        _refuse_faults(draft, will_hold_password=password_stdin or (password_format or "none") != "none")
        setup = replace(draft, run_as=_run_as(account, password_format, from_stdin=password_stdin))
        data = clientini.write(setup)
        warnings += _about_password(setup)
        if not as_json:
            write_problems(warnings)
        if place is None:
            typer.echo(data, nl=False)
            return
        _write(place, data, secret=setup.run_as.password != "", force=force)
        if as_json:
            write_json(_written_json(setup, place, len(data), warnings))
        else:
            typer.echo(f"{place}: for {general.customer_id}, tenant {general.tenant_id}: {_chosen(setup)}")


def _refuse_contradictions(context: typer.Context, wanted: PasswordFormat | None, *, as_json: bool) -> None:
    """Raise `UsageError` (contradicting-options) for options that mean nothing together."""
    given = {name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
    problems = []
    if "check" in given:
        for name in sorted(given - WITH_CHECK):
            said = f"--{name.replace('_', '-')} is for writing a file, and --check writes none"
            problems.append(error("contradicting-options", said, "leave one of them out"))
    elif as_json and "out" not in given:
        said = "--json and the file itself would both go to stdout"
        problems.append(error("contradicting-options", said, "write the file with --out"))
    if "password_stdin" in given and wanted is PasswordFormat.NONE:
        said = "--password-stdin brings a password, and --password-format none leaves it out"
        problems.append(error("contradicting-options", said, "leave one of them out"))
    if problems:
        raise UsageError(problems)


def _settings(root: Path | None, settings_file: Path | None) -> ServerSettings:
    """The server's settings, their warnings told; raises `MicceError`, cannot-read where there is no repository."""
    from deploy.site.customers_folder import no_repository
    from deploy.site.server_file import find_settings

    found = find_settings(current(), settings_file, root=root)
    settings = found.usable()
    write_problems(found.warnings)
    if not settings.root.is_dir():
        raise TargetError(no_repository(settings.root))
    return settings


def _customer(settings: ServerSettings, id: str) -> Customer:
    """The customer, Default for ""; raises `TargetError` (unknown-customer), `ConfigError` for a broken one."""
    from deploy.site.customers import Customers
    from deploy.site.customers_change import unknown_customer
    from deploy.site.model import DEFAULT_CUSTOMER

    id = id or DEFAULT_CUSTOMER
    found = Customers(settings.root).find(id)
    if found is None:
        raise unknown_customer(settings.root, id)
    if found.config is None:
        raise ConfigError(found.problems)
    return found


def _general(
    customer: Customer, settings: ServerSettings, set_values: Mapping[str, str], generated: str | None
) -> tuple[General, list[Problem]]:
    """[General], and a warning for each address that nobody knows; `--set` goes before what the server knows."""
    try:
        said = Identifiers().with_values(set_values, SET_ORIGIN)
    except ConfigError as wrong:
        raise UsageError(wrong.problems) from None
    addresses = {"WebServerUri": settings.uri, "BrokerServer": settings.broker}
    addresses |= {name: value.text for name in addresses if (value := said.get(name)) is not None}
    warnings = [
        warning("unset-identifier", f"{name} is not known here, and is left out", f"give it: --set {name}=...")
        for name, text in addresses.items()
        if text is None
    ]
    tenant = DEFAULT_TENANT if customer.config is None else customer.config.tenant_id
    when = datetime.now(UTC) if generated is None else _time(generated)
    return General(customer.id, tenant, addresses["WebServerUri"], addresses["BrokerServer"], when), warnings


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        said = "the time of --generated is none, or says no time zone"
        raise UsageError(error("bad-time", said, "write it as 2023-07-14T09:00:00Z"))
    return when


def _refuse_faults(draft: ClientSetup, *, will_hold_password: bool) -> None:
    """Raise `UsageError` with everything that is wrong before anybody is asked for a password."""
    if will_hold_password:
        draft = replace(draft, run_as=replace(draft.run_as, password=STAND_IN, password_format=PasswordFormat.PLAIN))
    found = clientini.faults(draft)
    if found:
        raise UsageError(fault.problem for fault in found)


def _run_as(account: str | None, wanted: PasswordFormat | None, *, from_stdin: bool) -> RunAs:
    """The account with its password; asks for it where that is wanted, or where nothing was said and somebody is there.

    Raises `UsageError` (needs-answer, bad-password).
    """
    if from_stdin:
        return RunAs(account, password_input.from_stdin(), wanted or PasswordFormat.OBFUSCATED)
    unasked = wanted is None and not password_input.can_be_asked()
    if account is None or wanted is PasswordFormat.NONE or unasked:
        return RunAs(account)
    if wanted is not None:
        return RunAs(account, password_input.typed("Password of the account"), wanted)
    prompt = "Password of the account (nothing: each user is asked)"
    password = password_input.typed(prompt, may_be_empty=True)
    return RunAs(account, password, PasswordFormat.OBFUSCATED) if password else RunAs(account)


def _chosen(setup: ClientSetup) -> str:
    return ", ".join(feature.value for feature in Feature if feature in setup.features)


def _about_password(setup: ClientSetup) -> Iterator[Problem]:
    if setup.run_as.password:
        plainly = setup.run_as.password_format is PasswordFormat.PLAIN
        how = "as it is" if plainly else "obfuscated, which hides it from a casual look only"
        hint = "use an account that may install software and nothing else, and change its password often"
        yield warning("password-in-file", f"the password stands in the file {how}", hint)


def _place(out: Path, *, force: bool) -> Path:
    """Where the file is to be; raises `TargetError` (file-exists, cannot-write) before anything is asked."""
    from deploy.site.model import CLIENT_INI

    place = out / CLIENT_INI if out.is_dir() else out
    if not place.parent.is_dir():
        raise TargetError(error("cannot-write", f"{place.parent}: no such folder", "make it first", file=str(place)))
    _refuse_existing(place, force=force)
    return place


def _refuse_existing(place: Path, *, force: bool) -> None:
    if os.path.lexists(place) and not force:
        raise TargetError(error("file-exists", f"{place} is there", "replace it with --force", file=str(place)))


def _write(place: Path, data: bytes, *, secret: bool, force: bool) -> None:
    _refuse_existing(place, force=force)
    try:
        write_atomic(place, data, mode=OWNER_ONLY if secret else READABLE)
    except OSError as wrong:
        raise target_error(wrong, place, len(data)) from wrong


def _written_json(setup: ClientSetup, place: Path, size: int, warnings: list[Problem]) -> Json:
    """The document of `micce-deploy clientsetup --json`; never the account, never the password."""
    general = setup.general
    return {
        "customerID": general.customer_id,
        "tenantID": general.tenant_id,
        "webServerUri": general.web_server_uri,
        "brokerServer": general.broker_server,
        "features": _chosen(setup).split(", "),
        "passwordFormat": setup.run_as.password_format.value,
        "out": str(place),
        "size": size,
        "warnings": [problem_json(one) for one in warnings],
    }


def _check(path: Path, customer: Customer | None, *, as_json: bool) -> None:
    """Tell every problem of a file, and with a customer also whether it is for that one."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_CAP + 1)
    except OSError as wrong:
        raise TargetError(
            error("cannot-read", f"{path}: {wrong.strerror}", "correct the path", file=str(path))
        ) from None
    from deploy.site.repository_check import strangers

    parsed = clientini.read(data, str(path))
    problems = [*parsed.problems, *(() if customer is None else strangers(parsed, customer, str(path)))]
    if as_json:
        write_json(check_json(problems))
    else:
        write_check(str(path), problems)
    if any(one.is_error for one in problems):
        raise typer.Exit(1)
