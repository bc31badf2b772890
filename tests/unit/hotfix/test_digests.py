"""Packages read as they lie there."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError, TargetError
from hotfix.digests import read_config, read_package, with_digests
from hotfix.package import files_of
from tests.unit.hotfix.packages import file, files, manifest_of, package


def test_every_file_has_its_digest(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("a", sha256=sha256_of_bytes(b"1")), file("b/*")), {"a": "1", "b/c": "22"})
    counted: list[int] = []
    read = read_package(config, counted.append)
    assert [(str(one.path), one.sha256, one.size) for one in read.files] == [
        ("a", sha256_of_bytes(b"1"), 1),
        ("b/c", sha256_of_bytes(b"22"), 2),
    ]
    assert (read.folder, read.data, read.warnings, sum(counted)) == (tmp_path, config.read_bytes(), (), 3)


def test_every_wrong_digest_is_said_with_its_line(tmp_path: Path) -> None:
    inner = files(file("a", sha256="0" * 64), file("b"), file("c", sha256="0" * 64))
    config = package(tmp_path, inner, {"a": "", "b": "", "c": ""})
    with pytest.raises(ConfigError) as raised:
        read_package(config)
    assert [(one.code, one.line, one.file) for one in raised.value.problems] == [
        ("digest-mismatch", 4, str(config)),
        ("digest-mismatch", 6, str(config)),
    ]


def test_a_file_that_disappears_meanwhile_is_an_error(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("a")), {"a": ""})
    found = files_of(manifest_of(config), tmp_path)
    (tmp_path / "a").unlink()
    with pytest.raises(TargetError) as raised:
        with_digests(tmp_path, found, str(config))
    assert raised.value.code == "changed"


def test_a_manifest_that_cannot_be_read_and_one_with_problems(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as raised:
        read_config(tmp_path / "x.config")
    assert raised.value.code == "cannot-read"
    config = package(tmp_path, "<files><file /></files>", {})
    with pytest.raises(ConfigError) as wrong:
        read_package(config)
    assert [one.code for one in wrong.value.problems] == ["missing-attribute", "missing-attribute"]
