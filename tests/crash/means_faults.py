"""What a change asks of the machine besides its files, with a fault at the n-th of these calls.

`before` and `after`: the process dies before or after it took effect. `refused`: it has no effect and
is refused. `late`: it takes effect and is refused all the same. Only calls that change something count.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from deploy.change.means import Means
from deploy.errors import TargetError, error
from deploy.host.contract import Host
from deploy.host.registry import Registry
from deploy.host.services import ServiceManager

DYING = ("before", "after")
REFUSING = ("refused", "late")
HOWS = (*DYING, *REFUSING)
FAILED = 7
"""The exit code of a command that is refused late."""
CODES = {
    "stop": "service-not-stopped",
    "start": "service-not-started",
    "set_start_type": "service-failed",
    "set_value": "registry-failed",
    "delete_value": "registry-failed",
    "make_key": "registry-failed",
    "delete_key": "registry-failed",
}


@dataclass
class Faults:
    """Counts the calls, strikes at the n-th (from 1; 0: never); `calls` are their names and first arguments."""

    how: str = ""
    at: int = 0
    calls: list[str] = field(default_factory=list)

    def through(self, means: Means) -> Means:
        """The same means, watched."""
        host = cast("Host", _Watched(means.host, ("start",), self._of_program))
        services = cast(
            "ServiceManager", _Watched(means.services, ("stop", "start", "set_start_type"), self._of_machine)
        )
        changing = ("set_value", "delete_value", "make_key", "delete_key")
        registry = cast("Registry", _Watched(means.registry, changing, self._of_machine))
        return Means(host, services, registry, means.processes)

    def _of_machine(self, name: str, act: Callable[..., None], *given: Any, **named: Any) -> None:
        refusal = TargetError(error(CODES[name], f"{name} was refused", "this is a test"))
        if self._strikes(name, given, "refused"):
            raise refusal
        act(*given, **named)
        if self._struck("after"):
            _die()
        if self._struck("late"):
            raise refusal

    def _of_program(self, name: str, act: Callable[..., int], *given: Any, **named: Any) -> int:
        if self._strikes("run", (Path(given[0]).name, *given[1:]), "refused"):
            raise FileNotFoundError(2, "No such file or directory", str(given[0]))
        code = act(*given, **named)
        if self._struck("after"):
            _die()
        return FAILED if self._struck("late") else code

    def _strikes(self, name: str, given: tuple[Any, ...], how: str) -> bool:
        self.calls.append(" ".join([name, *map(str, given)]))
        if self._struck("before"):
            _die()
        return self._struck(how)

    def _struck(self, how: str) -> bool:
        return self.how == how and len(self.calls) == self.at


class _Watched:
    """Hands on everything; calls of `changing` go by way of `act`."""

    def __init__(self, real: object, changing: tuple[str, ...], act: Callable[..., Any]) -> None:
        self._real = real
        self._changing = changing
        self._act = act

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name not in self._changing:
            return real

        return partial(self._act, name, real)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
