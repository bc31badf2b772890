"""Services under a systemd of their own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.host.current import current
from deploy.host.services import ServiceManager, StartType
from deploy.host.systemd import SystemdServices
from tests.contract.service_benches import PLAIN, Plan
from tests.servers.systemd import Systemd


@dataclass(slots=True)
class UnderSystemd:
    """Services `PREFIX-NAME.service` below the folder of units; it cannot mask what lies there."""

    systemd: Systemd
    start_types: Sequence[StartType] = (StartType.AUTOMATIC, StartType.MANUAL)
    forgets: bool = True
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    @property
    def manager(self) -> ServiceManager:
        return SystemdServices(self.systemd.program, runtime=self.systemd.runtime)

    def add(self, name: str, plan: Plan = PLAIN) -> str:
        whole = f"{self.prefix}-{name}"
        needs = " ".join(f"{one}.service" for one in plan.needs)
        self.systemd.add(f"{whole}.service", _unit(plan, needs))
        return whole

    def letting_go(self, file: Path) -> bool:
        return not current().processes().holders(file)


def _unit(plan: Plan, needs: str) -> str:
    hold = "" if plan.holds is None else f"exec 9<'{plan.holds}';"
    trap = "trap '' TERM;" if plan.never_stops else ""
    code = "exit 42" if plan.ends_again else "while :; do sleep 1000; done"
    kind = "notify" if plan.never_starts else "simple"
    return f"""\
[Unit]
Requires={needs}
After={needs}
[Service]
Type={kind}
ExecStart=/bin/sh -c "{trap} {hold} {code}"
TimeoutStopSec=600
TimeoutStartSec=600
[Install]
WantedBy=default.target
"""
