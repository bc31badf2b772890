"""CreateProcess: exit codes, the command line as written, hidden windows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.config.model import Execute
from deploy.errors import ExecuteError
from deploy.execute import program_of, run
from deploy.host.current import current

pytestmark = pytest.mark.windows

# Writes down how Windows itself says it was started.
PROBE = """
import ctypes, ctypes.wintypes as w, json, sys
class STARTUPINFO(ctypes.Structure):
    _fields_ = [("cb", w.DWORD), ("r", w.LPWSTR), ("desktop", w.LPWSTR), ("title", w.LPWSTR), ("x", w.DWORD),
        ("y", w.DWORD), ("xs", w.DWORD), ("ys", w.DWORD), ("xc", w.DWORD), ("yc", w.DWORD), ("fill", w.DWORD),
        ("flags", w.DWORD), ("show", w.WORD), ("cb2", w.WORD), ("r2", w.LPVOID), ("i", w.HANDLE), ("o", w.HANDLE),
        ("e", w.HANDLE)]
kernel = ctypes.WinDLL("kernel32")
kernel.GetCommandLineW.restype = w.LPWSTR
info = STARTUPINFO()
kernel.GetStartupInfoW(ctypes.byref(info))
note = {"line": kernel.GetCommandLineW(), "flags": info.flags, "show": info.show}
open(sys.argv[1], "w", encoding="utf-8").write(json.dumps(note))
"""
USE_SHOW_WINDOW = 1
SW_HIDE = 0


def _python(folder: Path, code: str) -> str:
    script = folder / "probe.py"
    script.write_text(code, encoding="utf-8")
    return f'"{script}"'


def _probe(folder: Path, rest: str, *, hidden: bool) -> Any:
    note = folder / "note.json"
    args = f'{_python(folder, PROBE)} "{note}"{rest}'
    assert current().start(Path(sys.executable), args, folder=folder, hidden=hidden) == 0
    return json.loads(note.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("ends_with", "code"),
    [(0, 0), (5, 5), (1641, 1641), (3010, 3010), (1603, 1603), (-1, 0xFFFFFFFF), (-1073741819, 0xC0000005)],
)
def test_exit_codes_are_whole_and_unsigned(tmp_path: Path, ends_with: int, code: int) -> None:
    args = _python(tmp_path, f"import os; os._exit({ends_with})")
    assert current().start(Path(sys.executable), args, folder=tmp_path, hidden=False) == code


@pytest.mark.parametrize("rest", ["", "  /Q   /F", ' "a b"c\\\\" \'x\' ^& %PATH% ä日 "open'])
def test_args_reach_the_program_as_written(tmp_path: Path, rest: str) -> None:
    line = _probe(tmp_path, rest, hidden=False)["line"]
    assert line == f'"{sys.executable}" "{tmp_path / "probe.py"}" "{tmp_path / "note.json"}"{rest}'


def test_hidden_is_said_to_the_program(tmp_path: Path) -> None:
    seen = _probe(tmp_path, "", hidden=True)
    assert seen["flags"] & USE_SHOW_WINDOW
    assert seen["show"] == SW_HIDE
    assert not _probe(tmp_path, "", hidden=False)["flags"] & USE_SHOW_WINDOW


@pytest.mark.parametrize("code", [0, 1641, 3010])
def test_restart_needed_is_success(tmp_path: Path, code: int) -> None:
    args = _python(tmp_path, f"import os; os._exit({code})")
    program = program_of(Execute(sys.executable, args), tmp_path, ())
    executed = run(program, current())
    assert executed.exit_code == code
    assert executed.restart_needed is (code != 0)


def test_another_exit_code_is_an_error_that_names_it(tmp_path: Path) -> None:
    program = program_of(Execute(sys.executable, _python(tmp_path, "import os; os._exit(1603)")), tmp_path, ())
    with pytest.raises(ExecuteError, match="1603") as caught:
        run(program, current())
    assert caught.value.code == "command-failed"


def test_a_file_that_is_no_program_is_not_started(tmp_path: Path) -> None:
    file = tmp_path / "Setup.exe"
    file.write_bytes(b"not a program")
    program = program_of(Execute(str(file)), tmp_path, ())
    with pytest.raises(ExecuteError) as caught:
        run(program, current())
    assert caught.value.code == "command-not-started"


def test_a_command_file_runs_too(tmp_path: Path) -> None:
    file = tmp_path / "a setup.cmd"
    file.write_text("@echo %1 %2> ran.txt\r\n@exit /b 7\r\n", encoding="ascii")
    assert current().start(file, '/Q "b c"', folder=tmp_path, hidden=False) == 7
    assert (tmp_path / "ran.txt").read_text(encoding="ascii").split() == ["/Q", '"b', 'c"']
