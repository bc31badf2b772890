"""A machine as an administrator has it, for the commands themselves: machine.toml, services of real programs, a hotfix.

BASE/install, BASE/state, BASE/profile   what the commands change, and what can be hit
APART/svc, APART/service                 the program that drives services (machine.toml), and the services
APART/package                            the hotfix
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.host.current import current
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.machine import RegistryDriver
from tests.cli.conftest import Ended, tree
from tests.crash.replicas import replicate

INSTALLER, HOTFIX = "MiCCEHotFixInstaller", "micce-hotfix"
SECONDS = 120
SERVICES = {"Router": True, "Agent": True, "Web": False}
"""The services, and whether they run before the hotfix and after it; Agent needs Router."""

SVC = """#!/bin/sh
# svc status|start|stop NAME: drives the services of this folder.
here=${0%/*}
pid=$(cat "$here/run/$2" 2>/dev/null)
runs() { [ -n "$pid" ] && [ -d "/proc/$pid/cwd/." ]; }  # a zombie has none
case $1 in
status)
    if [ "$2" = Router ]; then echo '{"dependents": ["Agent"]}'; fi
    [ "$2" = Router ] || [ "$2" = Agent ] || [ "$2" = Web ] || exit 4
    runs || exit 3
    ;;
start)
    runs && exit 0
    setsid "$here/service" "$2" </dev/null >/dev/null 2>&1 3>&- &
    until [ -e "$here/run/$2.ready" ]; do sleep 0.01; done
    ;;
stop)
    runs || exit 0
    kill "$pid"
    while runs; do sleep 0.01; done
    rm -f "$here/run/$2" "$here/run/$2.ready"
    ;;
esac
"""
SERVICE = """#!/bin/sh
# service NAME: notes over which programs it was started, and runs until it is told to stop.
here=${0%/*}
rm -f "$here/run/$1.ready"
echo $$ >"$here/run/$1"
cd INSTALL
printf '%s ' "$1" >>"$here/seen"
find bin -type f | LC_ALL=C sort | xargs sha256sum | sha256sum >>"$here/seen"
touch "$here/run/$1.ready"
exec sleep 100000
"""
CONVERT = """#!/bin/sh
# convert.sh do|undo: changes a file of its own. It waits while there is a file "hold", and undoes nothing while
# there is a file "refuse".
while [ -e APART/hold ]; do sleep 0.01; done
case $1 in
do) echo done >APART/converted ;;
undo) [ ! -e APART/refuse ] && rm -f APART/converted ;;
esac
"""
CONFIG = r"""<?xml version="1.0" encoding="utf-8"?>
<configuration schemaVersion="1.0">
  <hotfix id="HF001" revision="1" name="Crash test">Changes a bit of everything.</hotfix>
  <services>
    <service name="Router" timeout="30" />
    <service name="Web" timeout="30" />
  </services>
  <files>
    <file include="Router.exe" outputFolder="$(InstallDir)bin" />
    <file include="lib\*.*" subDirs="true" outputFolder="$(InstallDir)bin\lib" />
    <delete path="$(InstallDir)bin\old-only.dll" />
  </files>
  <configFiles>
    <configFile path="$(InstallDir)bin\Router.exe.config">
      <set xpath="/configuration/recall" attribute="seconds" value="20" />
    </configFile>
  </configFiles>
  <registry>
    <value key="HKLM\SOFTWARE\Mitel\SeC" name="Version" type="string" data="9.6.1 HF001" />
  </registry>
  <commands>
    <execute command="convert.sh" args="do" phase="afterFiles" undo="convert.sh undo" timeout="60" />
  </commands>
</configuration>
"""
OLD = {
    "bin/Router.exe": b"old router" * 300,
    "bin/Router.exe.config": b'<?xml version="1.0"?>\r\n<configuration>\r\n  <recall seconds="5"/></configuration>\r\n',
    "bin/old-only.dll": b"goes away",
    "bin/lib/empty.ini": b"",
    "bin/stays.txt": b"nobody touches it",
    **{f"bin/lib/part{number}.dll": b"old part %d" % number for number in range(6)},
}
PACKAGE = {
    "Router.exe": b"new router" * 300,
    "lib/empty.ini": b"not empty any more",
    "lib/large.dll": b"L" * (1 << 20),
    "lib/made/deep/er.txt": b"in folders that were not there",
    **{f"lib/part{number}.dll": b"new part %d" % number for number in range(6)},
}
_PACKAGE = re.compile(r"/package-\d+")
NOBODYS = re.compile(r"profile/.*|state/(installations|hotfixes)(/HF001)?|.*\.lock")
"""What may stay: logs, locks, empty folders of the product."""
TEMPORARIES = (
    re.compile(r"state/\.registry\.json\.[0-9a-f]+\.tmp"),
    re.compile(r"state/hotfixes/\.\.unfinished\.json\.[0-9a-f]+\.tmp"),
)
"""What a kill in the middle of a small write leaves, one of each at most: the next write of that file removes it."""
KEY = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC")
OLD_VERSION, NEW_VERSION = "9.6.1", "9.6.1 HF001"


@dataclass(frozen=True)
class HotfixScene:
    """A machine of its own in `folder`; the services of one that was set up run until `tear_down`."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def apart(self) -> Path:
        return self.folder / "apart"

    @property
    def install(self) -> Path:
        return self.base / "install"

    @property
    def config(self) -> Path:
        return self.apart / "package" / "HF001.config"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        machine = {"MICCE_MACHINE": str(self.apart / "machine.toml"), "USERPROFILE": str(self.base / "profile")}
        return {**kept, **machine, "PYTHONDONTWRITEBYTECODE": "1"}

    def set_up(self) -> None:
        """The old machine with its services running; the hotfix lies ready."""
        for name, data in OLD.items():
            _write(self.install / name, data)
        (self.base / "profile").mkdir()
        for name, data in PACKAGE.items():
            _write(self.apart / "package" / name, data)
        self.config.write_text(CONFIG)
        (self.apart / "run").mkdir()
        for name, text in (("svc", SVC), ("service", SERVICE), ("package/convert.sh", CONVERT)):
            program = self.apart / name
            program.write_text(text.replace("INSTALL", str(self.install)).replace("APART", str(self.apart)))
            program.chmod(0o755)
        commands = (f'{verb} = ["{self.apart / "svc"}", "{verb}", "{{name}}"]' for verb in ("status", "start", "stop"))
        lines = (
            f'state = "{self.base / "state"}"',
            'roles = ["Server", "Broker"]',
            'product_version = "9.6.1.0"',
            f'[identifiers]\nInstallDir = "{self.install}"',
            '[services]\ndriver = "commands"',
            *commands,
            '[registry]\ndriver = "file"\n',
        )
        (self.apart / "machine.toml").write_text("\n".join(lines))
        registry = current().registry(RegistryDriver.FILE, self.base / "state")
        for path in ("SOFTWARE", r"SOFTWARE\Mitel", KEY.path):
            registry.make_key(RegistryKey(KEY.hive, path))
        registry.set_value(KEY, "Version", RegistryValue(ValueType.STRING, OLD_VERSION))
        replicate(self.base, self.folder / "base.fresh")
        self._start_services()

    def start_over(self, *, installed: bool = False) -> None:
        """The old machine again, or the one that was learned."""
        self.tear_down()
        replicate(self.folder / ("base.installed" if installed else "base.fresh"), self.base)
        for name in ("converted", "seen"):
            (self.apart / name).unlink(missing_ok=True)
        if installed:
            (self.apart / "converted").touch()
        self._start_services()

    def tear_down(self) -> None:
        """Stop the services."""
        for name in SERVICES:
            self._svc("stop", name)

    def command(self, name: str, *arguments: str) -> list[str]:
        """The argument vector of a command of the project."""
        return [str(Path(sys.executable).with_name(name)), *arguments]

    def run(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command of the project in a process group of its own; a negative code is the signal that ended it."""
        with self.start(name, *arguments, env=env) as process:
            out, err = process.communicate(timeout=SECONDS)
        assert "Traceback" not in err, err
        return Ended(process.returncode, out, err)

    def start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command of the project."""
        return subprocess.Popen(
            self.command(name, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **(env or {})},
            cwd=self.folder,
            start_new_session=True,
        )

    def apply(self, env: Mapping[str, str] | None = None) -> Ended:
        """Apply the hotfix silently."""
        return self.run(INSTALLER, f"/i:{self.config}", "/s", env=env)

    def state(self, *, removal: bool = False) -> str:
        """`old`, `new`, or what every part is; nothing may be left over. A `removal` leaves the repository as it is."""
        found = {
            "files": self.files(),
            "registry": {OLD_VERSION: "old", NEW_VERSION: "new"}.get(self._version(), "gone"),
            "command": "new" if (self.apart / "converted").exists() else "old",
            "record": "new" if list((self.base / "state" / "hotfixes").glob("HF001/*/record.json")) else "old",
            "published": self._published(),
        }
        if removal:
            del found["published"]
        states = set(found.values())
        if len(states) > 1:
            return f"mixed: {found}"
        state = states.pop()
        left = [name for name in self.left_over(state) if not (removal and name.startswith("install/HotFixes"))]
        if left:
            return f"{state}, but left over: {left}"
        running = {name: self.runs(name) for name in SERVICES}
        return state if running == SERVICES else f"{state}, but services {running}"

    def learn(self) -> None:
        """Take the machine as it is now for what the hotfix makes of it."""
        replicate(self.base, self.folder / "base.installed")

    @property
    def is_kept(self) -> bool:
        """Whether the new machine was learned."""
        return (self.folder / "base.installed").exists()

    def left_over(self, state: str) -> list[str]:
        """What is there and belongs neither to the old machine nor, where `state` is `new`, to the new one."""
        wanted = self._names(self.folder / ("base.installed" if state == "new" and self.is_kept else "base.fresh"))
        left = {name for name in self._names(self.base) - wanted if not NOBODYS.fullmatch(name)}
        for temporary in TEMPORARIES:
            left -= set([name for name in left if temporary.fullmatch(name)][:1])
        return sorted(left)

    def files(self) -> str:
        """The programs alone: `old`, `new` or `mixed`."""
        found = {
            name: data for name, data in tree(self.install).items() if name.startswith("bin/") and "/.micce" not in name
        }
        return "old" if found == OLD else "new" if found == new_files() else "mixed"

    def wrong_now(self) -> str:
        """What must not be at any moment, "" for nothing: a service over mixed files, now or when it was started."""
        running = [name for name in SERVICES if self.runs(name)]
        if running and self.files() == "mixed":
            return f"{running} run over mixed files"
        seen = (self.apart / "seen").read_text().splitlines()
        good = {_digest(OLD), _digest(new_files())}
        return next((line for line in seen if line.split()[1] not in good), "")

    def runs(self, name: str) -> bool:
        """Whether the process of a service lives."""
        return self._svc("status", name) == 0

    @staticmethod
    def _names(folder: Path) -> set[str]:
        return {_PACKAGE.sub("/package", path.relative_to(folder).as_posix()) for path in folder.rglob("*")}

    def _published(self) -> str:
        return "new" if list((self.install / "HotFixes").glob("HF001/*/HF001.config")) else "old"

    def _version(self) -> str:
        value = current().registry(RegistryDriver.FILE, self.base / "state").value(KEY, "Version")
        return "" if value is None else str(value.data)

    def _start_services(self) -> None:
        for name, runs in SERVICES.items():
            if runs:
                assert self._svc("start", name) == 0

    def _svc(self, verb: str, name: str) -> int:
        return subprocess.run([self.apart / "svc", verb, name], stdout=subprocess.DEVNULL, check=False).returncode


def new_files() -> dict[str, bytes]:
    """What the hotfix makes of `OLD`."""
    files = {name: data for name, data in OLD.items() if name != "bin/old-only.dll"}
    files["bin/Router.exe.config"] = OLD["bin/Router.exe.config"].replace(b'"5"', b'"20"')
    return {**files, **{f"bin/{name}": data for name, data in PACKAGE.items()}}


def wait_until(true: object, what: str) -> None:
    """Wait for a condition, a callable without arguments; fails after a while."""
    assert callable(true)
    until = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def _digest(files: Mapping[str, bytes]) -> str:
    """As a service computes it."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
