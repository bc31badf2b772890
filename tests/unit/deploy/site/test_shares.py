"""Files of a served folder: any case, never outside, never hidden, nothing but files; on both kinds of systems."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from deploy.errors import TargetError
from deploy.site import shares_names, shares_walk
from deploy.site.shares import KEY_NAMES, KEYS, VIEW_ENDS, OpenFile, customer_file, is_private, open_file
from deploy.site.shares_names import Names

Open = Callable[..., str | None]


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    for name in ("Setup.exe", "bin/Agent.exe", "bin/Sub Folder/Größe.txt", "UPPER/lower.TXT"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.joinpath("secret.txt").write_text("outside")
    return folder


@pytest.fixture(params=["walked", "resolved"])
def content(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Asks for a file the way each kind of system does it; what is in it, None for no file."""
    monkeypatch.setattr(shares_walk, "WALKS", request.param == "walked")
    return read


def read(folder: Path, path: str, opener: Callable[[Path, tuple[str, ...]], OpenFile | None] = open_file) -> str | None:
    opened = opener(folder, tuple(path.split("/")))
    if opened is None:
        return None
    with os.fdopen(opened.descriptor, encoding="utf-8") as file:
        assert os.fstat(file.fileno()).st_size == opened.size
        return file.read()


@pytest.fixture(autouse=True)
def no_descriptor_stays_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Setup.exe", "Setup.exe"),
        ("setup.EXE", "Setup.exe"),
        ("bin/Agent.exe", "bin/Agent.exe"),
        ("BIN/agent.exe", "bin/Agent.exe"),
        ("Bin/SUB FOLDER/GRÖßE.TXT", "bin/Sub Folder/Größe.txt"),
        ("upper/LOWER.txt", "UPPER/lower.TXT"),
        ("bin", None),
        ("bin/none", None),
        ("none/Agent.exe", None),
        ("Setup.exe/more", None),
        ("bin/Agent.exe/more/still", None),
        ("GRÖSSE.txt", None),
    ],
)
def test_in_any_case(share: Path, content: Open, asked: str, found: str | None) -> None:
    assert content(share, asked) == found


def test_of_the_folder_itself_nothing_is_sent(share: Path, content: Open) -> None:
    assert open_file(share, ()) is None
    assert content(share, ".") is None
    assert content(share, "..") is None
    assert content(share, "") is None


def test_what_is_said_of_the_file(share: Path) -> None:
    opened = open_file(share, ("setup.exe",))
    assert opened is not None
    about = share.joinpath("Setup.exe").stat()
    assert (opened.name, opened.size, opened.inode) == ("Setup.exe", about.st_size, about.st_ino)
    assert (opened.mtime_ns, opened.changed_ns) == (about.st_mtime_ns, about.st_ctime_ns)
    os.close(opened.descriptor)


def test_of_twins_the_one_that_was_asked_for_else_the_first(share: Path, content: Open) -> None:
    for name in ("twin.txt", "TWIN.txt", "Twin.txt"):
        share.joinpath(name).write_text(name)
    assert [content(share, name) for name in ("twin.txt", "TWIN.txt", "Twin.txt")] == [
        "twin.txt",
        "TWIN.txt",
        "Twin.txt",
    ]
    assert content(share, "tWIN.TXT") == "TWIN.txt"


@pytest.mark.parametrize("name", [".hidden", ".git/config", "bin/.Agent.exe.0a1b.tmp", ".../x"])
def test_hidden_files(share: Path, content: Open, name: str) -> None:
    share.joinpath(name).parent.mkdir(exist_ok=True)
    share.joinpath(name).write_text("hidden")
    assert content(share, name) is None
    assert content(share, name.upper()) is None
    share.joinpath("link.txt").symlink_to(name)
    assert content(share, "link.txt") is None


LEADING_OUT = [
    ("file.txt", "../outside/secret.txt", "file.txt"),
    ("file.txt", "{outside}/secret.txt", "file.txt"),
    ("folder", "../outside", "folder/secret.txt"),
    ("folder", "{outside}", "folder/secret.txt"),
    ("folder", "{outside}", "FOLDER/secret.txt"),
    ("bin/up", "../../outside", "bin/up/secret.txt"),
    ("bin/root", "/", "bin/root/etc/passwd"),
    ("proc", "/proc/self", "proc/environ"),
    ("near", "../share-2", "near/x.txt"),
]


@pytest.mark.parametrize(("link", "target", "asked"), LEADING_OUT)
def test_no_link_leads_out(share: Path, content: Open, link: str, target: str, asked: str) -> None:
    near = share.with_name("share-2")  # begins with the same letters
    near.mkdir()
    near.joinpath("x.txt").write_text("near")
    share.joinpath(link).symlink_to(target.format(outside=share.parent / "outside"))
    assert share.joinpath(asked.replace("FOLDER", "folder")).exists()
    assert content(share, asked) is None


@pytest.mark.parametrize(
    ("link", "target", "asked"),
    [
        ("Current.exe", "Setup.exe", "Current.exe"),
        ("Current.exe", "{share}/Setup.exe", "current.EXE"),
        ("current", "bin", "current/agent.exe"),
        ("UPPER/back", "../bin", "UPPER/back/Agent.exe"),
        ("out-and-in", "../share/bin", "out-and-in/Agent.exe"),
    ],
)
def test_links_inside_are_followed(share: Path, content: Open, link: str, target: str, asked: str) -> None:
    share.joinpath(link).symlink_to(target.format(share=share))
    assert content(share, asked) in ("Setup.exe", "bin/Agent.exe")


def test_links_to_links_and_loops(share: Path, content: Open) -> None:
    share.joinpath("a").symlink_to("b")
    share.joinpath("b").symlink_to("bin")
    assert content(share, "a/Agent.exe") == "bin/Agent.exe"
    share.joinpath("self").symlink_to("self")
    share.joinpath("here").symlink_to(".")
    share.joinpath("nowhere").symlink_to("gone")
    assert content(share, "self") is None
    assert content(share, "nowhere") is None
    assert content(share, "here") is None
    assert content(share, "here/Setup.exe") == "Setup.exe"
    assert content(share, "here/" * 100 + "Setup.exe") in (None, "Setup.exe")


def test_the_folder_may_be_a_link_and_may_be_switched(share: Path, content: Open) -> None:
    other = share.with_name("other")
    other.mkdir()
    other.joinpath("Setup.exe").write_text("other")
    other.joinpath("link").symlink_to(share / "Setup.exe")
    switched = share.with_name("current")
    switched.symlink_to(share)
    assert content(switched, "setup.exe") == "Setup.exe"
    switched.unlink()
    switched.symlink_to(other)
    assert content(switched, "setup.exe") == "other"
    assert content(switched, "link") is None


def test_only_files_and_nothing_that_waits(share: Path, content: Open) -> None:
    os.mkfifo(share / "pipe.exe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(share / "socket"))
        for name in ("pipe.exe", "PIPE.EXE", "socket", "bin"):
            assert content(share, name) is None
    share.joinpath("null").symlink_to("/dev/null")
    assert content(share, "null") is None


def test_a_pipe_that_comes_in_between_does_not_make_it_wait(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat
    regular = real(share / "Setup.exe")
    os.mkfifo(share / "pipe")
    monkeypatch.setattr(os, "stat", lambda *given, **named: regular)
    assert open_file(share, ("pipe",)) is None


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "a" * 300, "x" * 255 + "/y"])
def test_names_no_file_can_have(share: Path, content: Open, name: str) -> None:
    assert content(share, name) is None


def test_a_folder_that_is_not_there(tmp_path: Path, content: Open) -> None:
    assert content(tmp_path / "none", "x") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_not_there_and_said(share: Path, caplog: pytest.LogCaptureFixture) -> None:
    share.joinpath("Setup.exe").chmod(0)
    assert open_file(share, ("Setup.exe",)) is None
    assert "Setup.exe' is not served" in caplog.text


def test_a_refusal_of_the_system_is_said_in_the_log(
    share: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, errno.EACCES)
    assert open_file(share, ("Setup.exe",)) is None
    assert "Setup.exe' is not served" in caplog.text


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOMEM, errno.ETIMEDOUT, errno.ESTALE, errno.EAGAIN])
def test_trouble_is_not_taken_for_a_file_that_is_not_there(
    share: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refusing(monkeypatch, code)
    with pytest.raises(TargetError) as caught:
        open_file(share, ("Setup.exe",))
    assert caught.value.code == "cannot-read"


def refusing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "Setup.exe":
            raise OSError(code, os.strerror(code))
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)


def test_too_many_open_files_is_trouble(share: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")))
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(share, os.O_RDONLY))
        with pytest.raises(TargetError, match="Too many open files"):
            open_file(share, ("Setup.exe",))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@pytest.mark.parametrize(
    ("moment", "swapped", "target", "asked"),
    [
        ("stat", "bin", "outside", "bin/secret.txt"),
        ("stat", "Setup.exe", "outside/secret.txt", "Setup.exe"),
        ("realpath", "bin", "outside", "link/secret.txt"),
        ("realpath", "bin/secret.txt", "outside/secret.txt", "link/secret.txt"),
    ],
)
def test_a_link_that_comes_between_looking_and_opening_does_not_lead_out(
    share: Path, monkeypatch: pytest.MonkeyPatch, moment: str, swapped: str, target: str, asked: str
) -> None:
    share.joinpath("bin/secret.txt").write_text("inside")
    share.joinpath("link").symlink_to("bin")
    module: ModuleType = os if moment == "stat" else os.path
    real = getattr(module, moment)
    swaps: list[str] = []

    def look(path: str, *given: object, **named: object) -> object:
        found = real(path, *given, **named)
        if not swaps and str(path).endswith(swapped if moment == "stat" else "link"):
            swaps.append(path)
            share.joinpath(swapped).rename(share.parent / "away")
            share.joinpath(swapped).symlink_to(share.parent / target)
        return found

    monkeypatch.setattr(module, moment, look)
    assert read(share, asked) is None
    assert len(swaps) == 1


@pytest.mark.parametrize("what", ["folder", "file"])
def test_links_put_in_the_place_of_names_meanwhile_never_lead_out(share: Path, what: str) -> None:
    """The name is now inside, now a link that leads out, thousands of times while it is opened."""
    outside = share.parent / "outside"
    in_a_folder = what == "folder"
    inside, target = (share / "bin", outside) if in_a_folder else (share / "f", outside / "secret.txt")
    asked = "bin/secret.txt" if in_a_folder else "f"
    (share / "bin/secret.txt").write_text("inside")
    (share / "f").write_text("inside")
    away = share.parent / "away"
    ended = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not ended.is_set():
            inside.rename(away)
            inside.symlink_to(target)
            inside.unlink()
            away.rename(inside)
            swaps += 1

    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    try:
        while swaps < 2000:
            seen.add(read(share, asked))
    finally:
        ended.set()
        thread.join()
    assert seen <= {"inside", None}
    assert "inside" in seen


def test_new_names_are_seen_at_once_in_any_case(share: Path, content: Open) -> None:
    for number in range(300):
        assert content(share, f"NEW{number}.TXT") is None
        share.joinpath(f"new{number}.txt").write_text("new")
        assert content(share, f"NEW{number}.TXT") == "new"
        if number % 3 == 0:
            share.joinpath(f"new{number}.txt").unlink()
            assert content(share, f"NEW{number}.TXT") is None


def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that are listed from now on."""
    names: list[str] = []
    real = os.listdir

    def note(folder: str) -> list[str]:
        names.append(Path(folder).name)
        return real(folder)

    monkeypatch.setattr(os, "listdir", note)
    return names


def test_a_large_folder_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(500):
        tmp_path.joinpath(f"File{number}.txt").touch()
    clock = [100.0]
    reads = listed(monkeypatch)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    names = Names()
    for number in range(500):
        assert names.spelled(str(tmp_path), f"FILE{number}.TXT") == f"File{number}.txt"
    assert len(reads) == 1
    # What is not in it has it read again while its times are new, and then no more.
    for _ in range(3):
        assert names.spelled(str(tmp_path), "NONE") is None
    assert len(reads) == 4
    clock[0] += shares_names.SETTLED
    for _ in range(3):
        assert names.spelled(str(tmp_path), "NONE") is None
    assert len(reads) == 5
    os.utime(tmp_path, ns=(1, 1))
    assert names.spelled(str(tmp_path), "NONE") is None
    assert len(reads) == 6


def test_a_change_that_shows_the_same_times_is_seen(tmp_path: Path) -> None:
    names = Names()
    os.utime(tmp_path, ns=(10**18, 10**18))
    assert names.spelled(str(tmp_path), "A.TXT") is None
    tmp_path.joinpath("a.txt").touch()
    os.utime(tmp_path, ns=(10**18, 10**18))
    assert names.spelled(str(tmp_path), "A.TXT") == "a.txt"


def test_only_so_many_names_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b", "c"):
        for number in range(10):
            path = tmp_path / folder / f"n{number}"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    reads = listed(monkeypatch)
    names = Names(most=25)
    for folder in ("a", "b", "a", "b", "c", "b", "c", "a"):
        assert names.spelled(str(tmp_path / folder), "N1") == "n1"
    assert reads == ["a", "b", "c", "a"]
    assert names._count == 20


PRIVATE = [
    *("Index.html.j2", "Index.cshtml", "INDEX.CSHTML", "_Layout.cshtml", "index.html.J2", "x.jinja2"),
    *("tls.key", "TLS.KEY", "server.pem", "a.pfx", "a.p12", "a.ppk", "id_rsa", "ID_RSA", "id_ed25519.bak"),
    *("tls.key.bak", "tls.key~", "tls.key~1~", "server.pem (1)", "server.pem.old", "tls.key_2025", "Index.cshtml.orig"),
    *("Index.html.j2~", "web.config", "Web.config.bak", "backup.key.zip"),
]
PUBLIC = [
    *("Setup.config", "ClientSetup.ini", "logo.png", "keys.txt", "key.txt", "monkey.png", "a.keys", "turkey"),
    *(
        "index.html",
        "Index.html",
        "style.css",
        "pem",
        "my-web.config",
        "web.configuration",
        "id_rsa2",
        "the.keyboard.jpg",
    ),
    *("a.p12x", "a.p7b", "ca.crt", "ca.cer"),
]


@pytest.mark.parametrize("name", PRIVATE)
def test_private_names(share: Path, name: str) -> None:
    assert is_private(name)
    share.joinpath(name).write_text(name)
    assert read(share, name, customer_file) is None
    assert read(share, name.swapcase(), customer_file) is None
    assert read(share, name) == name


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names(share: Path, name: str) -> None:
    assert not is_private(name)
    share.joinpath(name).write_text(name)
    assert read(share, name, customer_file) == name


def test_every_end_is_private_in_any_case() -> None:
    for end in (*KEYS, *VIEW_ENDS):
        assert is_private(f"x{end}")
        assert is_private(f"X{end.upper()}")
    for name in KEY_NAMES:
        assert is_private(name)


def test_no_link_of_another_name_leads_to_what_is_private(share: Path) -> None:
    share.joinpath("tls.key").write_text("key")
    share.joinpath("private").mkdir()
    share.joinpath("private/Index.cshtml").write_text("view")
    share.joinpath("harmless.txt").symlink_to("tls.key")
    share.joinpath("harmless.html").symlink_to("private/Index.cshtml")
    assert read(share, "harmless.txt", customer_file) is None
    assert read(share, "harmless.html", customer_file) is None
    assert read(share, "harmless.txt") == "key"
