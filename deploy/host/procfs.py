"""Which programs run, as proc(5) tells it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_COMM_LENGTH = 15  # TASK_COMM_LEN less its end
_SEPARATOR = re.compile(r"[\\/]")
_DELETED = " (deleted)"
_SERVICE = re.compile(rb"^(?:0:|\d+:name=systemd):/system\.slice/(?:[^\n]*/)?([^/\n]+)\.service(?:/[^\n]*)?$", re.M)
_ENDED = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc/PID/stat says: `started` in clock ticks since the system started, `ended` for a zombie."""

    comm: str
    ended: bool
    parent: int
    started: int


def pids() -> tuple[int, ...]:
    """The ids of all processes this account can see; none where there is no /proc."""
    try:
        return tuple(sorted(int(name) for name in os.listdir(PROC) if name.isdecimal()))
    except OSError:
        return ()


def stat_of(pid: int) -> Stat | None:
    """None where there is no such process."""
    data = _read(pid, "stat")
    # The name stands in brackets and may hold any character itself.
    start, end = data.find(b"("), data.rfind(b")")
    fields = data[end + 1 :].split()
    if start < 0 or len(fields) < 20:
        return None
    return Stat(
        os.fsdecode(data[start + 1 : end]), fields[0].decode("ascii") in _ENDED, int(fields[1]), int(fields[19])
    )


def names_of(pid: int, comm: str) -> tuple[str, ...]:
    """The file names of the program of a process, the best one first; none for a thread of the kernel.

    A script is called by its own name before that of the program that reads it. `comm` is cut off after
    15 bytes, and a program may have set it to anything, so that it only says which other name is meant.
    """
    arguments = [os.fsdecode(one) for one in _read(pid, "cmdline").split(b"\0")[:3] if one]
    program = _link(pid, "exe")
    if program is None and not arguments:
        return ()
    known = [] if program is None else [_SEPARATOR.split(program.removesuffix(_DELETED))[-1]]
    written = [_SEPARATOR.split(argument)[-1] for argument in arguments]
    meant = [name for name in written if comm and os.fsencode(name)[:_COMM_LENGTH] == os.fsencode(comm)]
    return tuple(dict.fromkeys(name for name in (*meant[:1], *known, *([] if known or meant else [comm])) if name))


def service_of(pid: int) -> str | None:
    """The systemd service of the system that a process belongs to, without `.service`."""
    found = _SERVICE.search(_read(pid, "cgroup"))
    return None if found is None else os.fsdecode(found[1])


def holds(pid: int, wanted: os.stat_result, path: str) -> bool:
    """Whether a process has a file open, runs it, has it loaded or stands in it; False where nobody may look."""
    return any(_is(link, wanted) for link in _links(pid)) or _maps(pid, wanted, path)


def descendants_of(pid: int) -> tuple[int, ...]:
    """The processes that one has started, and those these have started, as far as their parents still run."""
    parents = {one: stat.parent for one in pids() if (stat := stat_of(one)) is not None}
    found = {pid}
    grown = True
    while grown:
        more = {one for one, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return tuple(sorted(found - {pid}))


def _links(pid: int) -> Iterator[str]:
    yield from (f"{PROC}/{pid}/{name}" for name in ("exe", "cwd"))
    try:
        opened = os.listdir(f"{PROC}/{pid}/fd")
    except OSError:
        return
    yield from (f"{PROC}/{pid}/fd/{name}" for name in opened)


def _is(link: str, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(link), wanted)
    except OSError:
        return False


def _maps(pid: int, wanted: os.stat_result, path: str) -> bool:
    """Whether it is mapped; on file systems of several layers the device there is not that of the file."""
    device = b"%02x:%02x" % (os.major(wanted.st_dev), os.minor(wanted.st_dev))
    inode = b"%d" % wanted.st_ino
    name = os.fsencode(path)
    for line in _read(pid, "maps").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[4] == inode and (fields[3] == device or fields[5] == name):
            return True
    return False


def _link(pid: int, name: str) -> str | None:
    try:
        return os.readlink(f"{PROC}/{pid}/{name}")
    except OSError:
        return None


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(PROC, str(pid), name).read_bytes()
    except OSError:
        return b""
