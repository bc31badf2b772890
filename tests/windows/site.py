"""A Windows server with a product; hotfixes are applied through the library, or by the commands as people run them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import winreg
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.host.windows import WindowsHost
from hotfix.install import Applied, apply
from hotfix.prepare import prepare
from hotfix.target import Target, open_target

ROOT = Path(__file__).parents[2]
SECONDS = 240
LOG = Path("AppData", "Local", "Mitel", "MiCC Enterprise", "MiCCEHotFixInstaller", "MiCCEHotFixInstaller.log")
# The key of a test below HKLM, and where regedit shows it.
KEY = "SOFTWARE\\MicceHotfixTest"
SHOWN = "SOFTWARE\\Wow6432Node\\MicceHotfixTest"
WORK = {".micce-change", ".micce-hotfix", ".micce-restart"}


def _pause(_: float) -> None:
    """Patience is not what is tested here."""


def registered(name: str) -> object:
    """A value of `KEY` as regedit shows it; None for none."""
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, SHOWN, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            return winreg.QueryValueEx(key, name)[0]
    except FileNotFoundError:
        return None


def unregister() -> None:
    """Remove `KEY`."""
    try:
        winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, KEY, winreg.KEY_WOW64_32KEY, 0)
    except FileNotFoundError:
        return


@dataclass(frozen=True, slots=True)
class Site:
    """Folders of one server: `product` is InstallDir, `packages` holds one folder for each hotfix."""

    folder: Path

    @property
    def product(self) -> Path:
        return self.folder / "Program Files" / "MiCC Enterprise"

    @property
    def packages(self) -> Path:
        return self.folder / "hot fixes"

    @property
    def log(self) -> Path:
        return self.folder / "profile" / LOG

    @property
    def variables(self) -> dict[str, str]:
        """What the environment says about this server."""
        return {"MICCE_MACHINE": str(self.folder / "machine.toml"), "USERPROFILE": str(self.folder / "profile")}

    @classmethod
    def make(cls, folder: Path, files: Mapping[str, bytes], roles: str = '"Server", "Router"') -> Site:
        site = cls(folder / "site")
        for path in (site.product, site.packages, site.folder / "profile"):
            path.mkdir(parents=True)
        (site.folder / "machine.toml").write_text(
            f"state = '{site.folder / 'state'}'\nroles = [{roles}]\nproduct_version = \"9.6.1.0\"\n"
            f"[identifiers]\nInstallDir = '{site.product}'\n",
            encoding="utf-8",
        )
        for name, data in files.items():
            (site.product / name).parent.mkdir(parents=True, exist_ok=True)
            (site.product / name).write_bytes(data)
        return site

    def package(self, id: str, body: str, files: Mapping[str, bytes] | None = None, revision: int = 1) -> Path:
        """A hotfix; `body` is what stands in its manifest besides `<hotfix>`. Returns the path of its `*.config`."""
        folder = self.packages / f"{id} {revision}"
        folder.mkdir()
        for name, data in (files or {}).items():
            (folder / name).write_bytes(data)
        config = folder / f"{id}.config"
        config.write_text(
            f'<?xml version="1.0" encoding="utf-8"?>\n<configuration schemaVersion="1.0">\n'
            f'  <hotfix id="{id}" revision="{revision}" name="Router recall fix" />\n{body}\n</configuration>\n',
            encoding="utf-8",
        )
        return config

    def files(self) -> dict[str, bytes]:
        """The product's files; those that a service holds cannot be read."""
        return {
            str(path.relative_to(self.product)): path.read_bytes()
            for path in self.product.rglob("*")
            if path.is_file() and not WORK & set(path.parts)
        }

    def target(self) -> Target:
        """This server for the library."""
        return open_target(WindowsHost({**os.environ, **self.variables}), {})

    def apply(self, config: Path) -> Applied:
        """Apply it through the library, without any patience for files in use."""
        target = self.target()
        return apply(prepare(config, target, silent=True), target, pause=_pause)

    def install(self, *arguments: str, line: str = "") -> subprocess.CompletedProcess[str]:
        """MiCCEHotFixInstaller with these arguments, or with the rest of a command line as written."""
        return self.run("MiCCEHotFixInstaller", *arguments, line=line)

    def run(self, script: str, *arguments: str, line: str = "") -> subprocess.CompletedProcess[str]:
        """A command of pyproject.toml, to its end."""
        done = subprocess.run(
            command_line(script, arguments, line),
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables, "PYTHONPATH": f"{ROOT};{os.environ['PYTHONPATH']}"}


def command_line(script: str, arguments: tuple[str, ...], line: str = "") -> str:
    """The whole command line of a command of pyproject.toml, run by this Python under the path limit of Windows."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, function = scripts[script].split(":")
    start = (
        f"import sys; from {module} import {function}; from tests.windows import max_path; "
        f"max_path.enforce(); sys.argv[0] = '{script}'; sys.exit({function}())"
    )
    return f"{subprocess.list2cmdline([sys.executable, '-c', start, *arguments])} {line}"
