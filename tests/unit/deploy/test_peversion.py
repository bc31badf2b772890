"""The version of a Windows program: of real ones, of made ones, and of damaged ones."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.peversion import version_in, version_through
from tests.programs import HEADER, Program
from tests.servers.process import program

RESOURCE = """
1 VERSIONINFO
FILEVERSION {file}
PRODUCTVERSION 1,2,3,4
BEGIN
  BLOCK "StringFileInfo" BEGIN BLOCK "040904b0" BEGIN VALUE "FileVersion", "text beside it" END END
  BLOCK "VarFileInfo" BEGIN VALUE "Translation", 0x409, 1200 END
END
"""


@pytest.mark.parametrize("shared", [True, False], ids=["dll", "exe"])
def test_the_version_of_a_program_of_a_real_compiler(tmp_path: Path, shared: bool) -> None:
    compile, resources = program("x86_64-w64-mingw32-gcc"), program("x86_64-w64-mingw32-windres")
    (tmp_path / "v.rc").write_text(RESOURCE.format(file="9,6,1,65535"), "ascii")
    (tmp_path / "p.c").write_text("int main(void) { return 0; }", "ascii")
    built = tmp_path / "built.bin"
    subprocess.run([resources, "v.rc", "v.o"], cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    options = ["-shared"] if shared else []
    subprocess.run([compile, *options, "-o", built, "p.c", "v.o"], cwd=tmp_path, check=True)
    assert version_in(built.read_bytes()) == "9.6.1.65535"
    subprocess.run([compile, *options, "-o", built, "p.c"], cwd=tmp_path, check=True)
    assert version_in(built.read_bytes()) is None


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("version", [(9, 6, 1, 412), (0, 0, 0, 0), (65535, 65535, 65535, 65535)])
def test_all_four_numbers_are_told(version: tuple[int, int, int, int], wide: bool) -> None:
    assert version_in(Program(version, wide).built()) == ".".join(map(str, version))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ",
        b"#!/bin/sh\nexit 0\n" * 20,
        b"\x7fELF" + b"\0" * 500,
        b"MZ" + b"\0" * 1000,
        b"MZ" + b"\xff" * 1000,
        replace(Program(), kind=3).built(),
        replace(Program(), name=2).built(),
        replace(Program(), magic=1).built(),
    ],
    ids=["empty", "two bytes", "script", "elf", "dos", "far away", "other type", "other name", "other magic"],
)
def test_what_carries_none_has_none(data: bytes) -> None:
    assert version_in(data) is None


@pytest.mark.parametrize("wide", [True, False])
def test_a_file_that_is_cut_off_has_none(wide: bool) -> None:
    whole = Program(wide=wide).built()
    last = max(length for length in range(len(whole)) if version_in(whole[:length]) is None)
    assert all(version_in(whole[:length]) is None for length in range(last + 1))
    assert last > len(whole) - 60


def test_little_is_read_whatever_the_file_says() -> None:
    data = bytearray(Program().built())
    data[HEADER + 6 : HEADER + 8] = b"\xff\xff"  # sections
    asked: list[int] = []

    def read(offset: int, count: int) -> bytes:
        asked.append(count)
        return bytes(data[offset : offset + count]).ljust(count, b"\xff")

    version_through(read)
    assert sum(asked) < 6 * 1024 * 1024
