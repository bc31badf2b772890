"""MiCCEHotFixInstaller on Windows, as people and scripts start it: slash options, exit codes, the log, being killed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import win32service

from hotfix.recovery import recover
from tests.windows.services import Installed, ProgramMaker, ServiceMaker, end_process, until
from tests.windows.site import Site, command_line, registered, unregister

pytestmark = pytest.mark.windows
OLD = {"Services\\Bin\\Router.dll": b"old router"}
NEW = {"Services\\Bin\\Router.dll": b"new router"}
BODY = """
  <services><service name="{service}" timeout="30" /></services>
  <files><file include="Router.dll" outputFolder="$(InstallDir)Services\\Bin" inUse="{in_use}" /></files>
  <registry><value key="HKLM\\SOFTWARE\\MicceHotfixTest" name="DisableWSDL" type="dword" data="1" /></registry>
"""
FILES = {"Router.dll": b"new router"}


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


def _config(site: Site, service: Installed, more: str = "", in_use: str = "fail", revision: int = 1) -> Path:
    return site.package("HF001", BODY.format(service=service.name, in_use=in_use) + more, FILES, revision)


@pytest.mark.parametrize("line", ['/i:"{0}" /s', '/I:"{0}" /S', '-i "{0}" -s', '/s /i "{0}"'])
def test_a_hotfix_is_installed_silently_and_again(site: Site, router: Installed, line: str) -> None:
    config = _config(site, router)
    for _ in range(2):
        done = site.install(line=line.format(config))
        assert done.returncode == 0, done.stderr
        assert router.running
        assert router.start_type() == win32service.SERVICE_AUTO_START
        assert site.files() == NEW
        assert registered("DisableWSDL") == 1
    assert "HF001" in site.log.read_text(encoding="utf-8")


def test_a_file_that_somebody_holds_is_told_with_the_holder_and_nothing_is_changed(
    site: Site, services: ServiceMaker, programs: ProgramMaker
) -> None:
    other = services.install("Other")
    other.run()
    running = programs.run(
        programs.copy("Holder of files.exe"), "--hold", str(site.product / "Services" / "Bin" / "Router.dll")
    )
    done = site.install(f"/i:{_config(site, other)}", "/s")
    assert done.returncode == 1
    for told in (done.stderr, site.log.read_text(encoding="utf-8")):
        assert f"Holder of files.exe ({running.pid})" in told
    assert site.files() == OLD
    assert registered("DisableWSDL") is None
    assert other.running


def test_a_service_that_does_not_stop_is_told_and_nothing_is_changed(site: Site, services: ServiceMaker) -> None:
    proud = services.install("Proud", "--refuses-stop")
    proud.run()
    done = site.install(f"/i:{_config(site, proud)}", "/s")
    assert done.returncode == 1
    for told in (done.stderr, site.log.read_text(encoding="utf-8")):
        assert proud.name in told
        assert "takes no stop control" in told
    assert site.files() == OLD
    assert proud.running


@pytest.mark.usefixtures("clean_restart_list")
def test_a_file_in_use_may_be_left_to_the_restart(site: Site, services: ServiceMaker, programs: ProgramMaker) -> None:
    other = services.install("Other")
    programs.run(programs.copy(), "--hold", str(site.product / "Services" / "Bin" / "Router.dll"))
    done = site.install(f"/i:{_config(site, other, in_use='reboot')}", "/s")
    assert done.returncode == 0, done.stderr
    assert site.files() == OLD
    assert "restart" in site.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["/s", "/s /i", "/s /nonsense", '/s /i:"C:\\no such file.config"'])
def test_bad_usage_with_s_is_1_and_asks_nobody(site: Site, line: str) -> None:
    done = site.install(line=line)
    assert done.returncode == 1
    assert done.stderr.strip()
    assert site.files() == OLD


def test_help_names_the_options_of_the_manual(site: Site) -> None:
    done = site.install("/?")
    assert done.returncode == 0
    assert "/i:" in done.stdout
    assert "/s" in done.stdout


def test_killed_in_the_middle_everything_is_as_it_was_after_the_next_start(
    site: Site, router: Installed, programs: ProgramMaker
) -> None:
    ready = site.folder / "command.ready"
    waits = f'<commands><execute command="Wait.exe" args="&quot;{ready}&quot;" phase="afterFiles" idempotent="true" />'
    config = _config(site, router, f"{waits}</commands>")
    (config.parent / "Wait.exe").write_bytes(programs.program.read_bytes())
    installer = subprocess.Popen(
        command_line("MiCCEHotFixInstaller", (f"/i:{config}", "/s")), env=site.environment(), stdin=subprocess.DEVNULL
    )
    until(lambda: ready.exists() or installer.poll() is not None, "the command runs")
    assert installer.poll() is None
    installer.kill()
    installer.wait()
    end_process(int(ready.read_text("ascii")))
    assert site.files() == NEW
    assert not router.running
    recover(site.target())
    assert router.running
    assert router.start_type() == win32service.SERVICE_AUTO_START
    assert site.files() == OLD
    assert registered("DisableWSDL") is None
    done = site.install(f"/i:{_config(site, router, revision=2)}", "/s")
    assert done.returncode == 0, done.stderr
    assert site.files() == NEW
