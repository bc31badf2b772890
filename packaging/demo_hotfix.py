"""The hotfix part of make demo: built, applied to a server with a running service, twice, published, removed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

WINDOWS = os.name == "nt"
OLD, NEW = b"Router 9.6.1.412", b"Router 9.6.1.413: recalls ring again"
AGENT = b"Agent 9.6.1.413"

# Drives one service: a process that notes its number in a file and sleeps until it is ended.
CONTROL = """import os, pathlib, signal, subprocess, sys, time
verb, name = sys.argv[1:]
note = pathlib.Path(__file__).with_name(f"{name}.running")
if verb == "status":
    sys.exit(0 if note.exists() else 3)
if verb == "start":
    ready, told = os.pipe()
    code = f"import os, time; os.write({told}, b'1'); os.close({told}); time.sleep(86400)"
    child = subprocess.Popen([sys.executable, "-c", code], pass_fds=[told], start_new_session=True)
    os.close(told)
    os.read(ready, 1)
    note.write_text(str(child.pid))
if verb == "stop" and note.exists():
    os.kill(int(note.read_text()), signal.SIGTERM)
    note.unlink()
"""
SERVICES = '<services><service name="CCRouter" roles="Router" /></services>'
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<configuration schemaVersion="1.0">
  <hotfix id="MICCE-9.6.1-HF003" revision="2" name="Router recall fix" releaseDate="2023-07-14">
    Fixes a recall failure in the Router service and the matching Agent dialog.
  </hotfix>
  {services}
  <files>
    <file include="Router.exe" outputFolder="$(InstallDir)Services/Bin" roles="Router" />
    <file include="Client/*.*" subDirs="true" outputFolder="$(InstallDir)Applications/Bin" roles="Client" />
    <delete path="$(InstallDir)Services/Bin/RouterOld.dll" roles="Router" />
  </files>
  <configFiles>
    <configFile path="$(InstallDir)Services/Bin/Router.exe.config" roles="Router">
      <set xpath="/configuration/recall" attribute="seconds" value="20" />
    </configFile>
  </configFiles>
</configuration>
"""
SETTINGS = b'<?xml version="1.0"?>\r\n<configuration>\r\n  <recall seconds="5"/>\r\n</configuration>\r\n'
MACHINE = """state = '{folder}/state'
roles = ["Server", "Broker", "Router"]
product_version = "9.6.1.0"
[identifiers]
InstallDir = '{folder}/MiCCE'
"""
DRIVER = """[services]
driver = "commands"
status = ['{python}', '{folder}/control.py', 'status', '{{name}}']
start = ['{python}', '{folder}/control.py', 'start', '{{name}}']
stop = ['{python}', '{folder}/control.py', 'stop', '{{name}}']
"""


class HotfixDemo:
    """A server below `folder`; `run` carries out a command with this machine.toml and stops the demo if it fails."""

    def __init__(self, folder: Path, run: Callable[..., None]) -> None:
        self._folder = folder
        self._run = run
        self._machine = folder / "machine.toml"

    def show(self) -> None:
        """All of it."""
        config = self._made()
        before = self._installation()
        self._control("start")
        try:
            self._do("micce-hotfix", "build", config, "--output", str(self._folder.relative_to(Path.cwd())))
            self._do("micce-hotfix", "plan", config)
            self._do("MiCCEHotFixInstaller", f"/i:{config}", "/s")
            self._see("Services/Bin/Router.exe", NEW)
            self._see("Services/Bin/Router.exe.config", SETTINGS.replace(b'"5"', b'"20"'))
            self._see_running()
            print("Applied: the files are replaced, the service runs again. The same once more:")
            self._do("MiCCEHotFixInstaller", f"/i:{config}", "/s")
            self._do("micce-hotfix", "list")
            self._do("micce-deploy", "hotfixes", "list")
            self._do("micce-hotfix", "uninstall", "MICCE-9.6.1-HF003", "--yes")
            if self._installation() != before:
                raise SystemExit("The removal did not bring back every original.")
            self._see_running()
            print("Removed: every original is back, byte for byte.")
        finally:
            self._control("stop")

    def _made(self) -> str:
        """The server and the hotfix; returns the hotfix as it is typed."""
        held = {
            "MiCCE/Services/Bin/Router.exe": OLD,
            "MiCCE/Services/Bin/Router.exe.config": SETTINGS,
            "MiCCE/Services/Bin/RouterOld.dll": b"not needed any more",
            "HF003/Router.exe": NEW,
            "HF003/Client/Agent.exe": AGENT,
            "HF003/HF003.config": MANIFEST.format(services="" if WINDOWS else SERVICES).encode(),
            "control.py": CONTROL.encode(),
        }
        for name, data in held.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        driver = "" if WINDOWS else DRIVER
        self._machine.write_text((MACHINE + driver).format(folder=self._folder, python=sys.executable), "utf-8")
        return str((self._folder / "HF003" / "HF003.config").relative_to(Path.cwd()))

    def _do(self, program: str, *arguments: str) -> None:
        self._run(program, *arguments, machine=self._machine)

    def _control(self, verb: str) -> None:
        if not WINDOWS:
            self._run(
                sys.executable, str(self._folder / "control.py"), verb, "CCRouter", machine=self._machine, quiet=True
            )

    def _see(self, name: str, wanted: bytes) -> None:
        if (self._folder / "MiCCE" / name).read_bytes() != wanted:
            raise SystemExit(f"{name} is not what the hotfix makes of it.")

    def _see_running(self) -> None:
        if not WINDOWS and not (self._folder / "CCRouter.running").exists():
            raise SystemExit("The service does not run.")

    def _installation(self) -> dict[str, bytes]:
        """Every file of the product, without the repository for clients."""
        home = self._folder / "MiCCE"
        files = (path for path in home.rglob("*") if path.is_file() and "HotFixes" not in path.parts)
        return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}
