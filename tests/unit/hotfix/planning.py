"""A machine that hotfixes are planned for: real files below a folder, everything else a `FakeHost`.

BASE/install    what InstallDir means
BASE/state      the state folder
BASE/package    the package, its `*.config` beside its files
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from deploy.change.means import Means
from deploy.config.identifiers import Identifiers
from deploy.digest import Sha256, sha256_of_bytes
from deploy.host.contract import System
from deploy.host.fake import FakeHost
from deploy.machine import Machine, Role
from hotfix.install import Applied, apply
from hotfix.planned import Plan, PlannedFile, Verdict
from hotfix.prepare import prepare
from hotfix.target import Target

LINUX = System("linux", "6.1.0", "x64")
PRODUCT = "9.6.1.0"


class Scene:
    """One machine below a folder."""

    def __init__(self, folder: Path, roles: Iterable[Role] = (), *, product: str | None = PRODUCT) -> None:
        self.base = folder.resolve()
        self.install = self.base / "install"
        self.package = self.base / "package"
        for one in (self.install, self.package):
            one.mkdir(parents=True, exist_ok=True)
        self.host = FakeHost(self.base / "state", operating_system=LINUX)
        means = Means(self.host, self.host.manager, self.host.settings, self.host.programs)
        identifiers = Identifiers().with_values({"InstallDir": str(self.install)}, "test")
        self.target = Target(
            Machine(roles=frozenset(roles), product_version=product), identifiers, self.host.state, means
        )

    def have(self, name: str, data: bytes = b"old", version: str | None = None) -> Path:
        """A file of the machine, below InstallDir."""
        return self._write(self.install / name, data, version)

    def bring(self, name: str, data: bytes = b"new", version: str | None = None) -> Path:
        """A file of the package."""
        return self._write(self.package / name, data, version)

    def config(self, inner: str = "", head: str = 'id="HF1"', name: str = "HF1.config") -> Path:
        """The manifest: the hotfix's own element on line 2, `inner` from line 3 on."""
        path = self.package / name
        path.write_text(f"<configuration>\n<hotfix {head} />\n{inner}\n</configuration>\n", "utf-8")
        return path

    def plan(self, inner: str = "", head: str = 'id="HF1"', *, silent: bool = True, publish: bool = True) -> Plan:
        """Write the manifest and plan it."""
        return prepare(self.config(inner, head), self.target, silent=silent, publish=publish)

    def apply(self, inner: str = "", head: str = 'id="HF1"') -> Applied:
        """Plan it and carry that out."""
        return apply(ready(self.plan(inner, head)), self.target, pause=_no_pause)

    def with_machine(self, machine: Machine) -> None:
        """Another machine.toml."""
        self.target = replace(self.target, machine=machine)

    def with_identifiers(self, values: Mapping[str, str]) -> None:
        """More identifiers."""
        self.target = replace(self.target, identifiers=self.target.identifiers.with_values(values, "test"))

    def tree(self) -> dict[str, tuple[int, bytes | None]]:
        """Everything below the folder: mtime in nanoseconds, and the bytes of files."""
        return {
            path.relative_to(self.base).as_posix(): (
                path.lstat().st_mtime_ns,
                path.read_bytes() if path.is_file() else None,
            )
            for path in self.base.rglob("*")
        }

    def _write(self, path: Path, data: bytes, version: str | None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if version is not None:
            self.host.versions[path] = version
        return path


def _no_pause(_: float) -> None:
    """Nobody waits in a test."""


def ready(plan: Plan) -> Plan:
    """The plan, which is one."""
    assert plan.verdict is Verdict.READY, plan.reasons
    return plan


def codes(plan: Plan) -> list[str]:
    """The codes of the reasons."""
    return [one.code for one in plan.reasons]


def warned(plan: Plan) -> list[str]:
    """The codes of the warnings."""
    return [one.code for one in plan.warnings]


def files(plan: Plan) -> dict[str, PlannedFile]:
    """The files of a plan by their path below the root."""
    return {str(one.target): one for one in ready(plan).files}


def actions(plan: Plan) -> dict[str, str]:
    """What happens to each."""
    return {name: one.action.value for name, one in files(plan).items()}


def sha256(data: bytes) -> Sha256:
    """The digest of a text."""
    return sha256_of_bytes(data)


def one_file(**attributes: str) -> str:
    """`<files>` with `a.dll` into InstallDir."""
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<files><file include="a.dll" outputFolder="$(InstallDir)"{more} /></files>'
