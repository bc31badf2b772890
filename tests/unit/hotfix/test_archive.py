"""Packages wherever they lie; zips that would do harm are refused."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from deploy.errors import ConfigError, MicceError, UsageError
from hotfix import archive
from hotfix.archive import opened, unpack
from hotfix.build import build
from hotfix.digests import read_package
from tests.unit.hotfix.packages import file, files, package

CONFIG = b'<configuration><hotfix id="HF1" /></configuration>'


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members:
            packed.writestr(name, data)
    return path


def refused(path: Path, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    with pytest.raises(MicceError) as raised:
        unpack(path, folder)
    assert not (folder.parent / "outside").exists()
    assert all(problem.hint for problem in raised.value.problems)
    return raised.value.code


def test_a_built_package_is_read_from_its_zip_its_folder_and_its_config(tmp_path: Path) -> None:
    config = package(tmp_path / "p", files(file("a"), file("b/*")), {"a": "1", "b/c.config": "2"})
    built = build(config, tmp_path)
    for place in (built.archive, tmp_path / "p", config):
        with opened(place) as found:
            assert found.name == "HF1.config"
            assert [str(one.path) for one in read_package(found).files] == ["a", "b/c.config"]
            inside = found
    assert inside == config
    assert not list(tmp_path.glob("micce-*"))


def test_the_folder_of_a_zip_is_gone_afterwards(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.ZIP", ("HF1.config", CONFIG))
    with opened(path) as found:
        assert found.read_bytes() == CONFIG
    assert not found.parent.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "..\\outside",
        "/outside",
        "C:\\outside",
        "C:outside",
        "\\\\server\\share\\x",
        "a/../../outside",
        "NUL",
        "a:b",
        "a./b",
        "a\x01b",
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    assert refused(zipped(tmp_path / "x.zip", ("a.config", CONFIG), (info, b"")), tmp_path / "f") == "unsafe-path"


def test_links_twins_and_secrets_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    secret = zipfile.ZipInfo("secret")
    assert refused(zipped(tmp_path / "1.zip", (link, b"/etc/passwd")), tmp_path / "f") == "bad-archive"
    assert refused(zipped(tmp_path / "2.zip", ("a", b""), ("A", b"")), tmp_path / "f") == "bad-archive"
    path = zipped(tmp_path / "3.zip", (secret, b"x"))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    assert refused(path, tmp_path / "f") == "bad-archive"


def test_damaged_zips_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("HF1.config", CONFIG * 100))
    whole = path.read_bytes()
    for count in range(0, len(whole), 7):
        path.write_bytes(whole[:count])
        assert refused(path, tmp_path / "f") == "bad-archive"
    for place in range(30, 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        folder = tmp_path / f"f{place}"
        folder.mkdir()
        with pytest.raises(ConfigError):
            unpack(path, folder)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "x.zip", ("HF1.config", CONFIG), ("big", b"\0" * 2_000_000))
    monkeypatch.setattr(archive, "LARGEST_PACKAGE", 1_000_000)
    assert refused(path, tmp_path / "f") == "bad-archive"
    monkeypatch.setattr(archive, "LARGEST_PACKAGE", 10_000_000)
    monkeypatch.setattr(archive, "free_space", lambda _: 1000)
    assert refused(path, tmp_path / "f") == "disk-full"
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    assert refused(path, tmp_path / "f") == "bad-archive"


def test_a_length_that_is_a_lie_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("HF1.config", b"\0" * 100_000))
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    assert refused(path, tmp_path / "f") == "bad-archive"


@pytest.mark.parametrize("names", [(), ("a.txt",), ("sub/HF1.config",), ("x.txt", "a.config", "b.config")])
def test_a_zip_without_one_config_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = zipped(tmp_path / "x.zip", *((name, CONFIG) for name in names))
    assert refused(path, tmp_path / "f") == "no-config"


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "nowhere", "cannot-read"), (tmp_path, "no-config")):
        with pytest.raises(UsageError) as raised, opened(path):
            pass
        assert raised.value.code == code
