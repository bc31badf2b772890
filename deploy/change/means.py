"""What a change needs of this computer besides its file systems."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.host.contract import Host
from deploy.host.processes import Processes
from deploy.host.registry import Registry
from deploy.host.services import ServiceManager


@dataclass(frozen=True, slots=True)
class Means:
    """The parts of one Host, opened as machine.toml says."""

    host: Host
    services: ServiceManager
    registry: Registry
    processes: Processes
