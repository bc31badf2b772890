"""The version of a program on the disk, and what is no program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.host.fileversion import version_of
from tests.programs import Program


def test_a_program_tells_its_version(tmp_path: Path) -> None:
    program = tmp_path / "Router.exe"
    program.write_bytes(Program().built() + b"\0" * 5_000_000)
    assert version_of(program) == "9.6.1.412"


def test_another_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_bytes(b"MZ is how it begins")
    assert version_of(tmp_path / "readme.txt") is None


def test_what_is_no_file_is_an_oserror(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError):
            version_of(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError):
        version_of(tmp_path / "pipe")
