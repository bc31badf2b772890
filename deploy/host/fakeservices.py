"""Services that exist in memory only, do what a test says, and remember what was asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.errors import TargetError, error
from deploy.host.dependents import stop_order
from deploy.host.services import ServiceState, ServiceStatus, StartType


@dataclass(slots=True)
class FakeService:
    """A service; `needs` are the names of those that have to run for it.

    `never_stops` stays STOPPING, `never_starts` stays STARTING, `ends_again` is STOPPED right after it
    was started, `refused` may not be touched by this account, and one with `start_type` None has none
    that could be changed.
    """

    name: str
    state: ServiceState = ServiceState.RUNNING
    start_type: StartType | None = StartType.AUTOMATIC
    needs: tuple[str, ...] = ()
    never_stops: bool = False
    never_starts: bool = False
    ends_again: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One thing that was asked for: `method` is the name of the method, `name` as it was given."""

    method: str
    name: str
    timeout: float | None = None
    start_type: StartType | None = None


def _ignore(_: ServiceCall) -> None:
    return


@dataclass(slots=True)
class FakeServices:
    """A service manager as that of Windows: names in any case, what a service needs is started with it.

    `calls` holds what was asked to be changed, in order, also what was refused. `watch` is called with
    each before it has an effect, to look at the files meanwhile or to stop the world. Without
    `available` nobody answers.
    """

    services: list[FakeService] = field(default_factory=list)
    available: bool = True
    calls: list[ServiceCall] = field(default_factory=list)
    watch: Callable[[ServiceCall], None] = _ignore

    def add(self, service: FakeService) -> FakeService:
        """Have one more; returns it."""
        self.services.append(service)
        return service

    def running(self) -> tuple[str, ...]:
        """The names of those that are not stopped."""
        return tuple(one.name for one in self.services if one.state is not ServiceState.STOPPED)

    def status(self, name: str) -> ServiceStatus | None:
        self._answer()
        service = self._find(name)
        if service is None:
            return None
        return ServiceStatus(
            name=service.name,
            state=service.state,
            start_type=service.start_type,
            dependents=stop_order(service.name, {one.name: one.needs for one in self.services}),
            process=None if service.state is ServiceState.STOPPED else 1000 + self.services.index(service),
        )

    def stop(self, name: str, timeout: float) -> None:
        service = self._asked(ServiceCall("stop", name, timeout))
        if service.state is ServiceState.STOPPED:
            return
        users = [one for one in self.services if self._needs(one, service) and one.state is not ServiceState.STOPPED]
        if users:
            said = f"the service {service.name} does not stop: {users[0].name} needs it and runs"
            raise TargetError(error("service-not-stopped", said, "stop the services that need it first"))
        if service.never_stops:
            service.state = ServiceState.STOPPING
            said = f"the service {service.name} does not stop: it is still stopping after {timeout:g} seconds"
            raise TargetError(error("service-not-stopped", said, "stop it by hand and try again"))
        service.state = ServiceState.STOPPED

    def start(self, name: str, timeout: float) -> None:
        service = self._asked(ServiceCall("start", name, timeout))
        self._start(service, timeout, ())

    def set_start_type(self, name: str, start_type: StartType) -> None:
        service = self._asked(ServiceCall("set_start_type", name, None, start_type))
        if service.start_type is None:
            said = f"the service {service.name} has no start type that could be changed"
            raise TargetError(error("service-failed", said, "leave it out"))
        service.start_type = start_type

    def _start(self, service: FakeService, timeout: float, above: tuple[str, ...]) -> None:
        if service.state is ServiceState.RUNNING or service.name in above:
            return
        if service.start_type is StartType.DISABLED:
            raise _not_started(service, "it is disabled")
        for name in service.needs:
            needed = self._find(name)
            if needed is None:
                raise _not_started(service, f"it needs {name}, which is not there")
            self._start(needed, timeout, (*above, service.name))
        if service.never_starts:
            service.state = ServiceState.STARTING
            raise _not_started(service, f"it is still starting after {timeout:g} seconds")
        if service.ends_again:
            service.state = ServiceState.STOPPED
            raise _not_started(service, "it ended again")
        service.state = ServiceState.RUNNING

    def _needs(self, one: FakeService, other: FakeService) -> bool:
        return any(name.casefold() == other.name.casefold() for name in one.needs)

    def _answer(self) -> None:
        if not self.available:
            said = "no service manager answers on this machine"
            raise TargetError(error("services-unavailable", said, "see to it that there is one"))

    def _asked(self, call: ServiceCall) -> FakeService:
        self._answer()
        self.calls.append(call)
        self.watch(call)
        service = self._find(call.name)
        if service is None:
            raise TargetError(error("no-such-service", f"there is no service {call.name} on this machine"))
        if service.refused:
            said = f"the service {service.name} cannot be changed by this account"
            raise TargetError(error("no-permission", said, "run this as administrator"))
        return service

    def _find(self, name: str) -> FakeService | None:
        return next((one for one in self.services if one.name.casefold() == name.casefold()), None)


def _not_started(service: FakeService, why: str) -> TargetError:
    said = f"the service {service.name} does not start: {why}"
    return TargetError(error("service-not-started", said, "see its log for why"))
