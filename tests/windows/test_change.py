"""Changes of a real Windows: services that lock files, programs, the registry, files that stay in use, kills."""

from __future__ import annotations

import os
import subprocess
import sys
import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest
import win32service

from deploy.change.means import Means
from deploy.change.model import (
    Change,
    Command,
    CommandLine,
    Ending,
    InUse,
    MakeKey,
    Moment,
    ProcessChange,
    ServiceChange,
    SetValue,
)
from deploy.change.recovery import Outcome, recover_machine
from deploy.change.transaction import carry_out
from deploy.errors import TargetError
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.winrestart import MANAGER
from tests.windows.machine import Product, means_of_this_machine
from tests.windows.services import Installed, ProgramMaker, ServiceMaker

pytestmark = pytest.mark.windows
ROOT = Path(__file__).parents[2]
OLD = {"Router.dll": b"old router", "Agent.exe.config": b"old config", "Gone.dll": b"goes"}
NEW = {"Router.dll": b"new router", "Agent.exe.config": b"new config", "Added.dll": b"comes"}
KEY = "SOFTWARE\\MicceChangeTest"
WOW = f"SOFTWARE\\Wow6432Node\\{KEY.rpartition(chr(92))[2]}"


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product.make(tmp_path, OLD)


@pytest.fixture
def means(product: Product) -> Means:
    return means_of_this_machine(product.state)


@pytest.fixture(autouse=True)
def _no_key_left() -> Iterator[None]:
    yield
    try:
        winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, KEY, winreg.KEY_WOW64_32KEY, 0)
    except FileNotFoundError:
        return


def _pause(_: float) -> None:
    """Patience is not what is tested here."""


def _whole(product: Product, *services: Installed, **more: object) -> Change:
    """Every file of NEW instead of those of OLD, while these services stand still."""
    files = [product.put(name, data) for name, data in NEW.items()]
    stopped = tuple(ServiceChange(one.name, timeout=30) for one in services)
    return product.change(*files, product.delete("Gone.dll"), services=stopped, **more)


def _all_cleared(product: Product, means: Means) -> bool:
    """Whether nothing is left of a change once nobody holds a file: its second name stays until then."""
    recover_machine(product.home, means)
    return not product.home.exists() and not (product.base / ".micce-change").exists()


def _value() -> object:
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, WOW, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
        return winreg.QueryValueEx(key, "DisableWSDL")


def _set_value() -> tuple[MakeKey, SetValue]:
    key = RegistryKey(Hive.HKLM, KEY)
    return MakeKey(key), SetValue(key, "DisableWSDL", RegistryValue(ValueType.DWORD, 1))


def test_a_service_that_locks_a_file_is_stopped_and_runs_again_over_the_new_one(
    product: Product, means: Means, services: ServiceMaker
) -> None:
    router = services.install(
        "Router", "--hold", str(product.base / "Router.dll"), start_type=win32service.SERVICE_AUTO_START
    )
    router.run()
    seen: list[tuple[int, int]] = []

    def look(name: str) -> None:
        if name in ("backed", "changed"):
            seen.append((router.state(), router.start_type()))

    before = router.process()
    carry_out(_whole(product, router, registry=_set_value()), product.home, means, checkpoint=look)
    assert seen == [(win32service.SERVICE_STOPPED, win32service.SERVICE_DEMAND_START)] * 2
    assert router.running
    assert router.process() != before
    assert router.start_type() == win32service.SERVICE_AUTO_START
    assert _value() == (1, winreg.REG_DWORD)
    with pytest.raises(PermissionError):
        (product.base / "Router.dll").read_bytes()
    means.services.stop(router.name, 30)
    assert product.files() == NEW
    assert not product.home.exists()


def test_dependents_stop_first_and_start_last(
    product: Product, means: Means, services: ServiceMaker, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    router = services.install("Router", "--hold", str(product.base / "Router.dll"), "--note", str(note))
    agent = services.install("Agent", "--note", str(note), needs=[router.name])
    idle = services.install("Idle", "--note", str(note), needs=[router.name])
    router.run()
    agent.run()
    carry_out(_whole(product, router), product.home, means)
    assert note.read_text("ascii").splitlines() == [
        f"{router.name} running",
        f"{agent.name} running",
        f"{agent.name} stopped",
        f"{router.name} stopped",
        f"{router.name} running",
        f"{agent.name} running",
    ]
    assert not idle.running


def test_a_service_that_does_not_stop_leaves_everything_as_it_was(
    product: Product, means: Means, services: ServiceMaker
) -> None:
    router = services.install("Router", "--hold", str(product.base / "Router.dll"))
    stuck = services.install("Stuck", "--refuses-stop")
    router.run()
    stuck.run()
    with pytest.raises(TargetError) as caught:
        carry_out(_whole(product, router, stuck), product.home, means)
    assert caught.value.code == "service-not-stopped"
    assert stuck.name in str(caught.value)
    assert router.running
    assert stuck.running
    means.services.stop(router.name, 30)
    assert product.files() == OLD
    assert not product.home.exists()


def test_a_service_that_ends_again_over_the_new_files_brings_the_old_ones_back(
    product: Product, means: Means, services: ServiceMaker
) -> None:
    """It holds a file that the change removes, and does not run without it."""
    router = services.install("Router", "--hold", str(product.base / "Gone.dll"))
    router.run()
    with pytest.raises(TargetError) as caught:
        carry_out(_whole(product, router, registry=_set_value()), product.home, means)
    assert caught.value.code == "service-not-started"
    assert "ended again with exit code 2" in str(caught.value)
    assert router.running
    with pytest.raises(FileNotFoundError):
        _value()
    means.services.stop(router.name, 30)
    assert product.files() == OLD


@pytest.mark.parametrize("in_use", [InUse.FAIL, InUse.RETRY])
def test_a_file_in_use_is_told_with_its_holder_and_everything_is_as_it_was(
    product: Product, means: Means, programs: ProgramMaker, services: ServiceMaker, in_use: InUse
) -> None:
    router = services.install("Router")
    router.run()
    holder = programs.copy("Holder of files.exe")
    running = programs.run(holder, "--hold", str(product.base / "Router.dll"))
    files = [product.put("Agent.exe.config", b"new config"), product.put("Router.dll", b"new router", in_use)]
    change = product.change(*files, services=(ServiceChange(router.name),), registry=_set_value())
    with pytest.raises(TargetError) as caught:
        carry_out(change, product.home, means, pause=_pause)
    assert caught.value.code == "in-use"
    assert f"is in use by Holder of files.exe ({running.pid})" in str(caught.value)
    assert product.files() == OLD
    assert router.running
    with pytest.raises(FileNotFoundError):
        _value()
    running.kill()
    running.wait()
    assert _all_cleared(product, means)


def test_a_program_with_a_window_is_closed_and_its_file_replaced(
    product: Product, means: Means, programs: ProgramMaker
) -> None:
    program = product.base / "Agent of a test.exe"
    program.write_bytes(programs.program.read_bytes())
    running = programs.run(program, "--window")
    change = product.change(
        product.put(program.name, b"new program"), processes=(ProcessChange(program.stem, Ending.CLOSE, 30),)
    )
    carry_out(change, product.home, means)
    assert running.wait() == 0
    assert program.read_bytes() == b"new program"


def test_a_program_that_does_not_close_is_a_refusal_and_still_runs(
    product: Product, means: Means, programs: ProgramMaker
) -> None:
    program = programs.copy("Stubborn program.exe")
    running = programs.run(program, "--stubborn-window")
    change = _whole(product, processes=(ProcessChange(program.name, Ending.CLOSE, 1),))
    with pytest.raises(TargetError) as caught:
        carry_out(change, product.home, means)
    assert caught.value.code == "program-running"
    assert running.poll() is None
    assert product.files() == OLD
    carry_out(_whole(product, processes=(ProcessChange(program.name, Ending.KILL, 1),)), product.home, means)
    assert running.wait() == 1
    assert product.files() == NEW


def _command(name: str, args: list[str], folder: Path, timeout: float = 60) -> Command:
    line = CommandLine(sys.executable, subprocess.list2cmdline(args), str(folder), True, timeout)
    return Command(name, line, Moment.AFTER_FILES, idempotent=True)


@pytest.mark.parametrize(
    ("code", "error"), [("sys.exit(5)", "command-failed"), ("time.sleep(600)", "command-timed-out")]
)
def test_a_command_that_fails_or_takes_too_long_brings_everything_back(
    product: Product, means: Means, services: ServiceMaker, code: str, error: str
) -> None:
    router = services.install("Router", "--hold", str(product.base / "Router.dll"))
    router.run()
    command = _command("the command", ["-c", f"import sys, time; {code}"], product.base, 3)
    with pytest.raises(TargetError) as caught:
        carry_out(_whole(product, router, commands=(command,), registry=_set_value()), product.home, means)
    assert caught.value.code == error
    assert router.running
    means.services.stop(router.name, 30)
    assert product.files() == OLD
    with pytest.raises(FileNotFoundError):
        _value()


def _pending() -> list[str]:
    """What this Windows renames at its next start."""
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER) as key:
        try:
            return list(winreg.QueryValueEx(key, "PendingFileRenameOperations")[0])
        except FileNotFoundError:
            return []


@pytest.mark.usefixtures("clean_restart_list")
def test_a_file_that_stays_in_use_is_left_to_the_restart_where_that_is_said(
    product: Product, means: Means, programs: ProgramMaker
) -> None:
    running = programs.run(programs.copy(), "--hold", str(product.base / "Router.dll"))
    files = (product.put("Agent.exe.config", b"new config"), product.put("Router.dll", b"new router", InUse.REBOOT))
    done = carry_out(product.change(*files), product.home, means, pause=_pause)
    assert done.waiting == (str(product.base / "Router.dll"),)
    assert done.restart_needed
    assert (product.base / "Agent.exe.config").read_bytes() == b"new config"
    source, target = _pending()
    assert target == f"!\\??\\{product.base}\\Router.dll"
    assert Path(source.removeprefix("\\??\\")).read_bytes() == b"new router"
    running.kill()
    running.wait()
    with pytest.raises(TargetError) as caught:
        carry_out(product.change(product.put("Router.dll", b"newer")), product.home, means)
    assert caught.value.code == "restart-pending"
    # What the next start of Windows does.
    os.replace(source.removeprefix("\\??\\"), product.base / "Router.dll")
    carry_out(product.change(product.put("Router.dll", b"newer")), product.home, means)
    assert (product.base / "Router.dll").read_bytes() == b"newer"


@pytest.mark.usefixtures("clean_restart_list")
def test_what_was_left_to_the_restart_is_taken_back_when_the_change_fails_after_that(
    product: Product, means: Means, programs: ProgramMaker
) -> None:
    programs.run(programs.copy(), "--hold", str(product.base / "Router.dll"))
    files = (product.put("Agent.exe.config", b"new config"), product.put("Router.dll", b"new router", InUse.REBOOT))
    last = Command(
        "the last command",
        CommandLine(sys.executable, '-c "import sys; sys.exit(9)"', str(product.base), True, 60),
        Moment.LAST,
    )
    with pytest.raises(TargetError) as caught:
        carry_out(product.change(*files, commands=(last,)), product.home, means, pause=_pause)
    assert caught.value.code == "command-failed"
    assert _pending() == []
    assert product.files() == OLD


@pytest.mark.usefixtures("clean_restart_list")
def test_a_program_that_runs_is_renamed_away(product: Product, means: Means, programs: ProgramMaker) -> None:
    program = product.base / "Runs on.exe"
    program.write_bytes(programs.program.read_bytes())
    programs.run(program)
    change = product.change(product.put(program.name, b"new program", InUse.REBOOT))
    done = carry_out(change, product.home, means, pause=_pause)
    assert program.read_bytes() == b"new program"
    assert done.restart_needed
    assert [one.code for one in done.warnings] == ["used-until-restart"]
    assert [target for target in _pending()[1::2] if target] == []
    assert len(_pending()) >= 2


# Carries out the change of `_whole` and ends itself, as the Task Manager would, at the checkpoint named.
KILLED = """
import sys
from pathlib import Path
from deploy.change.transaction import carry_out
from tests.windows import test_change
from tests.windows.machine import Product, means_of_this_machine
from tests.windows.services import Installed
import win32api, win32process

base, state, at, *names = sys.argv[1:]
product = Product(Path(base), Path(state))
seen = []
def reached(name):
    seen.append(name)
    print(name, flush=True)
    if name == at:
        win32process.TerminateProcess(win32api.GetCurrentProcess(), 137)
services = [Installed(name, None) for name in names]
change = test_change._whole(product, *services, registry=test_change._set_value())
carry_out(change, product.home, means_of_this_machine(product.state), checkpoint=reached)
"""
POINTS = ("begun", "made-manual {0}", "stopped", "backed", "changed", "registry-set", "started", "checked", "committed")


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_the_next_start_makes_it_wholly_old_or_wholly_new(
    product: Product, means: Means, services: ServiceMaker, point: str
) -> None:
    router = services.install(
        "Router", "--hold", str(product.base / "Router.dll"), start_type=win32service.SERVICE_AUTO_START
    )
    agent = services.install("Agent", needs=[router.name])
    router.run()
    agent.run()
    at = point.format(router.name)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(product.base), str(product.state), at, router.name],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT};{os.environ['PYTHONPATH']}"},
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert killed.returncode == 137, killed.stderr
    assert killed.stdout.split("\n")[-2] == at
    running: list[tuple[str, bool]] = []

    def look(name: str) -> None:
        running.append((name, router.running))

    done = recover_machine(product.home, means, checkpoint=look)
    decided = point == "committed"
    assert done.outcome is (Outcome.FINISHED if decided else Outcome.ROLLED_BACK)
    assert router.running
    assert agent.running
    assert router.start_type() == win32service.SERVICE_AUTO_START
    for one in (agent, router):
        means.services.stop(one.name, 30)
    assert product.files() == (NEW if decided else OLD)
    assert _all_cleared(product, means)
    if decided:
        assert _value() == (1, winreg.REG_DWORD)
    else:
        with pytest.raises(FileNotFoundError):
            _value()


def test_after_a_file_was_in_use_the_same_change_succeeds_once_it_is_free(
    product: Product, means: Means, programs: ProgramMaker, services: ServiceMaker
) -> None:
    """The service runs over files that were never replaced: their second names must be gone before it is started."""
    router = services.install("Router", "--hold", str(product.base / "Router.dll"))
    router.run()
    running = programs.run(programs.copy(), "--hold", str(product.base / "Agent.exe.config"))
    files = [product.put("Agent.exe.config", b"new config", InUse.FAIL), product.put("Router.dll", b"new router")]
    change = product.change(*files, services=(ServiceChange(router.name),))
    with pytest.raises(TargetError) as caught:
        carry_out(change, product.home, means, pause=_pause)
    assert caught.value.code == "in-use"
    assert router.running
    running.kill()
    running.wait()
    carry_out(change, product.home, means)
    assert router.running
    means.services.stop(router.name, 30)
    assert (product.base / "Router.dll").read_bytes() == b"new router"
