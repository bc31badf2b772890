"""Find and read this computer's machine.toml, and put together what it and the host say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.config.identifiers import Identifiers
from deploy.errors import ConfigError, Problem, Severity, TargetError, UsageError, error, warning
from deploy.host.contract import Candidate, Host
from deploy.host.environment import with_scheme
from deploy.machine import Machine, SmbAccount, parse_machine
from deploy.toml_document import SIZE_CAP
from deploy.transport.contract import Proxies, SmbServer, TransportSettings

SET_ORIGIN = "--set"
_SECRET_CAP = 4096


@dataclass(frozen=True, slots=True)
class MachineFound:
    """What was found out about this computer's machine.toml.

    `machine` holds nothing where there is no file, and None where the file has errors. `path` is the
    file that was read (or could not be), `looked` every place in order.
    """

    machine: Machine | None
    path: Path | None
    problems: tuple[Problem, ...]
    looked: tuple[Candidate, ...]

    def usable(self) -> Machine:
        """The machine; raises `ConfigError` with every problem when the file has errors."""
        if self.machine is None:
            raise ConfigError(self.problems)
        return self.machine

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the file start from."""
        return Path() if self.path is None else self.path.parent


def gather_machine(host: Host) -> MachineFound:
    """Read the first machine.toml there is; what is wrong with it is in `problems`, nothing is raised."""
    looked = host.machine_files()
    for candidate in looked:
        try:
            with candidate.path.open("rb") as file:
                data = file.read(SIZE_CAP + 1)
        except (FileNotFoundError, NotADirectoryError) as wrong:
            if candidate.required:
                return MachineFound(None, candidate.path, (_unreadable(candidate, wrong),), looked)
            continue
        except OSError as wrong:
            return MachineFound(None, candidate.path, (_unreadable(candidate, wrong),), looked)
        parsed = parse_machine(data, str(candidate.path))
        exposed = _exposed(parsed.machine, candidate.path, host)
        return MachineFound(parsed.machine, candidate.path, (*parsed.problems, *exposed), looked)
    return MachineFound(Machine(), None, (), looked)


def identifiers_for(found: MachineFound, host: Host, set_values: Mapping[str, str]) -> Identifiers:
    """The identifiers of this computer: `--set` before machine.toml before what the host knows.

    Raises `ConfigError` for a machine.toml with errors, `UsageError` for `set_values` with a name or a
    value that no identifier can have. A value the host cannot mean is left out (`micce-deploy doctor`
    names it).
    """
    identifiers, _ = host_identifiers(host)
    known, problems = machine_identifiers(identifiers, found)
    if problems:
        raise ConfigError(problems)
    try:
        return known.with_values(set_values, SET_ORIGIN)
    except ConfigError as wrong:
        raise UsageError(wrong.problems) from None


def host_identifiers(host: Host) -> tuple[Identifiers, tuple[Problem, ...]]:
    """What the host knows by itself, and a warning for each value that cannot be meant."""
    identifiers = Identifiers()
    problems: list[Problem] = []
    for name, value in host.identifiers().items():
        try:
            identifiers = identifiers.with_values({name: value.text}, value.origin)
        except ConfigError as wrong:
            problems += (replace(problem, severity=Severity.WARNING) for problem in wrong.problems)
    return identifiers, tuple(problems)


def machine_identifiers(identifiers: Identifiers, found: MachineFound) -> tuple[Identifiers, tuple[Problem, ...]]:
    """The identifiers with those of machine.toml instead, and every error in these, with its line.

    Raises `ConfigError` for a machine.toml with errors.
    """
    problems: list[Problem] = []
    for setting in found.usable().identifiers:
        origin = str(found.path) if setting.line is None else f"{found.path}:{setting.line}"
        try:
            identifiers = identifiers.with_values({setting.name: setting.text}, origin)
        except ConfigError as wrong:
            problems += (problem.at(str(found.path), setting.line) for problem in wrong.problems)
    return identifiers, tuple(sorted(problems, key=lambda problem: problem.line or 0))


def state_folder(machine: Machine, host: Host) -> Path:
    """Where state is kept: what machine.toml says, else the host's own place."""
    return host.state_folder() if machine.state is None else Path(machine.state)


def transport_settings(found: MachineFound, host: Host) -> TransportSettings:
    """How sources are reached from here: proxies, certificates, accounts for shares.

    Raises `ConfigError` for a machine.toml with errors, `TargetError` (cannot-read) for a password
    file or certificates that are not there.
    """
    machine = found.usable()
    ca_file = None if machine.network.ca_file is None else found.folder / machine.network.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise TargetError(
            error("cannot-read", f"{ca_file}: no such file", "correct network.ca_file", file=str(found.path))
        )
    return TransportSettings(
        proxies=proxies_for(machine, host),
        ca_file=None if ca_file is None else str(ca_file),
        smb_servers=tuple(_smb_server(account, found) for account in machine.smb),
    )


def proxies_for(machine: Machine, host: Host) -> Proxies:
    """The proxies in effect: each of `proxy` and `no_proxy` from machine.toml, else from the environment."""
    proxies = host.proxies_from_environment()
    network = machine.network
    http, https = proxies.http, proxies.https
    if network.proxy is not None:
        http = https = with_scheme(network.proxy.strip())
    return Proxies(http, https, proxies.no_proxy if network.no_proxy is None else network.no_proxy)


def _smb_server(account: SmbAccount, found: MachineFound) -> SmbServer:
    password = account.password
    if account.password_file is not None:
        path = found.folder / account.password_file
        try:
            with path.open("rb") as file:
                password = file.read(_SECRET_CAP).decode("utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as wrong:
            said = wrong.strerror if isinstance(wrong, OSError) else "the text is not UTF-8"
            hint = f"correct password_file of the [[smb]] for {account.host}"
            raise TargetError(error("cannot-read", f"{path}: {said}", hint, file=str(found.path))) from None
    return SmbServer(account.host, account.username, password, account.port)


def _unreadable(candidate: Candidate, wrong: OSError) -> Problem:
    hint = "unset MICCE_MACHINE, or name a file with it" if candidate.required else "let this account read it"
    return error("cannot-read", f"machine.toml: {wrong.strerror}", hint, file=str(candidate.path))


def _exposed(machine: Machine | None, path: Path, host: Host) -> tuple[Problem, ...]:
    if machine is None or not machine.holds_secrets or not host.readable_by_others(path):
        return ()
    hint = "chmod 600 it, or keep the password in a file of its own and name that with password_file"
    return (warning("secrets-readable", "other accounts can read the passwords in it", hint, file=str(path)),)
