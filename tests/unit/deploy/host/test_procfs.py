"""Programs as /proc tells them: what they are called, what they hold, whose children they are."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.host import procfs
from deploy.host.posixprocesses import PosixProcesses

WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"


@contextmanager
def _running(command: Sequence[str | Path], folder: Path | None = None, program: str | None = None) -> Iterator[int]:
    """A program that has said that it is ready, and runs until the block ends."""
    with subprocess.Popen(
        command, executable=program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def _names(pid: int) -> tuple[str, ...]:
    stat = procfs.stat_of(pid)
    assert stat is not None
    return procfs.names_of(pid, stat.comm)


@pytest.fixture
def name() -> str:
    return f"a long name {uuid.uuid4().hex}"


def test_a_program_is_called_as_its_file(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    shutil.copyfile("/bin/sh", program)
    program.chmod(0o755)
    with _running([program, "-c", "echo; read x"]) as pid:
        assert _names(pid) == (name,)
        program.unlink()
        assert _names(pid) == (name,)


def test_a_script_is_called_as_its_file_and_as_what_reads_it(tmp_path: Path, name: str) -> None:
    script = tmp_path / name
    script.write_text(f"#!{sys.executable}\n{WAITS}\n", "utf-8")
    script.chmod(0o755)
    with _running([script, "argument"]) as pid:
        assert _names(pid) == (name, Path(sys.executable).resolve().name)


def test_an_argument_is_no_name(tmp_path: Path, name: str) -> None:
    with _running([sys.executable, "-c", WAITS, name]) as pid:
        assert set(_names(pid)) == {Path(sys.executable).name, Path(sys.executable).resolve().name}
        assert PosixProcesses().named(name) == ()


def test_a_windows_program_under_wine_is_called_as_its_file(tmp_path: Path) -> None:
    """There the program is the loader, and the first argument a Windows path."""
    name = f"A{uuid.uuid4().hex[:10]}.exe"
    text = f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode()!r}, 0, 0, 0); {WAITS}"
    command = [f"C:\\Program Files\\{name}", "-c", text]
    with _running(command, program=sys.executable) as pid:
        assert _names(pid)[0] == name
        assert {one.pid for one in PosixProcesses().named(name.removesuffix(".exe").upper())} == {pid}


def test_threads_of_the_kernel_have_no_program() -> None:
    if Path("/proc/2/cmdline").exists() and not Path("/proc/2/cmdline").read_bytes():
        stat = procfs.stat_of(2)
        assert stat is not None
        assert procfs.names_of(2, stat.comm) == ()


def test_a_zombie_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        stat = procfs.stat_of(process.pid)
        assert stat is not None
        assert stat.ended
        assert process.pid not in {one.pid for one in PosixProcesses().named(Path(sys.executable).resolve().name)}


def test_this_process_is_known_but_never_named() -> None:
    stat = procfs.stat_of(os.getpid())
    assert stat is not None
    assert stat.parent == os.getppid()
    assert os.getpid() in procfs.pids()
    for name in _names(os.getpid()):
        assert os.getpid() not in {one.pid for one in PosixProcesses().named(name)}


def test_no_process_is_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert procfs.stat_of(process.pid) is None
    assert procfs.names_of(process.pid, "x") == ()
    assert procfs.service_of(process.pid) is None


@pytest.mark.parametrize("how", ["open", "mapped", "run", "stands in"])
def test_who_holds_a_file(tmp_path: Path, how: str) -> None:
    file = tmp_path / "held file"
    shutil.copyfile("/bin/sh", file)
    file.chmod(0o755)
    text = {
        "open": f"held = open({str(file)!r}); {WAITS}",
        "mapped": f"import mmap; f = open({str(file)!r}); m = mmap.mmap(f.fileno(), 0, prot=1); f.close(); {WAITS}",
    }
    commands: dict[str, Sequence[str | Path]] = {
        "run": [file, "-c", "echo; read x"],
        "stands in": [sys.executable, "-c", WAITS],
    }
    command = commands.get(how) or [sys.executable, "-c", text[how]]
    wanted = tmp_path if how == "stands in" else file
    with _running(command, tmp_path if how == "stands in" else Path("/")) as pid:
        assert {one.pid for one in PosixProcesses().holders(wanted)} == {pid}
    assert PosixProcesses().holders(wanted) == ()


def test_a_file_under_another_name_is_the_same_file(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"x")
    other.hardlink_to(file)
    (tmp_path / "link").symlink_to(file)
    with _running([sys.executable, "-c", f"held = open({str(other)!r}); {WAITS}"]) as pid:
        for path in (file, tmp_path / "link"):
            assert {one.pid for one in PosixProcesses().holders(path)} == {pid}


def test_this_process_holds_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * mmap.PAGESIZE)
    with file.open("rb"):
        assert os.getpid() in {one.pid for one in PosixProcesses().holders(file)}


def test_children_of_children_are_found() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAITS!r}])"
    with _running([sys.executable, "-c", child]) as pid:
        (found,) = procfs.descendants_of(pid)
        stat = procfs.stat_of(found)
        assert stat is not None
        assert stat.parent == pid


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("0::/system.slice/router.service\n", "router"),
        ("0::/system.slice/system-router.slice/router@1.service/worker\n", "router@1"),
        ("9:name=systemd:/system.slice/router.service\n8:pids:/system.slice/other.service\n0::/\n", "router"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n", None),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_the_service_a_program_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, service: str | None
) -> None:
    monkeypatch.setattr(procfs, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(text, "ascii")
    assert procfs.service_of(7) == service


def test_without_proc_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "PROC", tmp_path / "missing")
    assert PosixProcesses().named("sh") == ()
    assert PosixProcesses().holders(tmp_path) == ()
