"""Windows programs for tests, made from nothing: just enough of a PE file to carry a version."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = 0x80
SECTION_ADDRESS = 0x2000
SECTION_OFFSET = 0x200
_KEY = "VS_VERSION_INFO\0".encode("utf-16-le")


@dataclass(frozen=True, slots=True)
class Program:
    """What a program says of itself; `wide` is PE32+, `kind` and `name` are those of its resource."""

    version: tuple[int, int, int, int] = (9, 6, 1, 412)
    wide: bool = True
    kind: int = 16
    name: int = 1
    magic: int = 0xFEEF04BD

    def built(self) -> bytes:
        """The bytes of the file."""
        section = self._resources()
        optional = bytearray(240 if self.wide else 224)
        tables = 112 if self.wide else 96
        struct.pack_into("<H", optional, 0, 0x20B if self.wide else 0x10B)
        struct.pack_into("<I", optional, tables - 4, 16)
        struct.pack_into("<II", optional, tables + 16, SECTION_ADDRESS, len(section))
        machine = 0x8664 if self.wide else 0x14C
        start = bytearray(b"MZ".ljust(HEADER, b"\0"))
        struct.pack_into("<I", start, 0x3C, HEADER)
        header = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, 1, 0, 0, 0, len(optional), 0x2022)
        table = struct.pack("<8sIIII16x", b".rsrc", len(section), SECTION_ADDRESS, len(section), SECTION_OFFSET)
        return (bytes(start) + header + bytes(optional) + table).ljust(SECTION_OFFSET, b"\0") + section

    def _resources(self) -> bytes:
        levels = b"".join(
            struct.pack("<12xHHII", 0, 1, number, offset | directory)
            for number, offset, directory in (
                (self.kind, 24, 0x80000000),
                (self.name, 48, 0x80000000),
                (0x409, 72, 0),
            )
        )
        major, minor, build, private = self.version
        fixed = struct.pack("<13I", self.magic, 0x10000, major << 16 | minor, build << 16 | private, *[0] * 9)
        info = struct.pack("<HHH", 40 + len(fixed), len(fixed), 0) + _KEY + b"\0\0" + fixed
        return levels + struct.pack("<IIII", SECTION_ADDRESS + len(levels) + 16, len(info), 0, 0) + info
