"""The version a Windows program carries, read from the bytes of its file (Microsoft: "PE Format", "VS_FIXEDFILEINFO").

Pure; a file is read through a function, and of it only the headers and the way to its version resource.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""Bytes of a file: from an offset, so many, or fewer where the file ends there."""

_DOS_MAGIC = b"MZ"
_PE_OFFSET = 0x3C
_PE_MAGIC = b"PE\0\0"
_FILE_HEADER = struct.Struct("<4sHHIIIHH")
_RESOURCES = {0x10B: 112, 0x20B: 128}  # PE32 and PE32+: where the optional header names the resource table
_RESOURCE_TABLE = 2  # its number in the list of tables, whose length stands before the list
_SECTION = struct.Struct("<8xIIII16x")
_DIRECTORY = struct.Struct("<12xHH")
_ENTRY = struct.Struct("<II")
_IS_DIRECTORY = 0x80000000
_RT_VERSION = 16
_VS_VERSION_INFO = 1
_INFO = struct.Struct("<HHH32s2xIIII")
_INFO_KEY = "VS_VERSION_INFO\0".encode("utf-16-le")
_FIXED_MAGIC = 0xFEEF04BD


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the file and the address at which the system puts it."""

    address: int
    size: int
    offset: int


class _NoVersionError(ValueError):
    """The file has no version, or is no program, or its tables lead nowhere."""


def version_in(data: bytes) -> str | None:
    """The file version of a program that is in memory, as `version_through`."""
    return version_through(lambda offset, count: data[offset : offset + count])


def version_through(read: Read) -> str | None:
    """The file version, as "9.6.1.412"; None for what is no program, carries none, or is damaged.

    The number is that of VS_FIXEDFILEINFO, which Windows and installers compare, not the text shown
    beside it. Reads less than 6 MiB, whatever the file says. Raises what `read` raises.
    """
    try:
        return _version(read)
    except _NoVersionError:
        return None


def _version(read: Read) -> str:
    resources, sections = _tables(read)
    root = _place(resources, sections)
    by_name = _entry(read, root, root, _RT_VERSION)
    by_language = _entry(read, root, by_name, _VS_VERSION_INFO)
    address, size = _ENTRY.unpack(_exactly(read, _entry(read, root, by_language, None), _ENTRY.size))
    if size < _INFO.size:
        raise _NoVersionError
    info = _exactly(read, _place(address, sections), _INFO.size)
    _, _, _, key, magic, _, high, low = _INFO.unpack(info)
    if key != _INFO_KEY or magic != _FIXED_MAGIC:
        raise _NoVersionError
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"


def _tables(read: Read) -> tuple[int, tuple[_Section, ...]]:
    """The address of the resources, and where each section of the file belongs."""
    start = _exactly(read, 0, _PE_OFFSET + 4)
    if not start.startswith(_DOS_MAGIC):
        raise _NoVersionError
    header = int.from_bytes(start[_PE_OFFSET:], "little")
    magic, _, count, _, _, _, length, _ = _FILE_HEADER.unpack(_exactly(read, header, _FILE_HEADER.size))
    if magic != _PE_MAGIC:
        raise _NoVersionError
    options = header + _FILE_HEADER.size
    table = _RESOURCES.get(int.from_bytes(_exactly(read, options, 2), "little"))
    if table is None or length < table + 8:
        raise _NoVersionError
    tables = int.from_bytes(_exactly(read, options + table - 8 * _RESOURCE_TABLE - 4, 4), "little")
    resources = int.from_bytes(_exactly(read, options + table, 4), "little")
    if tables <= _RESOURCE_TABLE or not resources:
        raise _NoVersionError
    listed = _exactly(read, options + length, count * _SECTION.size)
    sections = (_Section(address, size, offset) for _, address, size, offset in _SECTION.iter_unpack(listed))
    return resources, tuple(sections)


def _entry(read: Read, root: int, place: int, wanted: int | None) -> int:
    """The offset in the file of what a directory has under the number `wanted`, or of its first entry.

    Offsets in the table count from its root. The three levels are those of type, name and language.
    """
    inner = wanted is not None
    named, numbered = _DIRECTORY.unpack(_exactly(read, place, _DIRECTORY.size))
    entries = _exactly(read, place + _DIRECTORY.size, (named + numbered) * _ENTRY.size)
    number: int
    offset: int
    for number, offset in _ENTRY.iter_unpack(entries):
        if wanted in (None, number):
            if bool(offset & _IS_DIRECTORY) is not inner:
                raise _NoVersionError
            return root + (offset & ~_IS_DIRECTORY)
    raise _NoVersionError


def _place(address: int, sections: tuple[_Section, ...]) -> int:
    for section in sections:
        if section.address <= address < section.address + section.size:
            return section.offset + address - section.address
    raise _NoVersionError


def _exactly(read: Read, offset: int, count: int) -> bytes:
    data = read(offset, count)
    if len(data) != count:
        raise _NoVersionError
    return data
