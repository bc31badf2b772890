"""What machine.toml says: where state lives, which roles this machine has, how it is driven.

Pure: bytes in, a `Machine` and every problem out.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from deploy.config.identifiers import NAMES
from deploy.errors import Problem
from deploy.toml_document import read_toml
from deploy.toml_section import Section

_VERSION = re.compile(r"\d{1,5}(\.\d{1,5}){0,3}")
_ABSOLUTE = re.compile(r"(?i)[a-z]:[\\/]|[\\/]")
NAME_PLACE = "{name}"
START_TYPE_PLACE = "{start_type}"


class Role(enum.StrEnum):
    """What of the product runs on a machine; written in any case."""

    SERVER = "Server"
    BROKER = "Broker"
    ROUTER = "Router"
    WEB_SERVICES = "WebServices"
    SCRIPT_MANAGER = "ScriptManager"
    TAS = "TAS"
    CLIENT = "Client"


class ServicesDriver(enum.StrEnum):
    """How services are driven off Windows."""

    SYSTEMD = "systemd"
    COMMANDS = "commands"


class RegistryDriver(enum.StrEnum):
    """What stands in for the registry off Windows; with `none` what needs one is refused."""

    FILE = "file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class IdentifierSetting:
    """One value of `[identifiers]`, `name` as the manual spells it, `text` as written."""

    name: str
    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """`[services]`: argument vectors with `{name}` for the service's name, used by the driver `commands`.

    `status` exits with 0 for running, 3 for stopped, 4 for no such service, anything else for an error
    (as LSB init scripts do). `start_type` has `{start_type}` besides, for one of automatic, delayed,
    manual, disabled; empty where start types cannot be changed.
    """

    driver: ServicesDriver = ServicesDriver.SYSTEMD
    status: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    start_type: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """`[network]`: None is "as the environment says", an empty `proxy` is "none at all".

    `no_proxy` holds hosts and domains as curl reads them; `ca_file` is a path of PEM certificates,
    relative to the folder of machine.toml.
    """

    proxy: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class SmbAccount:
    """One `[[smb]]`: the account for a server of shares. `password_file` is relative to machine.toml's folder."""

    host: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    port: int = 445


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything machine.toml holds; without a file, nothing."""

    state: str | None = None
    roles: frozenset[Role] = frozenset()
    product_version: str | None = None
    identifiers: tuple[IdentifierSetting, ...] = ()
    services: Services = Services()
    registry: RegistryDriver = RegistryDriver.FILE
    network: Network = Network()
    smb: tuple[SmbAccount, ...] = ()

    @property
    def holds_secrets(self) -> bool:
        """Whether the file has a password in it."""
        return any(account.password for account in self.smb) or "@" in (self.network.proxy or "")


@dataclass(frozen=True, slots=True)
class ParsedMachine:
    """What reading gave: every problem, and the machine when none of them is an error."""

    machine: Machine | None
    problems: tuple[Problem, ...]


def parse_machine(data: bytes, name: str) -> ParsedMachine:
    """Read machine.toml (TOML 1.0.0, UTF-8, with or without BOM); `name` is its path for messages."""
    problems: list[Problem] = []
    root = read_toml(data, problems, "machine.toml", code="bad-machine-file")
    machine = None if root is None else _machine(root)
    if any(problem.is_error for problem in problems):
        machine = None
    return ParsedMachine(machine, tuple(sorted((one.at(name) for one in problems), key=lambda one: one.line or 0)))


def _machine(root: Section) -> Machine:
    machine = Machine(
        state=_state(root),
        roles=_roles(root),
        product_version=_product_version(root),
        identifiers=_identifiers(root.section("identifiers")),
        services=_services(root.section("services")),
        registry=_registry(root.section("registry")),
        network=_network(root.section("network")),
        smb=_smb(root),
    )
    root.finish()
    return machine


def _state(root: Section) -> str | None:
    state = root.text("state")
    if state is not None and not _ABSOLUTE.match(state):
        root.wrong("state", f"'{state}' is not an absolute path", 'write the whole path, as in "/var/lib/micce"')
    return state


def _roles(root: Section) -> frozenset[Role]:
    known = {role.value.lower(): role for role in Role}
    found: set[Role] = set()
    for text in root.texts("roles") or ():
        role = known.get(text.strip().lower())
        if role is None:
            root.wrong("roles", f"'{text}' is not a role", f"use {', '.join(Role)}", code="unknown-role")
        else:
            found.add(role)
    return frozenset(found)


def _product_version(root: Section) -> str | None:
    version = root.text("product_version")
    if version is not None and not _VERSION.fullmatch(version):
        root.wrong("product_version", f"'{version}' is not a version", 'write numbers, as in "9.6.1.0"')
    return version


def _identifiers(section: Section) -> tuple[IdentifierSetting, ...]:
    canonical = {name.lower(): name for name in NAMES}
    found: dict[str, IdentifierSetting] = {}
    for key in section:
        name = canonical.get(key.lower())
        if name is None:
            section.unknown(key, NAMES)
            continue
        text = section.text(key, number_too=True)
        if name in found:
            section.wrong(key, f"{name} is set twice", f"keep one of them (the other is line {found[name].line})")
        elif text is not None:
            found[name] = IdentifierSetting(name, text, section.line(key))
    return tuple(found[name] for name in NAMES if name in found)


def _services(section: Section) -> Services:
    driver = section.choice("driver", ServicesDriver, ServicesDriver.SYSTEMD)
    found = {key: _command(section, key, driver) for key in ("status", "start", "stop", "start_type")}
    start_type = found["start_type"]
    if start_type and not any(START_TYPE_PLACE in part for part in start_type):
        said = "start_type does not say where the start type goes"
        section.wrong("start_type", said, f'add "{START_TYPE_PLACE}" to it')
    section.finish()
    return Services(driver, found["status"], found["start"], found["stop"], start_type)


def _command(section: Section, key: str, driver: ServicesDriver) -> tuple[str, ...]:
    command = section.texts(key)
    if command is None:
        if driver is ServicesDriver.COMMANDS and key != "start_type" and not section.has(key):
            hint = f'add {key} = ["/path/to/program", "{key}", "{NAME_PLACE}"]'
            section.wrong(key, f"the driver commands needs {key}", hint)
    elif not command or not command[0]:
        section.wrong(key, f"{key} names no program", "write the program and its arguments as an array of strings")
    elif not any(NAME_PLACE in part for part in command):
        section.wrong(key, f"{key} does not say where the service's name goes", f'add "{NAME_PLACE}" to it')
    return command or ()


def _registry(section: Section) -> RegistryDriver:
    driver = section.choice("driver", RegistryDriver, RegistryDriver.FILE)
    section.finish()
    return driver


def _network(section: Section) -> Network:
    network = Network(section.text("proxy"), section.texts("no_proxy"), section.text("ca_file"))
    section.finish()
    return network


def _smb(root: Section) -> tuple[SmbAccount, ...]:
    accounts: list[SmbAccount] = []
    for section in root.sections("smb"):
        host = section.text("host")
        if host is None and not section.has("host"):
            section.wrong("host", "an [[smb]] without a host", 'add host = "SERVER"')
        password, password_file = section.text("password"), section.text("password_file")
        if password is not None and password_file is not None:
            section.wrong("password", "both password and password_file", "keep one of them")
        port = section.number("port", 1, 65535)
        account = SmbAccount(
            host or "", section.text("username"), password, password_file, 445 if port is None else port
        )
        if any(account.host.lower() == other.host.lower() for other in accounts):
            section.wrong("host", f"a second [[smb]] for {host}", "keep one of them")
        accounts.append(account)
        section.finish()
    return tuple(accounts)
