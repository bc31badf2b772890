"""Find and read the server's server.toml, and put together what it, machine.toml and the command line say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack, cast

from deploy.config.identifiers import Identifiers
from deploy.errors import ConfigError, Problem, UsageError, error
from deploy.host.contract import Candidate, Host, Place
from deploy.hotfixes import repository_of
from deploy.machine_file import gather_machine, identifiers_for, state_folder
from deploy.site.model import Lockout, ServerSettings, Share
from deploy.site.server_toml import ParsedServer, ServerDocument, parse_server
from deploy.toml_document import SIZE_CAP

ROOT = "WebDeployment"
STATE = "server"
PUBLISHED = "published"

_Value = TypeVar("_Value")


class Overrides(TypedDict, total=False):
    """What a command line may say instead of the file; None is "not said". Relative paths start where it was typed."""

    root: Path | None
    published: Path | None
    state: Path | None
    uri: str | None
    broker: str | None
    release: str | None
    programs: Path | None
    hotfixes: Path | None
    host: str | None
    port: int | None
    tls_cert: Path | None
    tls_key: Path | None
    https_only: bool | None
    watch: bool | None
    quiet: float | None
    workers: int | None


@dataclass(frozen=True, slots=True)
class SettingsFound:
    """What was found out about the server's settings.

    `settings` is None where a file has errors. `path` is the server.toml that was read (or could not
    be), `looked` every place in order; `problems` are those of server.toml and of machine.toml,
    warnings too. `identifiers` are what this computer knows of itself.
    """

    settings: ServerSettings | None
    path: Path | None
    problems: tuple[Problem, ...]
    looked: tuple[Candidate, ...]
    identifiers: Identifiers = field(default_factory=Identifiers)

    def usable(self) -> ServerSettings:
        """The settings; raises `ConfigError` with every problem when a file has errors."""
        if self.settings is None:
            raise ConfigError(self.problems)
        return self.settings

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is worth saying and stops nothing."""
        return tuple(problem for problem in self.problems if not problem.is_error)


def gather_settings(host: Host, settings_file: Path | None = None, /, **overrides: Unpack[Overrides]) -> ServerSettings:
    """The settings of the server; without a server.toml the defaults.

    The first that is there counts: `settings_file`, the file `$MICCE_SERVER` names, server.toml in the
    system's folder. Raises `ConfigError` with every problem of server.toml and machine.toml, `UsageError`
    for overrides that contradict. `find_settings` tells the warnings too.
    """
    return find_settings(host, settings_file, **overrides).usable()


def find_settings(host: Host, settings_file: Path | None = None, /, **overrides: Unpack[Overrides]) -> SettingsFound:
    """The settings with where they come from and what is wrong with them; raises `UsageError` only."""
    looked = host.server_files() if settings_file is None else (Candidate(settings_file, Place.OPTION),)
    path, parsed = _read_first(looked)
    problems = list(parsed.problems)
    machine = gather_machine(host)
    problems += machine.problems
    identifiers = Identifiers()
    try:
        identifiers = identifiers_for(machine, host, {})
    except ConfigError as wrong:
        problems += (problem for problem in wrong.problems if problem not in problems)
    if parsed.document is None or machine.machine is None or any(problem.is_error for problem in problems):
        return SettingsFound(None, path, tuple(problems), looked, identifiers)
    folder = Path.cwd() if path is None else path.absolute().parent
    settings = _settings(parsed.document, folder, state_folder(machine.machine, host), identifiers, overrides)
    return SettingsFound(settings, path, tuple(problems), looked, identifiers)


def _read_first(looked: tuple[Candidate, ...]) -> tuple[Path | None, ParsedServer]:
    for candidate in looked:
        try:
            with candidate.path.open("rb") as file:
                data = file.read(SIZE_CAP + 1)
        except (FileNotFoundError, NotADirectoryError) as wrong:
            if candidate.required:
                return candidate.path, ParsedServer(None, (_unreadable(candidate, wrong),))
            continue
        except OSError as wrong:
            return candidate.path, ParsedServer(None, (_unreadable(candidate, wrong),))
        return candidate.path, parse_server(data, str(candidate.path))
    return None, ParsedServer(ServerDocument(), ())


def _unreadable(candidate: Candidate, wrong: OSError) -> Problem:
    hint = {
        Place.SERVER_NAMED: "unset MICCE_SERVER, or name a file with it",
        Place.OPTION: "name a file with --settings, or leave it out",
    }.get(candidate.place, "let this account read it")
    return error("cannot-read", f"server.toml: {wrong.strerror}", hint, file=str(candidate.path))


def _settings(
    document: ServerDocument, folder: Path, state: Path, identifiers: Identifiers, overrides: Overrides
) -> ServerSettings:
    """`folder` is where paths of the file start, `state` the machine's state folder."""

    def path(text: str | None, default: Path | None) -> Path | None:
        return default if text is None else _absolute(folder / text)

    own = cast(Path, path(document.state, state / STATE))
    default = ServerSettings(Path(), Path(), Path())
    settings = ServerSettings(
        root=cast(Path, path(document.root, _absolute(Path(ROOT)))),
        published=cast(Path, path(document.published, state / PUBLISHED)),
        state=own,
        shares=tuple(Share(name, _absolute(folder / text)) for name, text in document.shares),
        uri=_first(document.uri, _known(identifiers, "WebServerUri")),
        broker=_first(document.broker, _known(identifiers, "BrokerServer")),
        release=document.release,
        programs=path(document.programs, None),
        hotfixes=path(document.hotfixes, _catalogue(identifiers)),
        ingest=document.ingest or (),
        host=_or(document.host, default.host),
        port=_or(document.port, default.port),
        tls_cert=path(document.tls_cert, None),
        tls_key=path(document.tls_key, None),
        https_only=_or(document.https_only, default.https_only),
        trusted_proxies=document.trusted_proxies or (),
        watch=_or(document.watch, default.watch),
        quiet=_or(document.quiet, default.quiet),
        workers=_or(document.workers, default.workers),
        lockout=Lockout(
            _or(document.lockout_attempts, default.lockout.attempts),
            _or(document.lockout_minutes, default.lockout.minutes),
        ),
        session_minutes=_or(document.session_minutes, default.session_minutes),
    )
    return _agreeing(_overridden(settings, overrides))


def _overridden(settings: ServerSettings, overrides: Overrides) -> ServerSettings:
    said = {
        name: _absolute(value) if isinstance(value, Path) else value
        for name, value in overrides.items()
        if value is not None
    }
    return replace(settings, **said)  # type: ignore[arg-type]  # the names are those of Overrides


def _agreeing(settings: ServerSettings) -> ServerSettings:
    """The settings, unless two of them exclude each other; raises `UsageError` (bad-setting)."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        hint = f"give {missing} in server.toml, or --{missing.replace('_', '-')}"
        raise UsageError(error("bad-setting", "a certificate and its key belong together", hint))
    return settings


def _absolute(path: Path) -> Path:
    """The path from the root, `..` taken out of it; links stay."""
    return Path(os.path.abspath(path))


def _known(identifiers: Identifiers, name: str) -> str | None:
    value = identifiers.get(name)
    return None if value is None else value.text


def _catalogue(identifiers: Identifiers) -> Path | None:
    """The catalogue of hotfixes, where this computer knows an InstallDir that is a path of its own."""
    if identifiers.get("InstallDir") is None:
        return None
    folder = repository_of(identifiers)
    return folder if folder.is_absolute() else None


def _first(one: str | None, other: str | None) -> str | None:
    return other if one is None else one


def _or(value: _Value | None, default: _Value) -> _Value:
    return default if value is None else value
