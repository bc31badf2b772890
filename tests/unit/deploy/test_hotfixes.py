"""The repository of hotfixes on disk: published wholly or not at all, read as it is, kept as it was published."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.catalog import CatalogEntry, CatalogFile
from deploy.config.identifiers import Identifiers
from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError, TargetError
from deploy.hotfixes import Repository, repository_of
from deploy.inventory import local_path
from deploy.machine import Role
from deploy.relpath import RelPath

WHEN = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


def package(folder: Path, id: str = "HF1", revision: int = 1, mark: str = "") -> CatalogEntry:
    """Write a package and return its entry."""
    files = []
    for name in ("HF.config", "Client/a.dll", "Client/sub/b.dll"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = f"{id} {revision} {mark} {name}".encode()
        path.write_bytes(data)
        path.chmod(0o600)
        files.append(CatalogFile(RelPath.parse(name), sha256_of_bytes(data), len(data)))
    return CatalogEntry(
        id, revision, RelPath((id, str(revision))), RelPath(("HF.config",)), tuple(files), WHEN,
        roles=frozenset({Role.CLIENT}),
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "inst" / "HotFixes")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> None:
    (tmp_path / "inst").mkdir()


def whole(repository: Repository) -> bool:
    """Whether every file that the catalogue names is there as it says."""
    return all(not repository.lacking(one) for one in repository.catalog().entries)


def test_where_it_lies() -> None:
    known = Identifiers().with_values({"InstallDir": "/opt/micce"}, "test")
    assert repository_of(known) == Path("/opt/micce/HotFixes")
    with pytest.raises(ConfigError) as raised:
        repository_of(Identifiers())
    assert raised.value.code == "unset-identifier"


def test_a_repository_that_is_not_there_is_empty(repository: Repository) -> None:
    assert repository.catalog().entries == ()
    assert repository.verify().files == 0
    assert not repository.folder.exists()


def test_what_is_added_is_there_whole_and_can_be_read_by_everybody(repository: Repository, tmp_path: Path) -> None:
    entry = package(tmp_path / "p")
    before = os.umask(0o077)
    try:
        assert repository.add(entry, tmp_path / "p") == entry
    finally:
        os.umask(before)
    assert repository.catalog().entries == (entry,)
    for file in entry.files:
        copy = Path(local_path(repository.folder, entry.folder.join(file.path.segments)))
        assert copy.read_bytes() == Path(local_path(tmp_path / "p", file.path)).read_bytes()
    for path in (repository.folder, *repository.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path
    assert sorted(os.listdir(repository.folder)) == ["HF1", "catalog.json"]
    assert repository.verify().problems == ()


def test_adding_it_again_changes_nothing(repository: Repository, tmp_path: Path) -> None:
    entry = package(tmp_path / "p")
    repository.add(entry, tmp_path / "p")
    before = {path: path.stat().st_ino for path in repository.folder.rglob("*")}
    repository.add(entry, tmp_path / "p")
    assert {path: path.stat().st_ino for path in repository.folder.rglob("*")} == before


def test_other_bytes_under_the_same_revision_leave_the_old_ones_to_those_who_read_them(
    repository: Repository, tmp_path: Path
) -> None:
    old = repository.add(package(tmp_path / "p"), tmp_path / "p")
    new = repository.add(package(tmp_path / "q", mark="new"), tmp_path / "q")
    assert repository.catalog().entries == (new,)
    assert not repository.lacking(old)
    assert not repository.lacking(new)
    assert {one.code for one in repository.verify().problems} == {"unlisted-file"}


def test_a_file_that_changed_since_its_digest_was_taken_is_refused(repository: Repository, tmp_path: Path) -> None:
    entry = package(tmp_path / "p")
    (tmp_path / "p" / "Client" / "a.dll").write_text("other")
    with pytest.raises(TargetError) as raised:
        repository.add(entry, tmp_path / "p")
    assert raised.value.code == "changed"
    assert repository.catalog().entries == ()
    (tmp_path / "p" / "Client" / "a.dll").unlink()
    with pytest.raises(TargetError) as raised:
        repository.add(entry, tmp_path / "p")
    assert raised.value.code == "cannot-read"
    good = package(tmp_path / "p")
    repository.add(good, tmp_path / "p")
    assert sorted(os.listdir(repository.folder)) == ["HF1", "catalog.json"]


def test_withdrawing_keeps_files_and_adding_offers_again(repository: Repository, tmp_path: Path) -> None:
    entry = repository.add(package(tmp_path / "p"), tmp_path / "p")
    (withdrawn,) = repository.withdraw("hf1", None, WHEN)
    assert withdrawn.withdrawn == WHEN
    assert repository.catalog().offered() == ()
    assert not repository.lacking(entry)
    repository.add(entry, tmp_path / "p")
    assert repository.catalog().offered() == (entry,)


def test_what_cannot_be_withdrawn(repository: Repository, tmp_path: Path) -> None:
    repository.add(package(tmp_path / "p"), tmp_path / "p")
    for id, revision in (("HF2", None), ("HF1", 2)):
        with pytest.raises(TargetError) as raised:
            repository.withdraw(id, revision, WHEN)
        assert raised.value.code == "not-published"
    repository.withdraw("HF1", 1, WHEN)
    with pytest.raises(TargetError) as raised:
        repository.withdraw("HF1", None, WHEN)
    assert raised.value.code == "already-withdrawn"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda path: path.unlink(), "missing-file"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "size-mismatch"),
        (lambda path: path.write_bytes(b"X" + path.read_bytes()[1:]), "digest-mismatch"),
    ],
)
def test_damage_is_found_and_adding_heals_it(repository: Repository, tmp_path: Path, damage, code: str) -> None:  # type: ignore[no-untyped-def]
    entry = repository.add(package(tmp_path / "p"), tmp_path / "p")
    damage(repository.folder / "HF1" / "1" / "Client" / "a.dll")
    found = repository.verify()
    assert [(one.code, one.is_error) for one in found.problems] == [(code, True)]
    assert (found.files, found.size) == (3, entry.size)
    repository.add(entry, tmp_path / "p")
    assert repository.verify().problems == ()


def test_a_file_nobody_published_is_said(repository: Repository, tmp_path: Path) -> None:
    repository.add(package(tmp_path / "p"), tmp_path / "p")
    (repository.folder / "HF1" / "1" / "more.txt").write_text("")
    assert [(one.code, one.is_error) for one in repository.verify().problems] == [("unlisted-file", False)]


def test_a_damaged_catalogue_is_never_overwritten(repository: Repository, tmp_path: Path) -> None:
    repository.folder.mkdir()
    repository.catalog_path.write_text("{")
    with pytest.raises(ConfigError) as raised:
        repository.add(package(tmp_path / "p"), tmp_path / "p")
    assert raised.value.code == "bad-catalog"
    assert repository.catalog_path.read_text() == "{"


class Stopped(BaseException):
    """The world stops at a checkpoint."""


@pytest.mark.parametrize("where", ["copied", "files", "published"])
def test_a_writer_that_ends_half_way_leaves_old_or_new(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "inst" / "HotFixes"
    old = Repository(folder).add(package(tmp_path / "p"), tmp_path / "p")
    new = package(tmp_path / "q", revision=2)

    def stop(name: str) -> None:
        if name == where:
            raise Stopped

    with pytest.raises(Stopped):
        Repository(folder, stop).add(new, tmp_path / "q")
    repository = Repository(folder)
    assert repository.catalog().offered() == ((new,) if where == "published" else (old,))
    assert whole(repository)
    repository.add(new, tmp_path / "q")
    assert repository.catalog().offered() == (new,)
    assert whole(repository)
    assert sorted(os.listdir(folder)) == ["HF1", "catalog.json"]
    assert repository.verify().problems == ()


def test_readers_beside_a_writer_see_the_old_or_the_new(tmp_path: Path) -> None:
    folder = tmp_path / "inst" / "HotFixes"
    entries = [package(tmp_path / str(n), revision=1 + n % 2, mark=str(n)) for n in range(8)]
    done = threading.Event()
    wrong: list[str] = []
    looks: list[int] = []

    def read() -> None:
        repository = Repository(folder)
        count = 0
        while not done.is_set() or not count:
            for entry in repository.catalog().offered():
                count += 1
                if repository.lacking(entry):
                    wrong.append(str(entry.folder))
        looks.append(count)

    Repository(folder).add(entries[0], tmp_path / "0")
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number, entry in enumerate(entries):
            Repository(folder).add(entry, tmp_path / str(number))
            if number % 3 == 1:
                Repository(folder).withdraw("HF1", entry.revision, WHEN)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert len(looks) == 2
    assert all(looks)
