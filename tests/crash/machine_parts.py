"""What the machine of the crash tests holds before and after its change: files, registry, services, commands.

Each part has its hard cases: read-only and empty files, files of several writes, new folders,
a key with keys below it, a service that was stopped before, one with dependents of both kinds.
"""

from __future__ import annotations

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, RegistryStep, Restart, ServiceChange, SetValue
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.services import StartType

SEVERAL_WRITES = (1 << 20) + 4321
ROOTS = ("install", "share", "state/hotfixes")
RECORDS = 2
"""The root that programs do not read: what is installed, told to people and to the next hotfix."""

OLD_FILES: tuple[dict[str, bytes], ...] = (
    {
        "bin/Router.exe": b"old router" * 300,
        "bin/Agent.dll": b"A" * SEVERAL_WRITES,
        "bin/readonly.dll": b"old, and nobody may write it",
        "bin/empty.ini": b"",
        "bin/settings.xml": b"<old/>",
        "bin/old-only.dll": b"goes away",
        "bin/readonly-old.dll": b"goes away, and nobody may write it",
        "stays.txt": b"nobody touches it",
    },
    {"Common.dll": b"old common", "types.tlb": b"goes away too", "lib/same.dll": b"another that stays"},
    {"catalogue.json": b'{"installed": []}', "HF000/record.json": b'{"id": "HF000"}'},
)
NEW_FILES: tuple[dict[str, bytes], ...] = (
    {
        "bin/Router.exe": b"new router" * 300,
        "bin/Agent.dll": b"new",
        "bin/readonly.dll": b"new, and anybody may write it",
        "bin/empty.ini": b"not empty any more",
        "bin/settings.xml": b"",
        "bin/New.exe": b"\0new" * 5_000,
        "made/deep/er.txt": b"in folders that were not there",
        "made/empty-one.txt": b"",
        "stays.txt": b"nobody touches it",
    },
    {"Common.dll": b"C" * SEVERAL_WRITES, "fonts/new.ttf": b"new font", "lib/same.dll": b"another that stays"},
    {
        "catalogue.json": b'{"installed": ["HF001"]}',
        "HF000/record.json": b'{"id": "HF000"}',
        "HF001/record.json": b'{"id": "HF001", "revision": 1}',
    },
)
READ_ONLY = frozenset({"bin/readonly.dll", "bin/readonly-old.dll"})
EMPTY_FOLDER = "hollow"
"""A folder that is made in the first root, with nothing in it."""

_SEC = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC")
_MADE = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC\Made\Deep")
_HOLLOW = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Hollow")
_GOES = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes")
_BELOW = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes\Below")
REGISTRY_TOP = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel")

Values = dict[tuple[str, str], RegistryValue]
"""By path of the key and name; "<key>" stands for the key itself."""

_VERSION, _FLAG = RegistryValue(ValueType.STRING, "9.6.1"), RegistryValue(ValueType.DWORD, 7)
_NEW_VERSION = RegistryValue(ValueType.STRING, "9.6.1 HF001")
_LIST = RegistryValue(ValueType.MULTI, ("one", "two"))
_BYTES = RegistryValue(ValueType.BINARY, b"\0\xff")

OLD_REGISTRY: tuple[tuple[RegistryKey, str, RegistryValue], ...] = (
    (_SEC, "Version", _VERSION),
    (_SEC, "Flag", _FLAG),
    (_GOES, "", _VERSION),
    (_GOES, "List", _LIST),
    (_BELOW, "Bytes", _BYTES),
)
NEW_REGISTRY: tuple[tuple[RegistryKey, str, RegistryValue], ...] = (
    (_SEC, "Version", _NEW_VERSION),
    (_MADE, "List", _LIST),
)
NEW_KEYS = (_HOLLOW,)
REGISTRY_STEPS: tuple[RegistryStep, ...] = (
    SetValue(_SEC, "Version", _NEW_VERSION),
    SetValue(_MADE, "List", _LIST),
    DeleteValue(_SEC, "Flag"),
    MakeKey(_HOLLOW),
    DeleteKey(_GOES),
)

SERVICES: tuple[tuple[str, StartType, tuple[str, ...], bool, bool], ...] = (
    # name, start type, what it needs, whether it runs before and after
    ("Router", StartType.AUTOMATIC, (), True, True),
    ("Agent", StartType.DELAYED, ("Router",), True, True),
    ("Report", StartType.MANUAL, ("Router",), False, False),
    ("Web", StartType.AUTOMATIC, (), False, False),
    ("Index", StartType.MANUAL, (), False, True),
    ("Legacy", StartType.AUTOMATIC, (), True, False),
    ("Watch", StartType.MANUAL, (), False, True),
    ("Other", StartType.AUTOMATIC, (), True, True),
)
STOPPED_MEANWHILE = frozenset({"Router", "Agent", "Report", "Web", "Index", "Legacy"})
SERVICE_CHANGES = (
    ServiceChange("Router"),
    ServiceChange("Web"),
    ServiceChange("Index", restart=Restart.ALWAYS),
    ServiceChange("Legacy", restart=Restart.NEVER),
    ServiceChange("Watch", stop=False, restart=Restart.ALWAYS),
)

TOOL = """#!/bin/sh
# tool.sh do|undo NAME: a program with an effect. Files in its folder of effects, each for one time, tell it otherwise:
#   die-NAME, die-undo-NAME    it dies half way and takes its parent with it
#   fail-NAME, fail-undo-NAME  it ends with 7
#   wait-NAME                  a fifo: half way it kills its parent, and waits until somebody writes there
set -e
effects=${0%/*}/effects
echo "$1 $2" >>"$effects/log"
told=$2
[ "$1" = do ] || told=$1-$2
once() {
    [ -e "$effects/$1-$told" ] && rm "$effects/$1-$told"  # the caller asks, so that -e does not end it
}
if [ "$1" = do ]; then printf half >"$effects/$2"; fi
if once die; then kill -9 $PPID $$; fi
if [ -p "$effects/wait-$told" ]; then
    exec 3<>"$effects/wait-$told"
    kill -9 $PPID
    read -r _ <&3
fi
if [ "$1" = undo ] && once fail; then exit 7; fi
if [ "$1" = do ]; then printf done >"$effects/$2"; else rm -f "$effects/$2"; fi
if once fail; then exit 7; fi
"""
