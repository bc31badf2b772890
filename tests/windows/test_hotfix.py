"""Hotfixes on a real Windows: services that lock files, files that others hold, the registry, removal."""

from __future__ import annotations

import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest
import win32service

from deploy.errors import TargetError
from deploy.host.current import current
from deploy.host.winrestart import MANAGER
from hotfix.history import installed
from hotfix.planned import Verdict
from hotfix.prepare import prepare
from hotfix.recovery import recover
from hotfix.uninstall import prepare_uninstall, uninstall
from tests.windows.services import Installed, ProgramMaker, ServiceMaker
from tests.windows.site import Site, registered, unregister

pytestmark = pytest.mark.windows
OLD = {
    "Services\\Bin\\Router.dll": b"old router",
    "Services\\Bin\\RouterOld.dll": b"goes",
    "Agent.exe.config": b"<a x='1' />",
}
FILES = """
  <files>
    <file include="Router.dll" outputFolder="$(InstallDir)Services\\Bin" inUse="{in_use}" />
    <delete path="$(InstallDir)Services\\Bin\\RouterOld.dll" />
  </files>
  <configFiles>
    <configFile path="$(InstallDir)Agent.exe.config"><set xpath="/a" attribute="x" value="2" /></configFile>
  </configFiles>
  <registry><value key="HKLM\\SOFTWARE\\MicceHotfixTest" name="DisableWSDL" type="dword" data="1" /></registry>
"""


def body(*services: Installed, in_use: str = "fail") -> str:
    """The middle of a manifest that changes a bit of everything while these services stand still."""
    names = "".join(f'<service name="{one.name}" timeout="30" />' for one in services)
    return f"  <services>{names}</services>{FILES.format(in_use=in_use)}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield Site.make(tmp_path, OLD)
    unregister()


@pytest.fixture
def router(site: Site, services: ServiceMaker) -> Installed:
    """A service that runs and uses its library: nobody else may replace it."""
    held = site.product / "Services" / "Bin" / "Router.dll"
    service = services.install("Router", "--use", str(held), start_type=win32service.SERVICE_AUTO_START)
    service.run()
    return service


def _is_new(site: Site) -> bool:
    files = site.files()
    edited = files.pop("Agent.exe.config")
    return files == {"Services\\Bin\\Router.dll": b"new router"} and b"'2'" in edited.replace(b'"', b"'")


def test_a_hotfix_is_applied_over_a_service_that_locks_its_file(site: Site, router: Installed) -> None:
    config = site.package("HF001", body(router), {"Router.dll": b"new router"})
    applied = site.apply(config)
    assert applied.applied
    assert not applied.restart_needed
    assert router.running
    assert router.start_type() == win32service.SERVICE_AUTO_START
    assert registered("DisableWSDL") == 1
    with pytest.raises(PermissionError):
        (site.product / "Services" / "Bin" / "Router.dll").write_bytes(b"")
    assert _is_new(site)
    (record,) = installed(site.target().hotfixes)
    assert (record.id, record.revision) == ("HF001", 1)
    assert record.installed_by == current().account()


def test_applied_again_it_is_reinstalled_and_its_removal_brings_the_originals(site: Site, router: Installed) -> None:
    config = site.package("HF001", body(router), {"Router.dll": b"new router"})
    site.apply(config)
    assert site.apply(config).reinstalled
    target = site.target()
    uninstall(prepare_uninstall("hf001", target), target)
    assert router.running
    assert registered("DisableWSDL") is None
    assert site.files() == OLD
    assert installed(target.hotfixes) == ()


def test_the_plan_names_the_service_and_what_needs_it(site: Site, router: Installed, services: ServiceMaker) -> None:
    agent = services.install("Agent", needs=[router.name])
    agent.run()
    config = site.package("HF001", body(router), {"Router.dll": b"new router"})
    plan = prepare(config, site.target(), silent=True)
    assert plan.verdict is Verdict.READY, plan.reasons
    assert {one.name: one.because for one in plan.services} == {router.name: "", agent.name: router.name}
    site.apply(config)
    assert router.running
    assert agent.running


def test_a_file_that_somebody_holds_is_told_with_the_holder(
    site: Site, services: ServiceMaker, programs: ProgramMaker
) -> None:
    service = services.install("Other")
    service.run()
    running = programs.run(
        programs.copy("Holder of files.exe"), "--hold", str(site.product / "Services" / "Bin" / "Router.dll")
    )
    with pytest.raises(TargetError) as caught:
        site.apply(site.package("HF001", body(service), {"Router.dll": b"new router"}))
    assert caught.value.code == "in-use"
    assert f"Holder of files.exe ({running.pid})" in str(caught.value)
    assert site.files() == OLD
    assert registered("DisableWSDL") is None
    assert service.running
    assert installed(site.target().hotfixes) == ()
    running.kill()
    running.wait()
    recover(site.target())
    assert {path.name for path in site.product.iterdir()} == {"Services", "Agent.exe.config"}


def _pending() -> list[str]:
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_ALL_ACCESS) as key:
        try:
            return list(winreg.QueryValueEx(key, "PendingFileRenameOperations")[0])
        except FileNotFoundError:
            return []


@pytest.mark.usefixtures("clean_restart_list")
def test_a_file_in_use_may_be_left_to_the_restart(site: Site, programs: ProgramMaker) -> None:
    target = site.product / "Services" / "Bin" / "Router.dll"
    programs.run(programs.copy(), "--hold", str(target))
    applied = site.apply(site.package("HF001", body(in_use="reboot"), {"Router.dll": b"new router"}))
    assert applied.restart_needed
    assert applied.waiting == (str(target),)
    assert f"!\\??\\{target}" in _pending()


def test_a_service_that_does_not_exist_is_a_refusal(site: Site, services: ServiceMaker) -> None:
    missing = Installed(f"{services.prefix}Missing", None)
    plan = prepare(site.package("HF001", body(missing), {"Router.dll": b"new router"}), site.target(), silent=True)
    assert plan.verdict is Verdict.REFUSED
    assert any(missing.name in str(one) for one in plan.reasons)
