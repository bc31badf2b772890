"""Building a package: what is in the zip, that it is the same each time, and what is refused."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError, TargetError
from hotfix import build as building
from hotfix.build import Built, build
from hotfix.digests import read_package
from hotfix.manifest import parse_manifest
from tests.unit.hotfix.packages import file, files, package, write

HELD = {"a.exe": "1", "Client/b.dll": "22", "Client/sub/c.dll": "333", "Client/x.pdb": "", "tools/t.exe": "4"}
INNER = files(file("A.exe", roles="Router"), file("Client/*.*", subDirs="true", exclude="*.pdb"))
INNER += '<commands><execute command="tools/t.exe" /></commands>'
IDENTITY = 'id="MICCE-1" revision="7"'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return package(tmp_path / "p", INNER, HELD, IDENTITY)


def members(built: Built) -> dict[str, bytes]:
    with zipfile.ZipFile(built.archive) as packed:
        return {info.filename: packed.read(info) for info in packed.infolist()}


def test_the_zip_holds_the_package_and_nothing_else(config: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(config.parent.rglob("*")) if path.is_file()}
    built = build(config, tmp_path)
    assert built.archive == tmp_path / "MICCE-1-r7.zip"
    assert (built.id, built.revision, built.warnings) == ("MICCE-1", 7, ())
    found = members(built)
    assert list(found) == ["HF1.config", "a.exe", "Client/b.dll", "Client/sub/c.dll", "tools/t.exe"]
    assert found["Client/sub/c.dll"] == b"333"
    assert built.sha256 == sha256_of_bytes(built.archive.read_bytes())
    assert built.size == built.archive.stat().st_size
    assert built.config_sha256 == sha256_of_bytes(found["HF1.config"])
    assert {path: path.read_bytes() for path in sorted(config.parent.rglob("*")) if path.is_file()} == before
    assert sorted(os.listdir(tmp_path)) == ["MICCE-1-r7.zip", "p"]


def test_the_manifest_in_it_says_what_each_file_is(config: Path, tmp_path: Path) -> None:
    found = members(build(config, tmp_path))
    manifest = parse_manifest(found["HF1.config"], "HF1.config").manifest
    assert manifest is not None
    assert (manifest.files[0].sha256, manifest.files[0].size) == (sha256_of_bytes(b"1"), 1)
    assert manifest.contents is not None
    assert {str(one.path): (one.sha256, one.size) for one in manifest.contents} == {
        name: (sha256_of_bytes(data), len(data)) for name, data in found.items() if name != "HF1.config"
    }


def test_the_same_package_gives_the_same_bytes(config: Path, tmp_path: Path) -> None:
    first = build(config, tmp_path).archive.read_bytes()
    for path in config.parent.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (tmp_path / "other").mkdir()
    other = package(tmp_path / "q", INNER, dict(reversed(HELD.items())), IDENTITY)
    assert build(config, tmp_path).archive.read_bytes() == first
    assert build(other, tmp_path / "other").archive.read_bytes() == first


def test_a_built_package_builds_to_itself(config: Path, tmp_path: Path) -> None:
    built = build(config, tmp_path)
    (tmp_path / "again").mkdir()
    with zipfile.ZipFile(built.archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    again = build(tmp_path / "unpacked" / "HF1.config", tmp_path / "again")
    assert again.archive.read_bytes() == built.archive.read_bytes()
    assert read_package(tmp_path / "unpacked" / "HF1.config").manifest.id == "MICCE-1"


@pytest.mark.parametrize("name", ["a.exe", "Client/sub/c.dll", "tools/t.exe"])
def test_every_file_that_is_tampered_with_is_noticed(config: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(build(config, tmp_path).archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    damaged = tmp_path / "unpacked" / name
    damaged.write_bytes(bytes([damaged.read_bytes()[0] ^ 1]) + damaged.read_bytes()[1:])
    with pytest.raises(ConfigError) as raised:
        read_package(tmp_path / "unpacked" / "HF1.config")
    assert raised.value.code == "digest-mismatch"


def test_an_old_digest_is_replaced_and_said(tmp_path: Path) -> None:
    config = package(tmp_path / "p", files(file("a", sha256="1" * 64, size="9")), {"a": "x"})
    built = build(config, tmp_path)
    assert [one.code for one in built.warnings] == ["digest-replaced"]
    assert sha256_of_bytes(b"x").encode() in members(built)["HF1.config"]
    write(tmp_path / "p", {"a": "y"})
    assert sha256_of_bytes(b"y").encode() in members(build(config, tmp_path))["HF1.config"]


def test_every_problem_is_said_and_nothing_written(tmp_path: Path) -> None:
    config = package(tmp_path / "p", files(file("a"), file("b/*")), {})
    with pytest.raises(ConfigError) as raised:
        build(config, tmp_path)
    assert [one.code for one in raised.value.problems] == ["missing-file", "nothing-included"]
    config.write_text("<configuration><hotfix /><files><file /></files></configuration>")
    with pytest.raises(ConfigError) as raised:
        build(config, tmp_path)
    assert len(raised.value.problems) == 3
    assert os.listdir(tmp_path) == ["p"]


def test_a_zip_that_would_become_a_part_of_the_package_is_refused(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("*.*")), {"a.dll": ""})
    with pytest.raises(ConfigError) as raised:
        build(config, tmp_path)
    assert raised.value.code == "output-in-package"
    (tmp_path / "out").mkdir()
    assert build(config, tmp_path / "out").archive.is_file()


def test_a_folder_that_is_not_there_is_an_error(config: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError) as raised:
        build(config, tmp_path / "nowhere")
    assert raised.value.code == "cannot-write"
    with pytest.raises(TargetError) as raised:
        build(tmp_path / "x.config")
    assert raised.value.code == "cannot-read"


def test_a_file_that_changes_meanwhile_is_noticed(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = building.filled_in

    def slow(*arguments: object) -> bytes:
        (config.parent / "a.exe").write_text("2")
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "filled_in", slow)
    with pytest.raises(TargetError) as raised:
        build(config, tmp_path)
    assert raised.value.code == "changed"
    assert os.listdir(tmp_path) == ["p"]
