"""`micce-deploy hotfixes`, run as an administrator runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.lock import only_one
from tests.cli.conftest import Ended, Machine
from tests.unit.hotfix.packages import file, files, package

HELD = {"a.dll": "a", "Client/b.dll": "b"}
INNER = files(file("a.dll", roles="Router"), file("Client/*.*", roles="Client"))


@pytest.fixture
def broker(machine: Machine) -> Machine:
    (machine.folder / "inst").mkdir()
    machine.settings(f'roles = ["Broker"]\n[identifiers]\nInstallDir = "{machine.folder}/inst"\n')
    return machine


def run(machine: Machine, *arguments: str | Path) -> Ended:
    return machine.run("hotfixes", *arguments)


def test_a_hotfix_is_published_shown_withdrawn_and_published_again(broker: Machine, tmp_path: Path) -> None:
    config = package(tmp_path / "p", INNER, HELD, 'id="HF1" revision="2" name="Recall"')
    assert run(broker, "list").out.endswith("no hotfixes\n")
    added = run(broker, "add", config)
    assert (added.code, added.err) == (0, "")
    assert "HF1 revision 2 is published" in added.out
    listed = run(broker, "list", "--json").json
    assert listed["repository"] == f"{broker.folder}/inst/HotFixes"
    (one,) = listed["hotfixes"]
    assert (one["id"], one["revision"], one["offered"], one["withdrawn"]) == ("HF1", 2, True, None)
    shown = run(broker, "show", "hf1", "--json").json
    assert [file["path"] for file in shown["files"]] == ["a.dll", "Client/b.dll", "HF1.config"]
    assert "Client/b.dll" in run(broker, "show", "HF1").out
    withdrawn = run(broker, "withdraw", "HF1", "--json").json["withdrawn"]
    assert [entry["offered"] for entry in withdrawn] == [False]
    assert run(broker, "list", "--json").json["hotfixes"] == []
    assert len(run(broker, "list", "--all", "--json").json["hotfixes"]) == 1
    assert "withdrawn" in run(broker, "list", "--all").out
    assert run(broker, "add", config.parent).code == 0
    assert run(broker, "list", "--json").json["hotfixes"][0]["offered"]


def test_what_servers_alone_need_is_not_offered(broker: Machine, tmp_path: Path) -> None:
    config = package(tmp_path / "p", files(file("a.dll", roles="Router")), HELD)
    assert "for servers only" in run(broker, "add", config).out
    assert run(broker, "list", "--json").json["hotfixes"] == []
    assert "for servers only" in run(broker, "list", "--all").out


def test_verify_says_what_is_damaged(broker: Machine, tmp_path: Path) -> None:
    assert run(broker, "add", package(tmp_path / "p", INNER, HELD)).code == 0
    assert run(broker, "verify", "--json").json == {
        "ok": True,
        "files": 3,
        "size": sum(path.stat().st_size for path in (tmp_path / "p").rglob("*") if path.is_file()),
        "problems": [],
    }
    (broker.folder / "inst" / "HotFixes" / "HF1" / "1" / "a.dll").write_text("b")
    found = run(broker, "verify", "--json")
    assert (found.code, [one["code"] for one in found.json["problems"]]) == (1, ["digest-mismatch"])
    assert "1 damaged or missing" in run(broker, "verify").out


def test_every_problem_of_a_package_is_said(broker: Machine, tmp_path: Path) -> None:
    config = package(tmp_path / "p", files(file("x.dll"), file("y/*.dll")), {})
    ended = run(broker, "add", config)
    assert ended.code == 1
    assert "[missing-file]" in ended.err
    assert "[nothing-included]" in ended.err
    assert [one["code"] for one in run(broker, "add", config, "--json").json["problems"]] == [
        "missing-file",
        "nothing-included",
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "HF9"), 1, "not-published"),
        (("withdraw", "HF9"), 1, "not-published"),
        (("add", "nowhere.config"), 2, "cannot-read"),
        (("add",), 2, "Missing argument"),
        (("withdraw", "HF9", "--revision", "0"), 2, "--revision"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_mistakes_end_with_a_reason(broker: Machine, words: tuple[str, ...], code: int, said: str) -> None:
    ended = run(broker, *words)
    assert (ended.code, said in ended.err, "Traceback" in ended.err) == (code, True, False)


def test_without_an_installation_folder(machine: Machine, tmp_path: Path) -> None:
    machine.settings(f'[identifiers]\nInstallDir = "{machine.folder}/nowhere"\n')
    ended = run(machine, "add", package(tmp_path / "p", INNER, HELD))
    assert (ended.code, "no-install-folder" in ended.err) == (1, True)
    assert not (machine.folder / "nowhere").exists()


def test_only_one_writer_at_a_time(broker: Machine, tmp_path: Path) -> None:
    config = package(tmp_path / "p", INNER, HELD)
    assert run(broker, "add", config).code == 0
    state = next(path.parent for path in broker.folder.rglob("installer.lock"))
    with only_one(state / "installer.lock", "test"):
        assert "[busy]" in run(broker, "withdraw", "HF1").err
        assert run(broker, "list").code == 0


def test_a_change_that_was_broken_off_comes_first(broker: Machine, tmp_path: Path) -> None:
    config = package(tmp_path / "p", INNER, HELD)
    assert run(broker, "add", config).code == 0
    state = next(path.parent for path in broker.folder.rglob("installer.lock"))
    (state / "change").mkdir()
    ended = run(broker, "withdraw", "HF1")
    assert (ended.code, "change-unfinished" in ended.err) == (1, True)
