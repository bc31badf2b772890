from __future__ import annotations

from pathlib import Path

import pytest

from deploy.config.model import Execute
from deploy.errors import ConfigError, ExecuteError
from deploy.execute import Program, program_of, run
from deploy.host.current import current
from deploy.host.fake import FakeHost
from deploy.relpath import RelPath

OUTPUTS = [RelPath.parse("Solidus/ClientSetup.exe"), RelPath.parse("Solidus/a.dll")]


@pytest.mark.parametrize(
    "command", ["Solidus\\ClientSetup.exe", "solidus/CLIENTSETUP.EXE", '"Solidus\\ClientSetup.exe"']
)
def test_a_relative_command_is_found_among_the_files_in_any_case(tmp_path: Path, command: str) -> None:
    program = program_of(Execute(command, "/Q", hidden=True), tmp_path, OUTPUTS)
    assert program == Program(tmp_path / "Solidus" / "ClientSetup.exe", "/Q", hidden=True, placed=True)


def test_a_command_that_lies_in_the_base_already_is_found(tmp_path: Path) -> None:
    (tmp_path / "tool").touch()
    assert program_of(Execute("tool"), tmp_path, OUTPUTS) == Program(tmp_path / "tool", "", hidden=False, placed=False)


def test_an_absolute_command_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tool").touch()
    command = str(tmp_path / "tool").replace("/", "\\")
    assert program_of(Execute(command), tmp_path / "base", OUTPUTS).path == tmp_path / "tool"


@pytest.mark.parametrize("command", ["Solidus\\none.exe", "C:\\none.exe", "/none/at/all", "\\\\server\\share\\x.exe"])
def test_a_command_that_is_nowhere_is_an_error_with_its_line(tmp_path: Path, command: str) -> None:
    with pytest.raises(ConfigError) as refused:
        program_of(Execute(command, line=3), tmp_path, OUTPUTS)
    assert (refused.value.code, refused.value.problems[0].line) == ("command-missing", 3)


@pytest.mark.parametrize("command", ["..\\x.exe", "a\\..\\..\\x.exe", "x.exe:stream", "CON"])
def test_a_command_that_leaves_the_base_is_refused(tmp_path: Path, command: str) -> None:
    with pytest.raises(ConfigError) as refused:
        program_of(Execute(command), tmp_path, OUTPUTS)
    assert refused.value.code == "unsafe-path"


def script(folder: Path, text: str) -> Program:
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    return Program(path, '/a "b c" d\\"e', hidden=False, placed=True)


@pytest.mark.parametrize(("code", "restart"), [(0, False), (3010, True), (1641, True)])
def test_the_success_codes_of_windows_installers(tmp_path: Path, code: int, restart: bool) -> None:
    host = FakeHost(state=tmp_path, ending=lambda started: code)
    executed = run(script(tmp_path, ""), host)
    assert (executed.exit_code, executed.restart_needed) == (code, restart)
    assert host.executable == [tmp_path / "tool"]


def test_it_runs_in_its_own_folder_with_its_arguments(tmp_path: Path) -> None:
    executed = run(script(tmp_path, 'printf "%s|" "$@" > args; pwd >> args; exit 0'), current())
    assert (executed.exit_code, executed.restart_needed) == (0, False)
    assert (tmp_path / "args").read_text() == f'/a|b c|d"e|{tmp_path}\n'


@pytest.mark.parametrize("code", [1, 3, 255])
def test_any_other_exit_code_is_a_failure_that_names_it(tmp_path: Path, code: int) -> None:
    with pytest.raises(ExecuteError) as failed:
        run(script(tmp_path, f"exit {code}"), current())
    assert failed.value.code == "command-failed"
    assert f"exit code {code}" in failed.value.problems[0].message


def test_what_is_no_program_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(b"\x00\x01not a program")
    with pytest.raises(ExecuteError) as failed:
        run(Program(path, "", hidden=False, placed=True), current())
    assert failed.value.code == "command-not-started"
