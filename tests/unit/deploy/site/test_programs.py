"""Which programs are offered, and to whom."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from deploy.site.programs import System, Visitor, programs_in, system_of, visitor_system

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Mobile"


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("micce-deploy-9.7.1.EXE", System.WINDOWS),
        ("micce.msi", System.WINDOWS),
        ("micce-deploy-Windows-x64.zip", System.WINDOWS),
        ("micce-deploy-linux-x64.tar.gz", System.LINUX),
        ("micce.deb", System.LINUX),
        ("micce-deploy-macos.tar.gz", System.MAC),
        ("micce-macos.zip", System.MAC),
        ("micce.dmg", System.MAC),
        ("micce_deployment-9.7.1-py3-none-any.whl", System.ANY),
        ("micce.zip", None),
        ("micce-linux.txt", None),
        ("micce.exe.sha256", None),
        ("README.md", None),
    ],
)
def test_names_say_the_system(name: str, system: System | None) -> None:
    assert system_of(name) is system


@pytest.mark.parametrize(
    ("agent", "hint", "visitor"),
    [
        (WINDOWS, "", System.WINDOWS),
        (LINUX, "", System.LINUX),
        (MAC, "", System.MAC),
        (IPHONE, "", Visitor.HANDHELD),
        (ANDROID, "", Visitor.HANDHELD),
        (LINUX, '"Windows"', System.WINDOWS),
        (WINDOWS, '"macOS"', System.MAC),
        (LINUX, '"Android"', Visitor.HANDHELD),
        ("curl/8.0", "", Visitor.UNKNOWN),
        ("", "", Visitor.UNKNOWN),
    ],
)
def test_what_browsers_say(agent: str, hint: str, visitor: System | Visitor) -> None:
    assert visitor_system({"user-agent": agent, "sec-ch-ua-platform": hint}) is visitor


class TestFolder:
    def put(self, folder: Path, *names: str) -> None:
        for name in names:
            (folder / name).write_bytes(name.encode())

    def test_size_and_digest_are_of_the_file(self, tmp_path: Path) -> None:
        self.put(tmp_path, "a b#.exe")
        (one,) = programs_in(tmp_path)
        assert (one.name, one.size, one.sha256) == ("a b#.exe", 8, hashlib.sha256(b"a b#.exe").hexdigest())
        assert one.address == "/MiCCEInstallation/programs/a%20b%23.exe"

    def test_a_file_that_was_replaced_has_a_new_digest(self, tmp_path: Path) -> None:
        self.put(tmp_path, "a.exe")
        before = programs_in(tmp_path)
        other = tmp_path / "new"
        other.write_bytes(b"A.EXE")
        other.replace(tmp_path / "a.exe")
        (after,) = programs_in(tmp_path)
        assert after.sha256 == hashlib.sha256(b"A.EXE").hexdigest() != before[0].sha256

    def test_the_newest_of_each_system_comes_first(self, tmp_path: Path) -> None:
        self.put(tmp_path, "m-9.9.exe", "m-9.10.exe", "m-9.10.1.exe", "m-9.9-linux.tgz", "m.whl", "m-9.10-linux.tgz")
        assert [one.name for one in programs_in(tmp_path)] == [
            "m-9.10.1.exe",
            "m-9.10.exe",
            "m-9.9.exe",
            "m-9.10-linux.tgz",
            "m-9.9-linux.tgz",
            "m.whl",
        ]

    def test_what_is_not_served_is_not_offered(self, tmp_path: Path) -> None:
        folder = tmp_path / "programs"
        folder.mkdir()
        self.put(folder, ".hidden.exe", "good.exe", "con.exe")
        (folder / "folder.exe").mkdir()
        (tmp_path / "outside.exe").write_bytes(b"secret")
        (folder / "link.exe").symlink_to(tmp_path / "outside.exe")
        (folder / "broken.exe").symlink_to(tmp_path / "nowhere")
        os.mkfifo(folder / "pipe.exe")
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.exe")).write_bytes(b"")
        assert [one.name for one in programs_in(folder)] == ["good.exe"]

    def test_no_folder_offers_nothing(self, tmp_path: Path) -> None:
        assert programs_in(None) == ()
        assert programs_in(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("a.exe", "Open the file"),
        ("a-linux.tar.gz", "Unpack the file"),
        ("a.deb", "sudo apt install ./a.deb"),
        ("a.whl", "pipx install ./a.whl"),
    ],
)
def test_each_kind_says_what_to_do_with_it(tmp_path: Path, name: str, step: str) -> None:
    (tmp_path / name).write_bytes(b"")
    (one,) = programs_in(tmp_path)
    assert step in one.step
