"""The script that runs the command: what a shell makes of it, whatever stands in the address."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.site.install_script import Shell, install_script

ADDRESS = "http://miccserver:8080/MiCCEInstallation/install/acme%20corp"
NASTY = [
    "http://x'; touch hit; '",
    'http://x"; touch hit; "',
    "http://$(touch hit)",
    "http://`touch hit`",
    "http://x\ntouch hit\n",
    "http://x\r\ntouch hit\r\n",
    "http://%PATH%",
    'http://x" & echo hit & "',
    "http://x&echo hit|more>hit",
    "http://!PATH!",
    "http://x^",
    "http://x\x1a",
    "http://b\u00fccher.example",
]
IDS = st.text(st.sampled_from("aZ0._- "), min_size=1, max_size=20)


class Computer:
    """A folder with a micce-deploy that writes down its arguments."""

    def __init__(self, folder: Path, exit_code: int = 0) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True, exist_ok=True)
        self.seen = folder / "seen"
        command = self.bin / "micce-deploy"
        command.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" >"{self.seen}"\nexit {exit_code}\n')
        command.chmod(0o755)

    def run(self, id: str, address: str) -> subprocess.CompletedProcess[bytes]:
        script = self.folder / "script.sh"
        script.write_bytes(install_script(id, address, Shell.POSIX).data)
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.folder)}
        return subprocess.run(
            ["/bin/sh", str(script)], cwd=self.folder, env=environment, capture_output=True, timeout=30, check=False
        )

    @property
    def arguments(self) -> list[str]:
        return os.fsdecode(self.seen.read_bytes()).split("\0")[:-1]


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


@pytest.mark.parametrize("address", [ADDRESS, *NASTY])
def test_sh_passes_the_address_on_as_it_is(computer: Computer, address: str) -> None:
    done = computer.run("acme corp", address)
    assert (done.returncode, done.stderr) == (0, b"")
    assert computer.arguments == ["install", address, "--to", f"{computer.folder}/micce/acme corp"]
    assert not (computer.folder / "hit").exists()


@settings(max_examples=60)
@given(IDS, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_sh_passes_any_text_on_as_it_is(tmp_path_factory: pytest.TempPathFactory, id: str, rest: str) -> None:
    computer = Computer(tmp_path_factory.getbasetemp() / "computer")
    assert computer.run(id, f"http://{rest}").returncode == 0
    assert computer.arguments == ["install", f"http://{rest}", "--to", f"{computer.folder}/micce/{id}"]


def test_sh_ends_as_the_command_ended(tmp_path: Path) -> None:
    assert Computer(tmp_path, exit_code=7).run("acmecorp", ADDRESS).returncode == 7


def test_sh_says_when_there_is_no_such_command(computer: Computer) -> None:
    shutil.rmtree(computer.bin)
    done = computer.run("acmecorp", ADDRESS)
    assert done.returncode == 1
    assert b"micce-deploy is not on this computer yet" in done.stderr


def cmd_line(id: str, address: str) -> str:
    """The line of the batch file that runs the command."""
    data = install_script(id, address, Shell.CMD).data
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    (line,) = [one for one in data.decode().split("\r\n") if one.startswith("micce-deploy install")]
    return line


def cmd_arguments(line: str) -> list[str]:
    """What cmd passes on: quotes group, `%%` is `%`; asserts that nothing else is there for cmd to read."""
    assert line.count('"') == 4
    for part in line.split('"')[::2]:
        assert not set(part) & set("&|<>^()!"), line
    known = line.replace("%LOCALAPPDATA%", "L")
    bare = known.replace("%%", "")
    assert "%" not in bare, line
    return [one.replace("%%", "%") for one in known.split('"')[1::2]]


def test_cmd_passes_the_address_on_as_it_is() -> None:
    assert cmd_arguments(cmd_line("acme corp", ADDRESS)) == [ADDRESS, r"L\MiCCE\acme corp"]


@given(IDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(NASTY))
def test_cmd_finds_nothing_to_read_in_any_text(id: str, rest: str) -> None:
    address, folder = cmd_arguments(cmd_line(id, f"http://{rest}"))
    assert address.startswith("http://")
    assert folder == rf"L\MiCCE\{id}"
    assert not set(address) & set("\r\n\0\x1a")


def test_cmd_reads_letters_of_any_language_as_utf_8() -> None:
    assert b"chcp 65001" in install_script("a", "http://b\u00fccher.example", Shell.CMD).data
    assert b"chcp" not in install_script("a", ADDRESS, Shell.CMD).data


@pytest.mark.parametrize(
    ("id", "shell", "name"),
    [
        ("acmecorp", Shell.CMD, "install-acmecorp.cmd"),
        ("ACME Corp", Shell.POSIX, "install-ACME-Corp.sh"),
        ('x"\r\ny', Shell.CMD, "install-x-y.cmd"),
    ],
)
def test_the_name_of_the_file_is_plain(id: str, shell: Shell, name: str) -> None:
    assert install_script(id, ADDRESS, shell).name == name
