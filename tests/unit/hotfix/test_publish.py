"""What publishing changes: the entry of a package, and the files of the repository, the catalogue last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.catalog import Prerequisite, parse_catalog
from deploy.config.identifiers import Identifiers
from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError
from deploy.hotfixes import Repository
from deploy.inventory import local_path
from deploy.machine import Role
from deploy.relpath import RelPath
from hotfix.digests import read_package
from hotfix.publish import Publication, entry_of_package, publication, roles_of
from tests.unit.hotfix.packages import file, files, manifest_of, package

WHEN = datetime(2024, 2, 29, 12, 30, 15, 999, tzinfo=UTC)
HELD = {"a.dll": "a", "Client/b.dll": "b"}
INNER = """<requires><hotfix id="HF0" minRevision="2" /></requires><supersedes><hotfix id="HFX" /></supersedes>
""" + files(file("a.dll", roles="Router"), file("Client/*.*", roles="Client"))
IDENTITY = (
    'id="HF1" revision="3" name="A name" classification="Security" releaseDate="2024-02-28" allowUninstall="false"'
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return package(tmp_path / "p", INNER, HELD, IDENTITY)


@pytest.fixture
def identifiers(tmp_path: Path) -> Identifiers:
    (tmp_path / "inst").mkdir()
    return Identifiers().with_values({"InstallDir": str(tmp_path / "inst")}, "test")


def published(config: Path, identifiers: Identifiers) -> Publication:
    read = read_package(config)
    return publication(read.data, RelPath((config.name,)), read.files, identifiers, WHEN)


def carry_out(change: Publication, folder: Path) -> None:
    """Write what a publication says, in its order."""
    for one in change.files:
        data = one.content
        if data is None:
            assert one.source is not None
            data = Path(local_path(folder, one.source)).read_bytes()
        assert (sha256_of_bytes(data), len(data)) == (one.sha256, one.size)
        Path(one.path).parent.mkdir(parents=True, exist_ok=True)
        Path(one.path).write_bytes(data)


def test_the_entry_says_what_the_manifest_says(config: Path) -> None:
    entry = entry_of_package(read_package(config), WHEN)
    assert (entry.id, entry.revision, entry.name) == ("HF1", 3, "A name")
    assert (entry.classification, entry.released, entry.allow_uninstall) == ("Security", "2024-02-28", False)
    assert entry.roles == {Role.ROUTER, Role.CLIENT}
    assert (entry.requires, entry.supersedes) == ((Prerequisite("HF0", 2),), ("HFX",))
    assert entry.published == WHEN.replace(microsecond=0)
    assert [(str(one.path), one.size) for one in entry.files] == [
        ("a.dll", 1),
        ("Client/b.dll", 1),
        ("HF1.config", config.stat().st_size),
    ]


def test_the_catalogue_is_the_last_file_to_change(config: Path, identifiers: Identifiers, tmp_path: Path) -> None:
    change = published(config, identifiers)
    repository = tmp_path / "inst" / "HotFixes"
    assert [Path(one.path).relative_to(repository).as_posix() for one in change.files] == [
        "HF1/3/a.dll",
        "HF1/3/Client/b.dll",
        "HF1/3/HF1.config",
        "catalog.json",
    ]
    assert not repository.exists()
    assert change.files[-1].content is not None
    assert parse_catalog(change.files[-1].content, "x").entries == (change.entry,)


def test_what_is_published_already_is_left_out(config: Path, identifiers: Identifiers, tmp_path: Path) -> None:
    carry_out(published(config, identifiers), config.parent)
    assert published(config, identifiers).files == ()
    damaged = tmp_path / "inst" / "HotFixes" / "HF1" / "3" / "a.dll"
    damaged.write_text("x")
    assert [one.path for one in published(config, identifiers).files] == [str(damaged)]


def test_it_is_what_adding_the_package_publishes(config: Path, identifiers: Identifiers, tmp_path: Path) -> None:
    carry_out(published(config, identifiers), config.parent)
    other = Repository(tmp_path / "other")
    other.add(entry_of_package(read_package(config), WHEN), config.parent)
    assert other.catalog_path.read_bytes() == (tmp_path / "inst" / "HotFixes" / "catalog.json").read_bytes()
    assert Repository(tmp_path / "inst" / "HotFixes").verify().problems == ()


def test_other_bytes_of_the_same_revision(config: Path, identifiers: Identifiers) -> None:
    carry_out(published(config, identifiers), config.parent)
    (config.parent / "a.dll").write_text("other")
    change = published(config, identifiers)
    assert change.entry.folder.segments[1].startswith("3-")
    assert len(change.files) == 4


def test_a_faulty_manifest_and_a_missing_folder_are_errors(config: Path) -> None:
    read = read_package(config)
    for data, code in ((b"<configuration/>", "missing-element"), (read.data, "unset-identifier")):
        with pytest.raises(ConfigError) as raised:
            publication(data, RelPath(("x.config",)), read.files, Identifiers(), WHEN)
        assert raised.value.code == code


@pytest.mark.parametrize(
    ("inner", "roles"),
    [
        ("", frozenset()),
        (files(file("a.dll", roles="TAS")), {Role.TAS}),
        (files(file("a.dll")), set(Role)),
        ('<services><service name="x" roles="Router;Client" /></services>', {Role.ROUTER, Role.CLIENT}),
        ('<requires><product minVersion="1" roles="Client" /></requires>', frozenset()),
    ],
)
def test_roles_are_those_of_the_steps(tmp_path: Path, inner: str, roles: frozenset[Role]) -> None:
    config = package(tmp_path, inner, HELD)
    assert roles_of(manifest_of(config)) == roles


def test_a_file_that_lies_about_its_digest_is_refused(config: Path) -> None:
    text = config.read_text().replace('include="a.dll"', f'include="a.dll" sha256="{"0" * 64}"')
    config.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_package(config)
    assert [(one.code, one.line) for one in raised.value.problems] == [("digest-mismatch", 5)]
    assert replace(raised.value.problems[0]).file == str(config)
