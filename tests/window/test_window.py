"""The window, driven as a person drives it: pick, look, warn, cancel, apply."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.host.fakeservices import FakeService, ServiceCall
from deploy.host.services import ServiceState
from deploy.machine import Role
from hotfix.background import Background
from hotfix.history import installed
from hotfix.log import Log
from tests.unit.hotfix.planning import Scene
from tests.window.display import display

tk = pytest.importorskip("tkinter", reason="this Python has no tkinter")
from hotfix.window import DONE, FAILED, Window  # noqa: E402

SECONDS = 30.0
MANIFEST = """
<services><service name="CCRouter" /></services>
<files><file include="Router.exe" outputFolder="$(InstallDir)" /></files>
"""
HEAD = 'id="HF1" name="Router recall fix" classification="Hotfix"'


class Driver:
    """The window, and the person before it."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.log = folder / "log" / "installer.log"
        self.told: list[str] = []
        self.chosen = ""
        log = Log(self.log, lambda problem: self.told.append(problem.code))
        self.window = Window(tk.Tk(), Background(scene.target, log), self.log, lambda: self.chosen)
        self.root = self.window.root
        self.root.deiconify()
        self.root.wait_visibility()
        self.root.focus_force()
        self.root.update()

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the window work until something holds."""
        ends = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < ends, (self.window.state.get(), self.logged())
            self.root.update()
            time.sleep(0.005)

    def text(self, widget: tk.Text) -> str:
        return widget.get("1.0", "end").strip()

    def logged(self) -> str:
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def pick(self, config: Path) -> None:
        """Browse for a hotfix, and wait for its plan."""
        self.chosen = str(config)
        self.window.browse_button.invoke()
        self.until(lambda: "Looking" not in self.window.state.get())

    def press(self, key: str) -> None:
        self.root.focus_force()
        self.root.update()
        (self.root.focus_get() or self.root).event_generate(key)
        self.root.update()

    def can_apply(self) -> bool:
        return str(self.window.apply_button["state"]) == "normal"

    def apply(self) -> None:
        """Apply, agree, and wait for the end."""
        self.window.apply_button.invoke()
        if self.window.warning is not None:
            self.window.warning.continue_button.invoke()
        self.until(lambda: self.window.state.get().startswith(("Done", "Failed")))


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    with display() as name:
        yield name


@pytest.fixture
def driver(screen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    monkeypatch.setenv("DISPLAY", screen)
    scene = Scene(tmp_path / "machine", [Role.SERVER])
    scene.have("Router.exe", b"old")
    scene.bring("Router.exe", b"new")
    scene.host.manager.add(FakeService("CCRouter"))
    one = Driver(scene, tmp_path)
    yield one
    one.until(lambda: not one.window._background.busy)
    if not _is_closed(one):
        one.window.close()
    del one.window, one.root
    gc.collect()  # Tk's objects may only be freed in its own thread, and the next test has another one.


def _is_closed(driver: Driver) -> bool:
    try:
        return not driver.root.winfo_exists()
    except tk.TclError:
        return True


def router(driver: Driver) -> bytes:
    return (driver.scene.install / "Router.exe").read_bytes()


def test_before_a_hotfix_is_picked_nothing_can_be_applied(driver: Driver) -> None:
    assert not driver.can_apply()
    driver.window.browse_button.invoke()
    assert driver.window.state.get().startswith("Choose")


def test_details_and_plan_are_shown(driver: Driver) -> None:
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    assert driver.text(driver.window.details).splitlines() == ["Router recall fix", "Hotfix HF1, revision 1"]
    plan = driver.text(driver.window.plan_text).splitlines()
    assert plan[0] == "stop     service CCRouter"
    assert plan[1].startswith(f"replace  {driver.scene.install}/Router.exe (")
    assert plan[2] == "start    service CCRouter"
    assert driver.window.state.get() == "This hotfix can be applied."
    assert driver.can_apply()
    assert router(driver) == b"old"


def test_the_warning_names_the_services_and_cancel_changes_nothing(driver: Driver) -> None:
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    before = driver.scene.tree()
    driver.window.apply_button.invoke()
    question = driver.window.warning
    assert question is not None
    assert "CCRouter" in question.text
    question.cancel_button.invoke()
    driver.root.update()
    assert driver.window.state.get() == "Cancelled. Nothing was changed."
    assert driver.scene.tree() == before
    assert driver.scene.host.manager.calls == []
    assert "cancelled" in driver.logged()
    assert driver.can_apply()


def test_return_in_the_warning_cancels_unless_the_other_button_has_the_focus(driver: Driver) -> None:
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    driver.window.apply_button.invoke()
    question = driver.window.warning
    assert question is not None
    question.box.focus_force()
    question.cancel_button.focus_force()
    driver.root.update()
    question.cancel_button.event_generate("<Return>")
    driver.until(lambda: driver.window.warning is None)
    assert router(driver) == b"old"


def test_apply_replaces_the_file_with_the_service_stopped(driver: Driver) -> None:
    seen: list[tuple[str, bytes]] = []

    def watch(call: ServiceCall) -> None:
        seen.append((call.method, router(driver)))

    driver.scene.host.manager.watch = watch
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    driver.apply()
    assert driver.window.state.get() == "Done: HF1 revision 1 is installed."
    assert router(driver) == b"new"
    assert ("stop", b"old") in seen
    assert ("start", b"new") in seen
    assert driver.scene.host.manager.services[0].state is ServiceState.RUNNING
    assert [one.id for one in installed(driver.scene.target.hotfixes)] == ["HF1"]
    assert "stopping the service CCRouter" in driver.text(driver.window.log_text)
    assert "HF1 revision 1 is installed" in driver.logged()
    assert not driver.can_apply()
    assert driver.window.exit_code == DONE


def test_without_services_there_is_no_warning(driver: Driver) -> None:
    driver.pick(driver.scene.config(MANIFEST.splitlines()[2], HEAD))
    driver.apply()
    assert driver.window.warning is None
    assert router(driver) == b"new"


def test_a_failure_is_shown_and_everything_is_as_it_was(driver: Driver) -> None:
    driver.scene.host.manager.services[0].never_stops = True
    inner = MANIFEST.replace("<service name", '<service timeout="1" name')
    driver.pick(driver.scene.config(inner, HEAD))
    driver.apply()
    assert driver.window.state.get().startswith("Failed: ")
    assert "CCRouter" in driver.window.state.get()
    assert router(driver) == b"old"
    assert driver.window.exit_code == FAILED


def test_a_refusal_says_why_and_cannot_be_applied(driver: Driver) -> None:
    inner = MANIFEST.replace("outputFolder", f'sha256="{"0" * 64}" outputFolder')
    driver.pick(driver.scene.config(inner, HEAD))
    assert "cannot be applied" in driver.window.state.get()
    assert f"the manifest says {'0' * 64}" in driver.text(driver.window.plan_text)
    assert not driver.can_apply()


def test_a_file_that_is_no_hotfix_is_said(driver: Driver) -> None:
    driver.pick(driver.scene.install / "Router.exe")
    assert driver.window.state.get().startswith("Failed: ")
    assert not driver.can_apply()


def test_it_cannot_be_closed_while_it_works(driver: Driver) -> None:
    is_there, goes_on = threading.Event(), threading.Event()

    def watch(_: ServiceCall) -> None:
        is_there.set()
        assert goes_on.wait(SECONDS)

    driver.scene.host.manager.watch = watch
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    driver.window.apply_button.invoke()
    assert driver.window.warning is not None
    driver.window.warning.continue_button.invoke()
    driver.until(is_there.is_set)
    driver.window.close()
    assert "can be closed when it has ended" in driver.window.state.get()
    assert not driver.can_apply()
    goes_on.set()
    driver.until(lambda: driver.window.state.get().startswith("Done"))
    driver.window.close()
    assert _is_closed(driver)


def test_keys_alone_do_it(driver: Driver) -> None:
    driver.chosen = str(driver.scene.config(MANIFEST, HEAD))
    driver.press("<Alt-b>")
    driver.until(driver.can_apply)
    assert driver.root.focus_get() is driver.window.apply_button
    driver.press("<Alt-a>")
    question = driver.window.warning
    assert question is not None
    question.continue_button.focus_force()
    driver.root.update()
    question.continue_button.event_generate("<Return>")
    driver.until(lambda: driver.window.state.get().startswith("Done"))
    assert router(driver) == b"new"


def test_every_part_can_be_reached_by_tab(driver: Driver) -> None:
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    window = driver.window
    window.entry.focus_force()
    driver.root.update()
    reached = []
    for _ in range(7):
        focus = driver.root.focus_get()
        assert focus is not None
        reached.append(focus)
        focus.event_generate("<Tab>")
        driver.root.update()
    expected = [
        window.entry,
        window.browse_button,
        window.details,
        window.plan_text,
        window.log_text,
        window.apply_button,
        window.close_button,
    ]
    assert reached == expected


@pytest.mark.parametrize("size", ["560x480", "1000x740"])
def test_nothing_is_cut_off_when_it_is_small_or_large(driver: Driver, size: str) -> None:
    driver.pick(driver.scene.config(MANIFEST, HEAD))
    driver.root.geometry(size)
    driver.root.update()
    for widget in (driver.window.apply_button, driver.window.close_button, driver.window.browse_button):
        right = widget.winfo_rootx() - driver.root.winfo_rootx() + widget.winfo_width()
        bottom = widget.winfo_rooty() - driver.root.winfo_rooty() + widget.winfo_height()
        assert right <= driver.root.winfo_width()
        assert bottom <= driver.root.winfo_height()
