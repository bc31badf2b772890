"""Killed at every checkpoint of applying and removing: after the next start the machine is wholly old or wholly new."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.change import rollback
from deploy.change.course import Checkpoint
from deploy.change.model import DeleteKey, MakeKey, Moment, ServiceChange
from deploy.change.recovery import Outcome
from deploy.change.transaction import _Transaction
from deploy.errors import TargetError
from deploy.host.fakeservices import FakeService
from deploy.host.registry import Hive, RegistryKey
from deploy.host.services import ServiceState, StartType
from hotfix import carrying, recovery
from hotfix.install import apply
from hotfix.recovery import recover
from hotfix.removalplan import prepare_uninstall
from hotfix.uninstall import uninstall
from tests.unit.hotfix.bench import KEY, Bench, Fix, World, set_edit, text

GONE = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes\Below")
MADE = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Made\Deep")
FIRST = Fix("HF000", files={"install/bin/Router.exe": b"patched once", "share/lib.dll": b"patched lib"})


class Killed(BaseException):
    """The end of the process, without a word."""


@dataclass
class Countdown:
    """Kills at the N-th checkpoint, counted from 0; counts without end for None."""

    last: int | None = None
    seen: int = 0
    name: str = ""

    def __call__(self, name: str) -> None:
        if self.seen == self.last:
            self.name = name
            raise Killed(name)
        self.seen += 1


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this process runs after it was killed: neither undoing nor tidying up."""
    abandoned = _Transaction._abandoned

    def alive(act: Callable[..., object]) -> Callable[..., object]:
        return lambda *given: () if _dying() else act(*given)

    monkeypatch.setattr(_Transaction, "_abandoned", alive(abandoned))
    monkeypatch.setattr(carrying, "tidy", alive(recovery.tidy))
    # A recovery notes what stopped it, which the dead do not.
    note = rollback._note
    monkeypatch.setattr(rollback, "_note", alive(note))


def _dying() -> bool:
    return isinstance(sys.exception(), Killed)


def machine(folder: Path) -> Bench:
    """A machine with one hotfix, on which HF001 is to be applied."""
    bench = Bench(folder)
    bench.write("install/bin/Router.exe", b"old router", mode=0o755)
    bench.write("install/bin/Router.xml", b'<c><a v="1"/></c>\n')
    bench.write("install/bin/gone.dll", b"goes", mode=0o444)
    bench.write("share/lib.dll", b"old lib")
    services = bench.host.manager
    services.add(FakeService("Router"))
    services.add(FakeService("Agent", start_type=StartType.DELAYED, needs=("Router",)))
    services.add(FakeService("Web", ServiceState.STOPPED))
    tree = bench.host.settings.tree
    for key in (r"SOFTWARE\Mitel", r"SOFTWARE\Mitel\Goes", GONE.path, KEY.path):
        tree.make_key(RegistryKey(Hive.HKLM, key))
    tree.set_value(KEY, "Version", text("old"))
    tree.set_value(GONE, "x", text("y"))
    bench.apply(FIRST)
    return bench


def fix(bench: Bench, revision: int = 1) -> Fix:
    """A bit of everything."""
    of = ("HF001", revision)
    return Fix(
        "HF001",
        revision,
        files={
            "install/bin/Router.exe": b"new router %d" % revision,
            "install/bin/Router.xml": (set_edit(str(6 + revision)),),
            "install/bin/gone.dll": None,
            "install/made/deep/new.txt": b"new",
            "share/lib.dll": b"new lib",
        },
        values={"Version": text(f"new {revision}"), "More": text("more")},
        steps=(DeleteKey(RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes")), MakeKey(MADE)) if revision == 1 else (),
        services=(ServiceChange("Router"), ServiceChange("Web")),
        commands=(
            bench.command("prepare", Moment.BEFORE, of=of),
            bench.command("convert", of=of),
            bench.command("index", Moment.AFTER, undo=False, of=of),
        ),
        replaces=("HF000",),
    )


@dataclass(frozen=True)
class Act:
    """Something that changes the machine, and what was done before."""

    name: str
    before: Callable[[Bench], None]
    act: Callable[[Bench, Checkpoint], object]


def _apply(revision: int = 1) -> Callable[[Bench, Checkpoint], object]:
    return lambda bench, checkpoint: apply(
        bench.plan(fix(bench, revision)), bench.target, pause=no_pause, checkpoint=checkpoint
    )


def _uninstall(bench: Bench, checkpoint: Checkpoint) -> object:
    return uninstall(prepare_uninstall("HF001", bench.target), bench.target, pause=no_pause, checkpoint=checkpoint)


def _once(bench: Bench) -> None:
    bench.apply(fix(bench))


def _twice(bench: Bench) -> None:
    _once(bench)
    bench.apply(Fix("HF002", files={"share/lib.dll": b"a later one", "install/bin/Router.xml": (set_edit("9"),)}))


ACTS = [
    Act("apply", lambda bench: None, _apply()),
    Act("apply-again", _once, _apply()),
    Act("higher-revision", _once, _apply(2)),
    Act("below-another", _twice, _apply(2)),
    Act("uninstall", _once, _uninstall),
]


def ready(act: Act, folder: Path) -> Bench:
    """The machine right before an act, always in the same folder."""
    shutil.rmtree(folder, ignore_errors=True)
    bench = machine(folder)
    act.before(bench)
    return bench


def killed(act: Act, folder: Path, at: int) -> tuple[Bench, str]:
    """The machine right after a kill, and where that was."""
    bench = ready(act, folder)
    countdown = Countdown(at)
    with pytest.raises(Killed):
        act.act(bench, countdown)
    return bench, countdown.name


def whole(act: Act, folder: Path) -> tuple[World, World, list[str]]:
    """The machine before and after, and the checkpoints that lie between."""
    bench = ready(act, folder)
    old = bench.world()
    names: list[str] = []
    act.act(bench, names.append)
    return old, bench.world(), names


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
@pytest.mark.usefixtures("deadly")
def test_killed_at_every_checkpoint(act: Act, tmp_path: Path) -> None:
    old, new, names = whole(act, tmp_path / "m")
    assert old != new or act.name == "apply-again"
    outcomes = []
    for at, name in enumerate(names):
        bench, where = killed(act, tmp_path / "m", at)
        assert where == name
        recover(bench.target, pause=no_pause)
        world = bench.world()
        assert world in (old, new), f"killed at {name}, number {at}: {difference(world, old, new)}"
        outcomes.append(world == new)
        assert recover(bench.target, pause=no_pause).outcome is Outcome.NOTHING
    # Once it is decided it stays decided, and it is decided by the commit.
    assert outcomes == sorted(outcomes)
    if old != new:
        assert outcomes.index(True) == names.index("committed")


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
@pytest.mark.usefixtures("deadly")
def test_killed_again_while_recovering(act: Act, tmp_path: Path) -> None:
    old, new, names = whole(act, tmp_path / "m")
    for at in range(0, len(names), 6):
        again: list[str] = []
        bench, _ = killed(act, tmp_path / "m", at)
        recover(bench.target, pause=no_pause, checkpoint=again.append)
        for second in range(0, len(again), 3):
            bench, name = killed(act, tmp_path / "m", at)
            with pytest.raises(Killed):
                recover(bench.target, pause=no_pause, checkpoint=Countdown(second))
            recover(bench.target, pause=no_pause)
            world = bench.world()
            assert world in (old, new), f"killed at {name}, then at {again[second]}: {difference(world, old, new)}"


@pytest.mark.usefixtures("deadly")
def test_the_next_installation_recovers_by_itself(tmp_path: Path) -> None:
    act = ACTS[0]
    _, new, names = whole(act, tmp_path / "m")
    for name in ("packaged", "kept", "staged", "backed", "registry-set"):
        bench, _ = killed(act, tmp_path / "m", names.index(name))
        plan = bench.plan(fix(bench))
        if name not in ("packaged", "kept", "staged", "backed"):
            # What the plan found was neither the old nor the new machine.
            with pytest.raises(TargetError, match="since the change was planned"):
                apply(plan, bench.target, pause=no_pause)
            plan = bench.plan(fix(bench))
        assert apply(plan, bench.target, pause=no_pause).recovered is not None
        assert bench.world() == new


def difference(world: World, old: World, new: World) -> dict[str, list[str]]:
    """Where a machine is neither, for people."""
    found = {}
    for which, other in (("old", old), ("new", new)):
        names = {name for name in {*world.tree, *other.tree} if world.tree.get(name) != other.tree.get(name)}
        parts = [part for part in ("registry", "services", "effects") if getattr(world, part) != getattr(other, part)]
        found[which] = [*sorted(names), *parts]
    return found


def no_pause(_: float) -> None:
    """Nobody waits in a test."""
