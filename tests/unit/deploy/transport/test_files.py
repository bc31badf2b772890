"""Local folders: links, devices, changes while reading, and how paths are formed on Windows."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport import files
from deploy.transport.contract import Resume, TransportSettings, Unchanged
from deploy.transport.files import LINK_TO_FOLDER, FileBody, FilesTransport, native_path
from deploy.transport.location import Location, Scheme, parse_location

DATA = os.urandom(100_000)


def at(path: Path) -> Location:
    return Location(Scheme.FILE, anchor="/", segments=path.parts[1:])


@pytest.fixture
def transport(tmp_path: Path) -> FilesTransport:
    return FilesTransport(at(tmp_path), TransportSettings())


def opened(transport: FilesTransport, path: Path, resume: Resume | None = None) -> FileBody:
    body = transport.open(at(path), resume=resume)
    assert isinstance(body, FileBody)
    return body


def drained(body: FileBody) -> bytes:
    view, whole = memoryview(bytearray(8192)), bytearray()
    while count := body.readinto(view):
        whole += view[:count]
    body.close()
    return bytes(whole)


def code_of(wrong: pytest.ExceptionInfo[SourceError]) -> tuple[str, bool]:
    return wrong.value.code, wrong.value.transient


class TestNativePath:
    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("C:\\Folder\\a b.txt", "\\\\?\\C:\\Folder\\a b.txt"),
            ("file:///c:/Folder/a%20b.txt", "\\\\?\\C:\\Folder\\a b.txt"),
            ("C:\\", "\\\\?\\C:\\"),
            ("\\\\SERVER\\Share\\x\\y.txt", "\\\\?\\UNC\\SERVER\\Share\\x\\y.txt"),
            ("\\\\SERVER\\Share\\", "\\\\?\\UNC\\SERVER\\Share\\"),
            ("file://SERVER/Share/x", "\\\\?\\UNC\\SERVER\\Share\\x"),
            ("smb://SERVER/Share/x", "\\\\?\\UNC\\SERVER\\Share\\x"),
            ("C:\\CON\\trailing.", "\\\\?\\C:\\CON\\trailing."),
            ("C:\\" + "d" * 250 + "\\" + "f" * 250, "\\\\?\\C:\\" + "d" * 250 + "\\" + "f" * 250),
        ],
    )
    def test_on_windows(self, text: str, path: str) -> None:
        assert native_path(parse_location(text), windows=True) == path

    @pytest.mark.parametrize(
        ("text", "path"),
        [("/folder/a b.txt", "/folder/a b.txt"), ("file:///folder/%E9", "/folder/\udce9"), ("file:///", "/")],
    )
    def test_elsewhere(self, text: str, path: str) -> None:
        assert os.fsencode(native_path(parse_location(text), windows=False)) == os.fsencode(path)

    @pytest.mark.parametrize(
        ("text", "windows", "code"),
        [
            ("C:\\x", False, "not-found"),
            ("/x", True, "not-found"),
            ("smb://user:canary@SERVER/Share/x", True, "access-denied"),
            ("smb://SERVER:4455/Share/x", True, "unreachable"),
        ],
    )
    def test_what_this_system_cannot_have(self, text: str, windows: bool, code: str) -> None:
        with pytest.raises(SourceError) as wrong:
            native_path(parse_location(text), windows=windows)
        assert wrong.value.code == code
        assert "canary" not in str(wrong.value)

    def test_a_name_that_no_file_can_have(self, transport: FilesTransport, tmp_path: Path) -> None:
        for ask in (transport.list, transport.stat, transport.open):
            with pytest.raises(SourceError) as wrong:
                ask(at(tmp_path).child("a\0b"))
            assert wrong.value.code == "not-found"

    def test_shares_are_read_by_path_where_paths_are_of_the_windows_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(files, "WINDOWS_PATHS", True)
        monkeypatch.setattr(os, "scandir", lambda path: asked.append(path) or (_ for _ in ()).throw(OSError(2, "x")))
        share = Location(Scheme.UNC, "SERVER", None, "Share", ("x",))
        with pytest.raises(SourceError):
            FilesTransport(share, TransportSettings()).list(share)
        assert asked == ["\\\\?\\UNC\\SERVER\\Share\\x"]


class TestLinks:
    def test_a_link_to_a_file_is_that_file(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "doc").mkdir()
        (tmp_path / "outside.bin").write_bytes(DATA)
        (tmp_path / "doc" / "link").symlink_to("../outside.bin")
        (entry,) = transport.list(at(tmp_path / "doc")).entries
        assert (entry.folder, entry.validators.size) == (False, len(DATA))
        assert drained(opened(transport, tmp_path / "doc" / "link")) == DATA

    def test_links_to_folders_are_not_followed(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "doc" / "sub").mkdir(parents=True)
        (tmp_path / "doc" / "sub" / "up").symlink_to("../..")
        (tmp_path / "doc" / "self").symlink_to(".")
        found = transport.list(at(tmp_path / "doc"))
        assert [one.name for one in found.entries] == ["sub"]
        assert [(one.name, one.reason) for one in found.refused] == [("self", LINK_TO_FOLDER)]
        assert transport.list(at(tmp_path / "doc" / "sub")).entries == ()

    def test_a_folder_that_is_named_may_be_a_link(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "a").write_bytes(b"1")
        (tmp_path / "named").symlink_to("real")
        assert [one.name for one in transport.list(at(tmp_path / "named")).entries] == ["a"]

    def test_links_to_nothing_and_in_circles(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "nothing").symlink_to("absent")
        (tmp_path / "one").symlink_to("other")
        (tmp_path / "other").symlink_to("one")
        found = transport.list(at(tmp_path))
        assert found.entries == ()
        assert sorted(one.name for one in found.refused) == ["nothing", "one", "other"]
        for name in ("nothing", "one"):
            with pytest.raises(SourceError) as wrong:
                transport.open(at(tmp_path / name))
            assert code_of(wrong) == ("not-found", False)


class TestWhatIsNoFile:
    def test_pipes_sockets_and_devices_are_refused_unopened(
        self, transport: FilesTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "device").symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as listening:
            monkeypatch.chdir(tmp_path)  # the names of sockets are short
            listening.bind("socket")
            found = transport.list(at(tmp_path))
            assert found.entries == ()
            assert sorted(one.name for one in found.refused) == ["device", "pipe", "socket"]
            for name in ("device", "pipe", "socket"):
                for ask in (transport.stat, transport.open):
                    with pytest.raises(SourceError) as wrong:
                        ask(at(tmp_path / name))
                    assert code_of(wrong) == ("not-found", False)

    def test_a_pipe_put_in_place_of_the_file_at_the_last_moment(
        self, transport: FilesTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_bytes(b"1")
        os.mkfifo(tmp_path / "pipe")
        seen = os.stat(tmp_path / "file")
        monkeypatch.setattr(transport, "_regular", lambda _: seen)
        before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
        with pytest.raises(SourceError) as wrong:
            transport.open(at(tmp_path / "pipe"))
        assert wrong.value.code == "not-found"
        if before:
            assert len(os.listdir("/proc/self/fd")) == len(before)

    def test_a_folder(self, transport: FilesTransport, tmp_path: Path) -> None:
        for ask in (transport.stat, transport.open):
            with pytest.raises(SourceError) as wrong:
                ask(at(tmp_path))
            assert wrong.value.code == "not-found"
            assert "folder" in str(wrong.value)

    def test_a_path_through_a_file(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"1")
        for ask in (transport.list, transport.stat, transport.open):
            with pytest.raises(SourceError) as wrong:
                ask(at(tmp_path / "file" / "below"))
            assert wrong.value.code == "not-found"


class TestChanges:
    def test_a_file_that_grows_while_it_is_read(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(DATA)
        body = opened(transport, tmp_path / "a")
        assert body.readinto(memoryview(bytearray(10))) == 10
        with (tmp_path / "a").open("ab") as file:
            file.write(DATA)
        rest = memoryview(bytearray(2 * len(DATA)))
        assert body.readinto(rest) == len(DATA) - 10
        with pytest.raises(SourceError) as wrong:
            body.readinto(rest)
        assert code_of(wrong) == ("changed", True)
        body.close()

    def test_a_file_cut_short_while_it_is_read(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(DATA)
        body = opened(transport, tmp_path / "a")
        os.truncate(tmp_path / "a", 100)
        with pytest.raises(SourceError) as wrong:
            drained(body)
        assert code_of(wrong) == ("changed", True)
        body.close()

    def test_a_file_written_over_while_it_is_read(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(DATA)
        os.utime(tmp_path / "a", (1_700_000_000, 1_700_000_000))
        body = opened(transport, tmp_path / "a")
        body.readinto(memoryview(bytearray(10)))
        with (tmp_path / "a").open("r+b") as file:
            file.write(b"other")
        with pytest.raises(SourceError) as wrong:
            drained(body)
        assert code_of(wrong) == ("changed", True)
        body.close()

    def test_a_file_put_in_place_of_the_one_being_read(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(DATA)
        body = opened(transport, tmp_path / "a")
        (tmp_path / "new").write_bytes(b"new")
        os.replace(tmp_path / "new", tmp_path / "a")
        assert drained(body) == DATA
        assert drained(opened(transport, tmp_path / "a")) == b"new"

    def test_a_file_that_never_ends_is_read_to_its_size(self, transport: FilesTransport, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"")
        body = opened(transport, tmp_path / "a")
        (tmp_path / "a").write_bytes(DATA)
        view = memoryview(bytearray(10))
        with pytest.raises(SourceError):
            body.readinto(view)
        assert bytes(view) == bytes(10)
        body.close()

    @pytest.mark.parametrize("later", [1_000, 1_000_000, 1_000_000_000])
    def test_times_are_told_apart_to_the_microsecond(
        self, transport: FilesTransport, tmp_path: Path, later: int
    ) -> None:
        moment = 1_700_000_000_123_456_789
        (tmp_path / "a").write_bytes(DATA)
        os.utime(tmp_path / "a", ns=(moment, moment))
        told = transport.stat(at(tmp_path / "a"))
        assert isinstance(transport.open(at(tmp_path / "a"), unless=told), Unchanged)
        os.utime(tmp_path / "a", ns=(moment + later, moment + later))
        assert opened(transport, tmp_path / "a", Resume(10, told)).offset == 0
        assert isinstance(transport.open(at(tmp_path / "a"), unless=told), FileBody)


@pytest.mark.parametrize(
    ("number", "winerror", "code", "transient"),
    [
        (errno.EACCES, None, "access-denied", False),
        (errno.EPERM, None, "access-denied", False),
        (errno.ENAMETOOLONG, None, "not-found", False),
        (errno.EIO, None, "unreachable", True),
        (errno.ESTALE, None, "unreachable", True),
        (errno.ETIMEDOUT, None, "timed-out", True),
        (errno.ENOENT, 2, "not-found", False),
        (errno.ENOENT, 3, "not-found", False),
        (errno.EACCES, 5, "access-denied", False),
        (errno.EACCES, 32, "busy", True),
        (errno.EACCES, 33, "busy", True),
        (errno.ENOENT, 53, "unreachable", True),
        (errno.EINVAL, 64, "unreachable", True),
        (errno.ENOENT, 67, "not-found", False),
        (errno.EINVAL, 1326, "access-denied", False),
    ],
)
def test_what_the_system_says_is_told_in_the_contracts_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, winerror: int | None, code: str, transient: bool
) -> None:
    told = OSError(number, "as the system says")
    if winerror is not None:
        monkeypatch.setattr(told, "winerror", winerror, raising=False)

    def refuse(*_: object, **__: object) -> None:
        raise told

    (tmp_path / "a").write_bytes(b"1")
    transport = FilesTransport(at(tmp_path), TransportSettings())
    for function, ask in (("scandir", transport.list), ("stat", transport.stat), ("open", transport.open)):
        with monkeypatch.context() as patched:
            patched.setattr(os, function, refuse)
            with pytest.raises(SourceError) as wrong:
                ask(at(tmp_path / "a"))
        assert (wrong.value.code, wrong.value.transient) == (code, transient)
        assert "as the system says" in str(wrong.value)
