"""Local folders and, on Windows, shares by their native path.

A listing does not follow links to folders (they may lead in circles); a link to a file is read as the
file it leads to. Anything that is neither a file nor a folder is refused and never opened.
"""

from __future__ import annotations

import errno
import ntpath
import os
import stat as modes
from types import TracebackType
from typing import Self

from deploy.errors import SourceError, error
from deploy.transport.contract import (
    Body,
    Entry,
    Listing,
    RefusedName,
    Resume,
    TransportSettings,
    Unchanged,
    Validators,
)
from deploy.transport.location import Location, Scheme
from deploy.transport.validity import provably_same, start_of

WINDOWS_PATHS = os.path is ntpath
LINK_TO_FOLDER = "it is a link to a folder, and links to folders are not followed"

# Times come as floats; near today they tell apart 240 ns, NTFS itself 100 ns.
_PRECISION = 1e-6
_OPEN_FLAGS = ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_NOINHERIT")
_MOUNT_POINT = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT (MS-FSCC 2.1.2.1): a junction

# Windows error numbers (winerror.h): what Python makes of them loses the difference.
_WINDOWS_CODES = {
    5: "access-denied",
    32: "busy",
    33: "busy",
    51: "unreachable",
    53: "unreachable",
    54: "unreachable",
    59: "unreachable",
    64: "unreachable",
    65: "access-denied",
    86: "access-denied",
    121: "timed-out",
    1219: "access-denied",
    1231: "unreachable",
    1232: "unreachable",
    1326: "access-denied",
    1331: "access-denied",
    1909: "access-denied",
}
_CODES = {
    errno.ENOENT: "not-found",
    errno.ENOTDIR: "not-found",
    errno.EISDIR: "not-found",
    errno.ELOOP: "not-found",
    errno.ENAMETOOLONG: "not-found",
    errno.EINVAL: "not-found",
    errno.EACCES: "access-denied",
    errno.EPERM: "access-denied",
    errno.EBUSY: "busy",
    errno.ETXTBSY: "busy",
    errno.ETIMEDOUT: "timed-out",
}
_HINTS = {
    "not-found": "check the spelling, and that the folder is there for the account this runs under",
    "access-denied": "let the account this runs under read it",
    "busy": "close the program that holds it open",
    "unreachable": "check that the disk or the share is connected",
    "timed-out": "check the network to the share",
}
_TRANSIENT = ("busy", "unreachable", "timed-out")


def native_path(location: Location, *, windows: bool) -> str:
    """The path of a FILE or UNC location as the system has it.

    On Windows always in the extended form `\\\\?\\C:\\...` or `\\\\?\\UNC\\server\\share\\...`: no length
    limit and names taken literally. Elsewhere wire-true names become the file system's own.
    Raises `SourceError` (not-found, access-denied) for an address this kind of system cannot have.
    """
    if any("\0" in name for name in location.segments):
        raise _wrong("not-found", location, "no name holds a NUL character", "check the spelling")
    if not windows:
        if location.scheme is not Scheme.FILE or location.anchor != "/":
            raise _wrong("not-found", location, "this computer has no drives", "write a path that begins with /")
        return os.fsdecode("/".join(["", *location.segments]).encode("utf-8", "surrogateescape") or b"/")
    if location.scheme is Scheme.UNC:
        return "\\".join([_share(location), *location.segments])
    if location.anchor == "/":
        raise _wrong("not-found", location, "the path names no drive", "write file:///C:/folder/file")
    return "\\\\?\\" + location.anchor + "\\".join(location.segments)


def _share(location: Location) -> str:
    if location.port not in (None, 445):
        raise _wrong(
            "unreachable", location, "Windows reaches shares on port 445 only", "leave the port out of the address"
        )
    if location.credentials is not None:
        raise _wrong(
            "access-denied",
            location,
            "Windows reads shares as the account this runs under, not as a user named in an address",
            "leave user and password out, and store them with cmdkey or net use for that account",
        )
    if not location.segments:
        return f"\\\\?\\UNC\\{location.host}\\{location.anchor}\\"
    return f"\\\\?\\UNC\\{location.host}\\{location.anchor}"


class FilesTransport:
    """Reads the local file system. Blocks as long as the system does: a file has no deadline."""

    def __init__(self, origin: Location, settings: TransportSettings) -> None:
        self._origin = origin.origin
        self._settings = settings

    def list(self, folder: Location) -> Listing:
        path = native_path(folder, windows=WINDOWS_PATHS)
        entries: list[Entry] = []
        refused: list[RefusedName] = []
        try:
            with os.scandir(path) as found:
                for one in found:
                    entry = _entry(one)
                    if isinstance(entry, Entry):
                        entries.append(entry)
                    else:
                        refused.append(entry)
        except OSError as wrong:
            raise _translated(wrong, folder) from wrong
        return Listing(folder, tuple(entries), tuple(refused))

    def stat(self, file: Location) -> Validators:
        try:
            return _validators(self._regular(file))
        except OSError as wrong:
            raise _translated(wrong, file) from wrong

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        try:
            seen = self._regular(file)
            if unless is not None and provably_same(unless, _validators(seen)):
                return Unchanged(_validators(seen))
            descriptor = os.open(native_path(file, windows=WINDOWS_PATHS), _open_flags())
        except OSError as wrong:
            raise _translated(wrong, file) from wrong
        try:
            now = os.fstat(descriptor)
            _check_regular(now, file)
            validators = _validators(now)
            offset = start_of(resume, validators)
            os.lseek(descriptor, offset, os.SEEK_SET)
        except OSError as wrong:
            os.close(descriptor)
            raise _translated(wrong, file) from wrong
        except SourceError:
            os.close(descriptor)
            raise
        return FileBody(file, descriptor, validators, offset)

    def close(self) -> None:
        """Nothing is kept open between calls."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _regular(self, file: Location) -> os.stat_result:
        status = os.stat(native_path(file, windows=WINDOWS_PATHS))
        _check_regular(status, file)
        return status


class FileBody:
    """The bytes of one open file; `readinto` raises `SourceError` (changed) when they changed meanwhile."""

    def __init__(self, file: Location, descriptor: int, validators: Validators, offset: int) -> None:
        self._file = file
        self._reader = os.fdopen(descriptor, "rb", buffering=0)
        self._validators = validators
        self._offset = self._position = offset
        self._ended = False

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def validators(self) -> Validators:
        return self._validators

    def readinto(self, buffer: memoryview) -> int:
        if not len(buffer) or self._ended:
            return 0
        if self._reader.closed:
            raise _wrong("cut-off", self._file, "closed before its end", "read it again")
        size = self._validators.size or 0
        try:
            count = self._reader.readinto(buffer[: size - self._position]) or 0
            if not count:
                self._ended = self._position == size and self._is_unchanged()
                if not self._ended:
                    raise _changed(self._file)
        except OSError as wrong:
            raise _translated(wrong, self._file) from wrong
        self._position += count
        return count

    def _is_unchanged(self) -> bool:
        return _validators(os.fstat(self._reader.fileno())) == self._validators

    def close(self) -> None:
        self._reader.close()


def _entry(found: os.DirEntry[str]) -> Entry | RefusedName:
    try:
        name = os.fsencode(found.name).decode("utf-8", "surrogateescape") if not WINDOWS_PATHS else found.name
        name.encode("utf-8", "surrogateescape")
    except UnicodeError:
        return RefusedName(found.name.encode("utf-8", "replace").decode(), "it is not valid Unicode")
    try:
        own = found.stat(follow_symlinks=False)
        link = found.is_symlink() or getattr(own, "st_reparse_tag", 0) == _MOUNT_POINT
        status = os.stat(found.path) if link else own
    except OSError as wrong:
        return RefusedName(name, f"it cannot be looked at: {wrong.strerror}")
    if modes.S_ISDIR(status.st_mode):
        return RefusedName(name, LINK_TO_FOLDER) if link else Entry(name, folder=True)
    if modes.S_ISREG(status.st_mode):
        return Entry(name, folder=False, validators=_validators(status))
    return RefusedName(name, "it is neither a file nor a folder")


def _open_flags() -> int:
    flags = os.O_RDONLY
    for name in _OPEN_FLAGS:
        flags |= getattr(os, name, 0)
    return flags


def _validators(status: os.stat_result) -> Validators:
    return Validators(size=status.st_size, modified=status.st_mtime_ns / 1e9, precision=_PRECISION)


def _check_regular(status: os.stat_result, file: Location) -> None:
    if modes.S_ISDIR(status.st_mode):
        raise _wrong("not-found", file, "it is a folder, not a file", "add *.* to take the files in it")
    if not modes.S_ISREG(status.st_mode):
        raise _wrong("not-found", file, "it is a device or a pipe, not a file", "name a file")


def _changed(file: Location) -> SourceError:
    return SourceError(
        error("changed", f"{file} changed while it was read", "try again when it is no longer written to"),
        transient=True,
    )


def _translated(wrong: OSError, location: Location) -> SourceError:
    code = _WINDOWS_CODES.get(getattr(wrong, "winerror", 0), _CODES.get(wrong.errno or 0, "unreachable"))
    return SourceError(
        error(code, f"{location}: {wrong.strerror or type(wrong).__name__}", _HINTS[code]),
        transient=code in _TRANSIENT,
    )


def _wrong(code: str, location: Location, said: str, hint: str) -> SourceError:
    return SourceError(error(code, f"{location}: {said}", hint), transient=code in _TRANSIENT)
