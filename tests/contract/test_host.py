"""One suite for every Host: the fake, and this computer (POSIX, or Windows under make test-windows)."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.config.command import quote_arguments, split_arguments
from deploy.config.identifiers import NAMES, Identifiers
from deploy.host.contract import Found, Host
from deploy.host.current import current
from deploy.host.fake import FakeHost, Started
from tests.programs import Program

pytestmark = [pytest.mark.windows] if os.name == "nt" else []

# Notes how it was started in the file named first, then ends with the code named second.
PROGRAM = """
import json, os, sys
note = {"args": sys.argv[3:], "folder": os.getcwd(), "input": sys.stdin.read() if sys.stdin else ""}
open(sys.argv[1], "w", encoding="utf-8").write(json.dumps(note))
sys.exit(int(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """A host, a program it can start, and what the program noted."""

    host: Host
    program: Path
    script: Path
    note: Path

    def args(self, code: int, rest: str = "") -> str:
        """`args` that make the program end with `code`, then `rest` as written."""
        return f"{quote_arguments([str(self.script), str(self.note), str(code)])} {rest}"

    def noted(self) -> Any:
        return json.loads(self.note.read_text(encoding="utf-8"))


# Notes its own process and that of its child, and then neither ends.
SLOW = """
import json, os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], stdin=subprocess.DEVNULL)
with open(sys.argv[1] + ".new", "w", encoding="utf-8") as note:
    json.dump([os.getpid(), child.pid], note)
os.replace(sys.argv[1] + ".new", sys.argv[1])
time.sleep(1000)
"""
SECONDS = 5.0


def _until_ended(pid: int) -> None:
    ends = time.monotonic() + 60
    while _runs(pid):
        assert time.monotonic() < ends
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    if os.name == "nt":
        from deploy.host.snapshot import process_names

        return pid in process_names()
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text("utf-8", "replace").rpartition(")")[2].split()[0] not in "ZX"


def _simulated(started: Started) -> int:
    """What PROGRAM and SLOW do, for the fake."""
    if started.timeout == SECONDS:
        Path(split_arguments(started.args)[1]).write_text("[]", encoding="utf-8")
        raise TimeoutError(f"{started.program} did not end within {started.timeout:g} seconds")
    _, note, code, *rest = split_arguments(started.args)
    Path(note).write_text(json.dumps({"args": rest, "folder": str(started.folder), "input": ""}), encoding="utf-8")
    return int(code)


def _fake(folder: Path) -> Host:
    return FakeHost(state=folder / "state", known={"WebServer": Found("web", "test")}, ending=_simulated)


def _this_computer(_: Path) -> Host:
    return current()


@pytest.fixture(params=[_fake, _this_computer], ids=["fake", "this-computer"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    make: Callable[[Path], Host] = request.param
    script = tmp_path / "a program.py"
    script.write_text(PROGRAM, encoding="utf-8")
    return Bench(make(tmp_path), Path(sys.executable), script, tmp_path / "note.json")


@pytest.mark.parametrize("code", [0, 1, 5, 255])
def test_the_exit_code_comes_back(bench: Bench, tmp_path: Path, code: int) -> None:
    assert bench.host.start(bench.program, bench.args(code), folder=tmp_path, hidden=False) == code


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        ("", []),
        ("/Q /F /C:ClientSetup.ini", ["/Q", "/F", "/C:ClientSetup.ini"]),
        ('"two words"  x', ["two words", "x"]),
        (r'C:\a\ "C:\a b\\" \"q\"', ["C:\\a\\", "C:\\a b\\", '"q"']),
        ("$HOME %PATH% `id` ; & | > x * ?", ["$HOME", "%PATH%", "`id`", ";", "&", "|", ">", "x", "*", "?"]),
        ("välkommen 日本", ["välkommen", "日本"]),
        ('""', [""]),
    ],
)
def test_args_arrive_by_the_windows_rules_without_a_shell(
    bench: Bench, tmp_path: Path, written: str, arrives: list[str]
) -> None:
    assert bench.host.start(bench.program, bench.args(0, written), folder=tmp_path, hidden=False) == 0
    assert bench.noted()["args"] == arrives


def test_a_program_starts_in_the_folder_given_and_reads_nothing(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    bench.host.start(bench.program, bench.args(0), folder=folder, hidden=False)
    assert os.path.samefile(bench.noted()["folder"], folder)
    assert bench.noted()["input"] == ""


def test_a_hidden_program_runs_just_the_same(bench: Bench, tmp_path: Path) -> None:
    assert bench.host.start(bench.program, bench.args(5, "/Q"), folder=tmp_path, hidden=True) == 5
    assert bench.noted()["args"] == ["/Q"]


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(bench: Bench, tmp_path: Path) -> None:
    bench.script.write_text(SLOW, encoding="utf-8")
    with pytest.raises(TimeoutError):
        bench.host.start(bench.program, bench.args(0), folder=tmp_path, hidden=True, timeout=SECONDS)
    for pid in bench.noted():
        _until_ended(pid)


def test_a_time_limit_that_is_kept_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    args = bench.args(7, '"two words"')
    assert bench.host.start(bench.program, args, folder=tmp_path, hidden=False, timeout=600) == 7
    assert bench.noted()["args"] == ["two words"]
    assert bench.noted()["input"] == ""


def test_what_cannot_be_started_is_an_oserror(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bench.host.start(tmp_path / "missing.exe", "", folder=tmp_path, hidden=False)
    with pytest.raises(OSError):
        bench.host.start(tmp_path, "", folder=tmp_path, hidden=False)
    with pytest.raises(OSError):
        bench.host.start(bench.program, bench.args(0), folder=tmp_path / "missing", hidden=False)
    assert not bench.note.exists()


def test_only_a_file_that_exists_is_made_executable(bench: Bench, tmp_path: Path) -> None:
    bench.host.make_executable(bench.script)
    with pytest.raises(FileNotFoundError):
        bench.host.make_executable(tmp_path / "missing")


def test_identifiers_have_the_manuals_names_and_usable_values(bench: Bench) -> None:
    found = bench.host.identifiers()
    assert set(found) <= set(NAMES)
    assert found
    for name, value in found.items():
        assert value.origin
        assert Identifiers().with_values({name: value.text}, value.origin).get(name) is not None


def test_the_state_folder_is_an_absolute_path(bench: Bench) -> None:
    assert bench.host.state_folder().is_absolute()


def test_a_folder_of_any_length_is_the_same_folder(bench: Bench, tmp_path: Path) -> None:
    roomy = bench.host.any_length(tmp_path)
    (roomy / "made").mkdir()
    assert (tmp_path / "made").is_dir()
    assert bench.host.any_length(roomy) == roomy


def test_a_named_machine_file_is_the_only_candidate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICCE_MACHINE", str(tmp_path / "m.toml"))
    (only,) = current().machine_files()
    assert only.path == tmp_path / "m.toml"
    assert only.required
    monkeypatch.setenv("MICCE_MACHINE", "")
    others = current().machine_files()
    assert others
    assert all(not one.required and one.path.is_absolute() and one.path.name == "machine.toml" for one in others)


def test_a_named_server_file_is_the_only_candidate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICCE_MACHINE", str(tmp_path / "m.toml"))
    monkeypatch.setenv("MICCE_SERVER", str(tmp_path / "s.toml"))
    (only,) = current().server_files()
    assert (only.path, only.required) == (tmp_path / "s.toml", True)
    monkeypatch.setenv("MICCE_SERVER", "")
    monkeypatch.setenv("MICCE_MACHINE", "")
    folders = [one.path.parent for one in current().machine_files()]
    others = current().server_files()
    assert [one.path for one in others] == [folder / "server.toml" for folder in folders]
    assert not any(one.required for one in others)


def test_output_goes_to_standard_error_so_that_results_stay_readable(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "talks.py"
    script.write_text("import sys; print('to out', flush=True); print('to err', file=sys.stderr)", encoding="utf-8")
    assert current().start(Path(sys.executable), quote_arguments([str(script)]), folder=tmp_path, hidden=False) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.split() == ["to", "out", "to", "err"]


def test_it_says_what_it_is_and_who_works_on_it(bench: Bench) -> None:
    system = bench.host.system()
    assert system.name
    assert system.name == system.name.lower()
    assert re.fullmatch(r"\d+(\.\d+)*", system.version)
    assert system.architecture
    assert bench.host.account()
    assert isinstance(bench.host.is_elevated(), bool)


def test_the_folder_of_logs_is_an_absolute_path(bench: Bench) -> None:
    assert bench.host.log_folder().is_absolute()
    assert bench.host.log_folder().parts[-2:] == ("AppData", "Local")


def test_the_version_of_a_program_is_read_from_its_bytes(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "Router.exe").write_bytes(Program((9, 6, 1, 413)).built())
    (tmp_path / "readme.txt").write_bytes(b"9.6.1.413")
    assert bench.host.file_version(tmp_path / "Router.exe") == "9.6.1.413"
    assert bench.host.file_version(tmp_path / "readme.txt") is None
    with pytest.raises(FileNotFoundError):
        bench.host.file_version(tmp_path / "missing.exe")


def test_what_is_not_there_is_not_renamed_at_the_next_start(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        bench.host.replace_at_restart(tmp_path / "missing", tmp_path / "target")
    bench.host.forget_at_restart(tmp_path / "missing")


def test_opening_unc_paths_is_what_windows_does() -> None:
    assert current().opens_unc_paths() is (os.name == "nt")
