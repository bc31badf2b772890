"""What is found out about paths, on real folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.host.fake import FakeHost
from hotfix.known import Kind, Seen
from hotfix.looking import Looking
from hotfix.questions import PathQuestion, Wanted
from tests.unit.hotfix.planning import sha256

EVERYTHING = Wanted.DIGEST | Wanted.VERSION | Wanted.CONTENT


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def look(
    base: Path, *names: str, wanted: Wanted = EVERYTHING, foreseen: dict[str, str | bytes | None] | None = None
) -> list[Seen]:
    host = FakeHost(base / "state", versions={base / "a.exe": "1.2.3.4"})
    paths = [str(base.joinpath(*name.split("/"))) for name in names]
    found = Looking(host, foreseen or {}).all([PathQuestion(path, wanted) for path in paths])
    return [found[path] for path in paths]


def test_a_file(base: Path) -> None:
    (base / "a.exe").write_bytes(b"data")
    (one,) = look(base, "a.exe")
    assert (one.path, one.kind, one.exists, one.size) == (str(base / "a.exe"), Kind.FILE, True, 4)
    assert (one.sha256, one.version, one.content) == (sha256(b"data"), "1.2.3.4", b"data")
    assert (one.folder.path, one.folder.existing, one.folder.is_there) == (str(base), str(base), True)
    assert one.volume == one.folder.volume == base.stat().st_dev


def test_only_what_is_wanted_is_read(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "a.exe").write_bytes(b"data")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("nothing is to be opened"))
    (one,) = look(base, "a.exe", wanted=Wanted.NOTHING)
    assert (one.kind, one.size, one.sha256, one.version, one.content) == (Kind.FILE, 4, None, "", None)


def test_what_is_not_there_and_how_far_its_folder_is(base: Path) -> None:
    (base / "bin").mkdir()
    (base / "bin" / "file").write_bytes(b"")
    near, far, behind = look(base, "bin/x", "bin/new/deep/x", "bin/file/deep/x")
    assert (near.kind, near.exists, near.folder.is_there) == (Kind.NOTHING, False, True)
    assert (far.folder.path, far.folder.existing) == (str(base / "bin" / "new" / "deep"), str(base / "bin"))
    assert (far.folder.blocked, far.volume) == ("", base.stat().st_dev)
    assert behind.folder.blocked == str(base / "bin" / "file")


def test_folders_and_the_top(base: Path) -> None:
    (base / "bin").mkdir()
    (one,) = look(base, "bin")
    assert (one.kind, one.exists, one.sha256, one.problems) == (Kind.FOLDER, True, None, ())
    top = os.path.splitdrive(base)[0] + os.sep
    found = Looking(FakeHost(base), {}).all([PathQuestion(top, Wanted.NOTHING)])[top]
    assert (found.kind, found.exists, found.folder.path) == (Kind.FOLDER, True, top)


def test_one_file_under_two_spellings_is_known_wholly_by_both(base: Path) -> None:
    (base / "Bin").mkdir()
    (base / "Bin" / "A.exe").write_bytes(b"data")
    host = FakeHost(base / "state", versions={base / "Bin" / "A.exe": "1.0"})
    questions = [
        PathQuestion(str(base / "bin" / "a.EXE"), Wanted.DIGEST),
        PathQuestion(str(base / "BIN" / "A.exe"), Wanted.VERSION),
    ]
    one, other = Looking(host, {}).all(questions).values()
    assert one == other
    assert (one.path, one.sha256, one.version) == (str(base / "Bin" / "A.exe"), sha256(b"data"), "1.0")


def test_a_missing_drive_has_no_volume(base: Path) -> None:
    if os.sep == "/":
        pytest.skip("there are no drives")
    path = "Q:\\none\\x"
    found = Looking(FakeHost(base), {}).all([PathQuestion(path, EVERYTHING)])[path]
    assert (found.kind, found.volume, found.folder.existing) == (Kind.NOTHING, None, "")


def test_what_is_foreseen_takes_the_place_of_what_is_there(base: Path) -> None:
    for name in ("changed", "gone"):
        (base / name).write_bytes(b"old")
    (base / "source").write_bytes(b"from the package")
    foreseen: dict[str, str | bytes | None] = {
        str(base / "changed").upper(): b"bytes",
        str(base / "gone").upper(): None,
        str(base / "new").upper(): str(base / "source"),
    }
    changed, gone, new = look(base, "changed", "gone", "new", foreseen=foreseen)
    assert (changed.sha256, changed.content, changed.size) == (sha256(b"bytes"), b"bytes", 5)
    assert (gone.kind, gone.exists, gone.sha256) == (Kind.NOTHING, False, None)
    assert (new.kind, new.exists, new.content) == (Kind.FILE, True, b"from the package")


def test_long_paths(base: Path) -> None:
    name = "/".join(["d" * 50] * 8)
    (one,) = look(base, f"{name}/x")
    assert one.kind is Kind.NOTHING
    assert one.folder.existing == str(base)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links of POSIX")
def test_links_are_links_and_what_they_lead_to_is_known(base: Path) -> None:
    (base / "a.exe").write_bytes(b"data")
    (base / "link").symlink_to(base / "a.exe")
    (base / "dangling").symlink_to(base / "none")
    link, dangling = look(base, "link", "dangling")
    assert (link.kind, link.exists, link.sha256, link.version) == (Kind.LINK, True, sha256(b"data"), "1.2.3.4")
    assert (dangling.kind, dangling.exists, dangling.sha256) == (Kind.LINK, False, None)
