"""Windows services, through the service control manager (Microsoft: "Service Control Manager")."""

from __future__ import annotations

import time
import winreg
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pywintypes
import win32api
import win32con
import win32event
import win32service
import winerror

from deploy.errors import TargetError, error
from deploy.host.dependents import stop_order
from deploy.host.services import ServiceState, ServiceStatus, StartType

SERVICES = "SYSTEM\\CurrentControlSet\\Services"  # what the manager keeps of each service, and Wine's as well
SHORTEST_POLL, LONGEST_POLL = 0.05, 1.0  # seconds

_STATES = {
    win32service.SERVICE_STOPPED: ServiceState.STOPPED,
    win32service.SERVICE_START_PENDING: ServiceState.STARTING,
    win32service.SERVICE_STOP_PENDING: ServiceState.STOPPING,
    win32service.SERVICE_RUNNING: ServiceState.RUNNING,
    win32service.SERVICE_CONTINUE_PENDING: ServiceState.STARTING,
    win32service.SERVICE_PAUSE_PENDING: ServiceState.PAUSED,
    win32service.SERVICE_PAUSED: ServiceState.PAUSED,
}
_STARTS = {
    StartType.AUTOMATIC: win32service.SERVICE_AUTO_START,
    StartType.DELAYED: win32service.SERVICE_AUTO_START,
    StartType.MANUAL: win32service.SERVICE_DEMAND_START,
    StartType.DISABLED: win32service.SERVICE_DISABLED,
}
_START_TYPES = {
    win32service.SERVICE_AUTO_START: StartType.AUTOMATIC,
    win32service.SERVICE_DEMAND_START: StartType.MANUAL,
    win32service.SERVICE_DISABLED: StartType.DISABLED,
}
_READ = win32service.SERVICE_QUERY_STATUS | win32service.SERVICE_QUERY_CONFIG
_LATER = frozenset(
    {
        winerror.ERROR_INVALID_SERVICE_CONTROL,
        winerror.ERROR_SERVICE_CANNOT_ACCEPT_CTRL,
        winerror.ERROR_SERVICE_DATABASE_LOCKED,
    }
)
_NO_SUCH = frozenset({winerror.ERROR_SERVICE_DOES_NOT_EXIST, winerror.ERROR_INVALID_NAME})
_WHY_NOT_STARTED = {
    winerror.ERROR_SERVICE_DISABLED: "give it another start type than disabled",
    winerror.ERROR_SERVICE_LOGON_FAILED: "check the account and the password it runs under",
    winerror.ERROR_SERVICE_DEPENDENCY_FAIL: "see which of the services it needs does not start",
    winerror.ERROR_FILE_NOT_FOUND: "its program is missing: repair the product's installation",
}


@dataclass(frozen=True, slots=True)
class _Now:
    """What SERVICE_STATUS_PROCESS says; `hint` in seconds, `exit_code` is the service's own where it gave one."""

    state: ServiceState
    process: int
    own_process: bool
    checkpoint: int
    hint: float
    exit_code: int


class WindowsServices:
    """The services of this computer; a handle is held no longer than a call."""

    def status(self, name: str) -> ServiceStatus | None:
        try:
            with _opened(name, _READ | win32service.SERVICE_ENUMERATE_DEPENDENTS) as (manager, service):
                now = _now(service)
                return ServiceStatus(
                    name=win32service.GetServiceKeyName(manager, win32service.GetServiceDisplayName(manager, name)),
                    state=now.state,
                    start_type=_start_type(service),
                    dependents=_dependents(service, name),
                    process=now.process or None,
                )
        except pywintypes.error as wrong:
            if wrong.winerror in _NO_SUCH:
                return None
            raise _refused(wrong, name, "be looked at") from wrong

    def stop(self, name: str, timeout: float) -> None:
        ends = time.monotonic() + timeout
        with _asking(name, "be stopped"), _opened(name, _READ | win32service.SERVICE_STOP) as (_, service):
            before = _now(service)
            with _watched(before) as process:
                _ask_to_stop(service, name, ends)
                _until_stopped(service, name, ends, timeout)
                _until_gone(process, before.process, name, ends, timeout)

    def start(self, name: str, timeout: float) -> None:
        ends = time.monotonic() + timeout
        access = _READ | win32service.SERVICE_START | win32service.SERVICE_PAUSE_CONTINUE
        with _asking(name, "be started"), _opened(name, access) as (_, service):
            state = _ask_to_start(service, name, ends)
            while state is not ServiceState.RUNNING:
                now = _now(service)
                state = now.state
                if state is ServiceState.STOPPED:
                    raise _not_started(name, f"it ended again{_with_code(now.exit_code)}", "see the event log for why")
                if state is not ServiceState.RUNNING and not _pause(now, ends):
                    raise _not_started(name, f"it is still {state} after {timeout:g} seconds", "see the event log")

    def set_start_type(self, name: str, start_type: StartType) -> None:
        access = _READ | win32service.SERVICE_CHANGE_CONFIG
        with _asking(name, "be given another start type"), _opened(name, access) as (_, service):
            before = _start_type(service)
            if before is None:
                said = f"the service {name} is a driver of the system, which has no start type that could be changed"
                raise TargetError(error("service-failed", said, "leave it out"))
            unchanged = win32service.SERVICE_NO_CHANGE
            win32service.ChangeServiceConfig(
                service, unchanged, _STARTS[start_type], unchanged, None, None, False, None, None, None, None
            )
            delayed = start_type is StartType.DELAYED
            # The delay is kept, and counts again, while another start type hides it.
            if _STARTS[start_type] == win32service.SERVICE_AUTO_START and delayed != _is_delayed(service):
                win32service.ChangeServiceConfig2(service, win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, delayed)
        _flush(name)


def services_by_process() -> dict[int, str]:
    """The process ids of running services that share theirs with no other. Empty where nobody says."""
    access = win32service.SC_MANAGER_CONNECT | win32service.SC_MANAGER_ENUMERATE_SERVICE
    found: dict[int, list[str]] = {}
    with suppress(pywintypes.error):
        manager = win32service.OpenSCManager(None, None, access)
        try:
            all_of_them: Any = win32service.EnumServicesStatusEx(  # type: ignore[call-arg]
                manager, win32service.SERVICE_WIN32, win32service.SERVICE_ACTIVE
            )
            for one in all_of_them:
                found.setdefault(one["ProcessId"], []).append(one["ServiceName"])
        finally:
            win32service.CloseServiceHandle(manager)
    return {pid: names[0] for pid, names in found.items() if pid and len(names) == 1}


@contextmanager
def _opened(name: str, access: int) -> Iterator[tuple[Any, Any]]:
    """Handles of the manager and the service; raises `pywintypes.error` for the service's."""
    try:
        manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_CONNECT)
    except pywintypes.error as wrong:
        said = f"the service control manager does not answer: {wrong.strerror}"
        raise TargetError(error("services-unavailable", said, "run this as administrator")) from wrong
    try:
        service = win32service.OpenService(manager, name, access)
        try:
            yield manager, service
        finally:
            win32service.CloseServiceHandle(service)
    finally:
        win32service.CloseServiceHandle(manager)


@contextmanager
def _asking(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except pywintypes.error as wrong:
        raise _refused(wrong, name, what) from wrong


def _refused(wrong: pywintypes.error, name: str, what: str) -> TargetError:
    if wrong.winerror in _NO_SUCH:
        said = f"there is no service {name} on this machine"
        return TargetError(error("no-such-service", said, "names of services, not display names, are needed"))
    if wrong.winerror == winerror.ERROR_ACCESS_DENIED:
        said = f"the service {name} cannot {what} by this account"
        return TargetError(error("no-permission", said, "run this as administrator"))
    said = f"the service {name} cannot {what}: {wrong.strerror} (error {wrong.winerror})"
    return TargetError(error("service-failed", said, "see the event log of this machine"))


def _now(service: Any) -> _Now:
    found: Any = win32service.QueryServiceStatusEx(service)
    code = found["Win32ExitCode"]
    if code == winerror.ERROR_SERVICE_SPECIFIC_ERROR:
        code = found["ServiceSpecificExitCode"]
    return _Now(
        state=_STATES[found["CurrentState"]],
        process=found["ProcessId"],
        own_process=bool(found["ServiceType"] & win32service.SERVICE_WIN32_OWN_PROCESS),
        checkpoint=found["CheckPoint"],
        hint=found["WaitHint"] / 1000,
        exit_code=code,
    )


def _pause(now: _Now, ends: float) -> bool:
    """Wait as a tenth of the service's own hint says (Microsoft: "Starting a Service"); False when time is up."""
    left = ends - time.monotonic()
    if left <= 0:
        return False
    time.sleep(min(left, max(SHORTEST_POLL, min(now.hint / 10, LONGEST_POLL))))
    return True


def _ask_to_stop(service: Any, name: str, ends: float) -> None:
    """Send the stop control, again and again to a service that takes none while it starts or pauses."""
    while True:
        now = _now(service)
        if now.state in (ServiceState.STOPPED, ServiceState.STOPPING):
            return
        try:
            win32service.ControlService(service, win32service.SERVICE_CONTROL_STOP)
            return
        except pywintypes.error as wrong:
            if wrong.winerror in (winerror.ERROR_SERVICE_NOT_ACTIVE, winerror.ERROR_SERVICE_REQUEST_TIMEOUT):
                return
            if wrong.winerror == winerror.ERROR_DEPENDENT_SERVICES_RUNNING:
                raise _not_stopped(name, "services that need it are running", "stop these first") from wrong
            runs = now.state in (ServiceState.RUNNING, ServiceState.PAUSED)
            if wrong.winerror == winerror.ERROR_INVALID_SERVICE_CONTROL and runs:
                raise _not_stopped(name, "it takes no stop control", "end it the way its product says") from wrong
            if wrong.winerror not in _LATER:
                raise
            if not _pause(now, ends):
                raise _not_stopped(name, f"it is {now.state} and takes no control", "try again later") from wrong


def _until_stopped(service: Any, name: str, ends: float, timeout: float) -> None:
    checkpoint, heard = -1, time.monotonic()
    while (now := _now(service)).state is not ServiceState.STOPPED:
        if now.checkpoint != checkpoint:
            checkpoint, heard = now.checkpoint, time.monotonic()
        if not _pause(now, ends):
            quiet = time.monotonic() - heard
            progress = "" if quiet <= max(now.hint, LONGEST_POLL) else f", without progress for {quiet:.0f} seconds"
            said = f"it is still {now.state} after {timeout:g} seconds{progress}"
            raise _not_stopped(name, said, f"stop it by hand, or end its process {now.process}, and try again")


@contextmanager
def _watched(now: _Now) -> Iterator[Any]:
    """A handle of the service's own process; None where it has none of its own or this account may not wait for it."""
    process: Any = None
    if now.process and now.own_process:
        with suppress(pywintypes.error):
            process = win32api.OpenProcess(win32con.SYNCHRONIZE, False, now.process)
    try:
        yield process
    finally:
        if process is not None:
            process.Close()


def _until_gone(process: Any, number: int, name: str, ends: float, timeout: float) -> None:
    """A service says that it has stopped before its process ends and lets go of its files."""
    while process is not None:
        left = ends - time.monotonic()
        wait = max(0, min(left, LONGEST_POLL))
        if win32event.WaitForSingleObject(process, int(wait * 1000)) == win32event.WAIT_OBJECT_0:
            return
        if left <= 0:
            said = f"its process {number} still runs after {timeout:g} seconds"
            raise _not_stopped(name, said, "end this process and try again")


def _ask_to_start(service: Any, name: str, ends: float) -> ServiceState:
    """Have it started, once it has stopped where it is about to; the state it is then in is worth waiting for."""
    while True:
        now = _now(service)
        try:
            if now.state is ServiceState.STOPPED:
                win32service.StartService(service, None)
                return ServiceState.STARTING
            if now.state is ServiceState.PAUSED:
                win32service.ControlService(service, win32service.SERVICE_CONTROL_CONTINUE)
                return ServiceState.STARTING
            if now.state is not ServiceState.STOPPING:
                return now.state
        except pywintypes.error as wrong:
            if wrong.winerror in (winerror.ERROR_SERVICE_ALREADY_RUNNING, winerror.ERROR_SERVICE_REQUEST_TIMEOUT):
                return ServiceState.STARTING
            if wrong.winerror not in _LATER:
                if wrong.winerror in (winerror.ERROR_ACCESS_DENIED, *_NO_SUCH):
                    raise
                hint = _WHY_NOT_STARTED.get(wrong.winerror, "see the event log of this machine")
                raise _not_started(name, f"{wrong.strerror} (error {wrong.winerror})", hint) from wrong
        if not _pause(now, ends):
            raise _not_started(name, f"it is still {now.state}", "try again once it has stopped")


def _with_code(code: int) -> str:
    return f" with exit code {code}" if code not in (0, winerror.ERROR_SERVICE_NEVER_STARTED) else ""


def _not_stopped(name: str, said: str, hint: str) -> TargetError:
    return TargetError(error("service-not-stopped", f"the service {name} does not stop: {said}", hint))


def _not_started(name: str, said: str, hint: str) -> TargetError:
    return TargetError(error("service-not-started", f"the service {name} does not start: {said}", hint))


def _start_type(service: Any) -> StartType | None:
    kind, start, *_ = win32service.QueryServiceConfig(service)
    if not kind & win32service.SERVICE_WIN32:
        return None
    if start == win32service.SERVICE_AUTO_START and _is_delayed(service):
        return StartType.DELAYED
    return _START_TYPES.get(start)


def _is_delayed(service: Any) -> bool:
    """Whether an automatic start waits; a manager that knows no delay (Wine 8) does not wait."""
    try:
        return bool(win32service.QueryServiceConfig2(service, win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO))
    except pywintypes.error as wrong:
        if wrong.winerror != winerror.ERROR_INVALID_LEVEL:
            raise
        return False


def _dependents(service: Any, name: str) -> tuple[str, ...]:
    """Windows answers in the order in which they have to be stopped; Wine's manager answers with none at all.

    Then what the manager keeps of every service counts, which is quickly read and comes to the same.
    """
    found = win32service.EnumDependentServices(service, win32service.SERVICE_STATE_ALL)
    return tuple(one[0] for one in found) or stop_order(name, _needed_by_all())


def _needed_by_all() -> dict[str, list[str]]:
    needs: dict[str, list[str]] = {}
    with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, SERVICES) as services:
        for number in range(winreg.QueryInfoKey(services)[0]):
            name = winreg.EnumKey(services, number)
            with suppress(OSError), winreg.OpenKey(services, name) as service:
                found, kind = winreg.QueryValueEx(service, "DependOnService")
                if kind == winreg.REG_MULTI_SZ:
                    needs[name] = found or []
    return needs


def _flush(name: str) -> None:
    """Have what the manager keeps of a service written to the disk."""
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, f"{SERVICES}\\{name}") as key:
            winreg.FlushKey(key)
    except OSError as wrong:
        said = f"the start type of {name} was changed, but may not survive a power loss: {wrong.strerror}"
        raise TargetError(error("service-failed", said, "see to the disk of this machine")) from wrong
