"""The services of this computer, as part of the Host seam."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class ServiceState(enum.StrEnum):
    """What a service is doing; the pending states of Windows and the (de)activating ones of systemd are their own."""

    RUNNING = "running"
    STOPPED = "stopped"
    STARTING = "starting"
    STOPPING = "stopping"
    PAUSED = "paused"


class StartType(enum.StrEnum):
    """When a service is started: by itself, by itself but later, on demand, never.

    systemd: enabled, (none), disabled, masked.
    """

    AUTOMATIC = "automatic"
    DELAYED = "delayed"
    MANUAL = "manual"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service as it was found.

    `name` is spelled as the machine spells it. `start_type` is None where the machine has none that
    could be told or changed. `dependents` are the names of the services that need this one, directly
    or not, running or not, in the order in which they have to be stopped. `process` is its process id.
    """

    name: str
    state: ServiceState
    start_type: StartType | None = None
    dependents: tuple[str, ...] = ()
    process: int | None = None


class ServiceManager(Protocol):
    """Drives services; names are taken in any case on Windows.

    Every method raises `TargetError`: no-such-service, no-permission, services-unavailable (no manager
    answers on this machine), service-failed. No wait is longer than it was told.
    """

    def status(self, name: str) -> ServiceStatus | None:
        """The service as it is now; None where there is none of that name."""
        ...

    def stop(self, name: str, timeout: float) -> None:
        """Stop this one service and wait until its process has ended, at most `timeout` seconds.

        Does nothing where it is stopped. Its dependents are the caller's task, who stops them first.
        Raises `TargetError` (service-not-stopped) at the end of the time.
        """
        ...

    def start(self, name: str, timeout: float) -> None:
        """Start this one service and wait until it runs, at most `timeout` seconds.

        Does nothing where it runs. Raises `TargetError` (service-not-started) at the end of the time, and
        where it ends again instead.
        """
        ...

    def set_start_type(self, name: str, start_type: StartType) -> None:
        """Change when it is started, durably; raises `TargetError` (service-failed) where `start_type` is None."""
        ...
