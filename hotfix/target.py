"""This machine as hotfixes see it: its roles, identifiers, history folder and the means to change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.change.means import Means
from deploy.config.identifiers import Identifiers
from deploy.host.contract import Host
from deploy.machine import Machine
from deploy.machine_file import gather_machine, identifiers_for, state_folder


@dataclass(frozen=True, slots=True)
class Target:
    """A machine that a hotfix can be applied to; `state` is an absolute folder that need not exist."""

    machine: Machine
    identifiers: Identifiers
    state: Path
    means: Means

    @property
    def home(self) -> Path:
        """Where the journal of a change of this machine is, while there is one."""
        return self.state / "change"

    @property
    def hotfixes(self) -> Path:
        """Where the records of installed hotfixes, their originals and their packages are kept."""
        return self.state / "hotfixes"


def open_target(host: Host, set_values: Mapping[str, str]) -> Target:
    """Read machine.toml and open what it says; nothing is changed.

    Raises `ConfigError` for a machine.toml with errors, `UsageError` for bad `set_values`.
    """
    found = gather_machine(host)
    machine = found.usable()
    state = state_folder(machine, host).absolute()
    means = Means(
        host, host.services(machine.services, state), host.registry(machine.registry, state), host.processes()
    )
    return Target(machine, identifiers_for(found, host, set_values), state, means)
