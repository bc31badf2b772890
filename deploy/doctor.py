"""What the program knows about this computer and where it knows it from (`micce-deploy doctor`)."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from deploy import __version__
from deploy.config.identifiers import Identifiers
from deploy.disk import free_space
from deploy.errors import MicceError, Problem, Severity, warning
from deploy.host.contract import Host, Place
from deploy.host.registry import Hive, RegistryKey
from deploy.machine import Machine, Role
from deploy.machine_file import (
    MachineFound,
    gather_machine,
    host_identifiers,
    machine_identifiers,
    proxies_for,
    state_folder,
    transport_settings,
)

LIBRARIES = ("httpx", "httptools", "lxml", "smbprotocol", "truststore", "typer")
MACHINE_ORIGIN = "machine.toml"
NO_SERVICE = "micce-doctor-asks"
WINDOWS = "windows"
WINDOWS_SERVICES, WINDOWS_REGISTRY = "service control manager", "registry of Windows"


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A place where a machine.toml may be; `exists` is None where this account may not look."""

    path: Path
    place: Place
    exists: bool | None


@dataclass(frozen=True, slots=True)
class IdentifierFinding:
    """One of the manual's twelve, without credentials; None and "" where it has no value."""

    name: str
    text: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class StateFinding:
    """The state folder. `writable` was tried there, or in the nearest folder above that exists; `free` is in bytes."""

    path: Path
    origin: str
    exists: bool
    writable: bool
    free: int | None


@dataclass(frozen=True, slots=True)
class ProxyFinding:
    """The proxies in effect, without credentials, and where they come from."""

    http: str | None
    https: str | None
    no_proxy: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class DriverFinding:
    """What services or the registry are reached through, and whether it answers."""

    driver: str
    answers: bool


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """The account this runs under; `elevated` says whether it may change what belongs to the whole machine."""

    name: str
    elevated: bool


@dataclass(frozen=True, slots=True)
class Version:
    """A part and its version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything `micce-deploy doctor` shows.

    With an error in `problems` the other commands refuse to work; what the file could not tell is
    then shown as if it were not there.
    """

    versions: tuple[Version, ...]
    machine_file: Path | None
    looked: tuple[LookedAt, ...]
    roles: tuple[Role, ...]
    product_version: str | None
    identifiers: tuple[IdentifierFinding, ...]
    state: StateFinding
    proxies: ProxyFinding
    opens_unc_paths: bool
    account: AccountFinding
    services: DriverFinding
    registry: DriverFinding
    problems: tuple[Problem, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing found here stops the other commands."""
        return not any(problem.is_error for problem in self.problems)


def diagnose(host: Host) -> Diagnosis:
    """Look at this computer; nothing is raised and nothing is left behind."""
    found = gather_machine(host)
    machine = found.machine or Machine()
    identifiers, problems = _identifiers(found, host)
    state = _state(machine, host)
    registry, damaged = _registry(machine, state.path, host)
    return Diagnosis(
        versions=tuple(_versions()),
        machine_file=found.path,
        looked=tuple(LookedAt(one.path, one.place, _exists(one.path)) for one in found.looked),
        roles=tuple(role for role in Role if role in machine.roles),
        product_version=machine.product_version,
        identifiers=tuple(
            IdentifierFinding(name, None, "") if value is None else IdentifierFinding(name, value.shown, value.origin)
            for name, value in identifiers
        ),
        state=state,
        proxies=_proxies(machine, host),
        opens_unc_paths=host.opens_unc_paths(),
        account=AccountFinding(host.account(), host.is_elevated()),
        services=_services(machine, state.path, host),
        registry=registry,
        problems=(*found.problems, *problems, *_settings_problems(found, host), *_state_problems(state), *damaged),
    )


def _identifiers(found: MachineFound, host: Host) -> tuple[Identifiers, tuple[Problem, ...]]:
    identifiers, strange = host_identifiers(host)
    if found.machine is None:
        return identifiers, strange
    known, wrong = machine_identifiers(identifiers, found)
    return known, (*strange, *wrong)


def _settings_problems(found: MachineFound, host: Host) -> tuple[Problem, ...]:
    if found.machine is None:
        return ()
    try:
        transport_settings(found, host)
    except MicceError as wrong:
        return wrong.problems
    return ()


def _state(machine: Machine, host: Host) -> StateFinding:
    path = state_folder(machine, host)
    origin = "default" if machine.state is None else MACHINE_ORIGIN
    return StateFinding(path, origin, path.is_dir(), _is_writable(path), free_space(path))


def _state_problems(state: StateFinding) -> tuple[Problem, ...]:
    if state.writable:
        return ()
    hint = "let this account write there, or set state in machine.toml"
    return (warning("state-not-writable", "the state folder cannot be written", hint, file=str(state.path)),)


def _services(machine: Machine, state: Path, host: Host) -> DriverFinding:
    """Asked about a service that nobody has: what answers says that there is none, or that it does not work."""
    driver = WINDOWS_SERVICES if host.system().name == WINDOWS else machine.services.driver.value
    try:
        host.services(machine.services, state).status(NO_SERVICE)
    except MicceError as wrong:
        return DriverFinding(driver, wrong.code != "services-unavailable")
    return DriverFinding(driver, True)


def _registry(machine: Machine, state: Path, host: Host) -> tuple[DriverFinding, tuple[Problem, ...]]:
    """What does not work here stops hotfixes only, so that it is a warning."""
    driver = WINDOWS_REGISTRY if host.system().name == WINDOWS else machine.registry.value
    try:
        host.registry(machine.registry, state).has_key(RegistryKey(Hive.HKLM, "SOFTWARE"))
    except MicceError as wrong:
        problems = () if wrong.code == "registry-unavailable" else wrong.problems
        return DriverFinding(driver, False), tuple(replace(one, severity=Severity.WARNING) for one in problems)
    return DriverFinding(driver, True), ()


def _is_writable(folder: Path) -> bool:
    place = folder
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _exists(path: Path) -> bool | None:
    try:
        return path.exists()
    except OSError:
        return None


def _proxies(machine: Machine, host: Host) -> ProxyFinding:
    proxies = proxies_for(machine, host)
    parts = (machine.network.proxy, machine.network.no_proxy)
    if all(part is None for part in parts):
        origin = "environment" if proxies.http or proxies.https else "none set"
    else:
        origin = MACHINE_ORIGIN
    return ProxyFinding(_shown(proxies.http), _shown(proxies.https), proxies.no_proxy, origin)


def _shown(proxy: str | None) -> str | None:
    """The address of a proxy without user and password."""
    if proxy is None:
        return None
    scheme, mark, rest = proxy.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _versions() -> Iterator[Version]:
    yield Version("micce-deploy", __version__)
    yield Version("python", platform.python_version())
    yield Version("system", platform.platform())
    for name in LIBRARIES:
        try:
            yield Version(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
