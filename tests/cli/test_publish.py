"""Publishing as an administrator types it: everybody, one, verified, copied, and what goes wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Machine
from tests.unit.deploy.site.publish_bench import NEXT, UNC, Bench, installed

SECRET = "canary-pass-word"


@pytest.fixture
def bench(machine: Machine) -> Bench:
    found = Bench(machine.folder)
    (machine.folder / "server.toml").write_text(
        '[publish]\nfolder = "published"\nquiet = 0\n[shares]\nNextCCClient = "next"\nScriptManager = "script"\n'
    )
    found.put("next/a.dll", "a" * 1000)
    found.put("next/large.bin", b"L" * 2_000_000)
    found.customer("Default")
    found.customer("acmecorp", NEXT + UNC)
    return found


def test_everybody_and_again(machine: Machine, bench: Bench) -> None:
    done = machine.run("publish", "--settings", "server.toml")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "acmecorp: published (2 files, 1.9 MiB, 1 entry left to the clients)",
        "Default: published (2 files, 1.9 MiB)",
        "2 packs and objects written, 1.9 MiB",
    ]
    assert "acmecorp: reading: 2 files" in done.err
    assert bench.installed("acmecorp") == bench.installed("default")
    again = machine.run("publish", "--settings", "server.toml")
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines() == [
        "acmecorp: unchanged (2 files, 1.9 MiB, 1 entry left to the clients)",
        "Default: unchanged (2 files, 1.9 MiB)",
    ]


def test_one_in_any_case_and_one_that_is_not_there(machine: Machine, bench: Bench) -> None:
    done = machine.run("publish", "ACMECORP", "--settings", "server.toml", "--json")
    assert done.code == 0
    assert done.json["ok"]
    assert done.json["written"] == 2
    assert done.json["copied"] is None
    assert [(one["customer"], one["state"], one["clientEntries"]) for one in done.json["customers"]] == [
        ("acmecorp", "published", 1)
    ]
    assert not (bench.settings.published / "customers/default").exists()
    wrong = machine.run("publish", "nobody", "acmecorp", "nowhere", "--settings", "server.toml")
    assert wrong.code == 1
    assert wrong.err.count("unknown-customer") == 2


def test_a_broken_customer_ends_with_exit_code_1_and_stops_nobody(machine: Machine, bench: Bench) -> None:
    bench.put("WebDeployment/acmecorp/Setup.config", "<configuration>")
    done = machine.run("publish", "--settings", "server.toml")
    assert done.code == 1
    assert "acmecorp: NOT published; what was published before stays\n" in done.out
    assert "Default: published" in done.out
    assert "not-well-formed" in done.err
    told = machine.run("publish", "--settings", "server.toml", "--json").json
    assert not told["ok"]
    (one,) = [one for one in told["customers"] if one["customer"] == "acmecorp"]
    assert (one["state"], [problem["code"] for problem in one["problems"]]) == ("refused", ["not-well-formed"])


def test_a_folder_that_is_gone_is_taken_back(machine: Machine, bench: Bench) -> None:
    machine.run("publish", "--settings", "server.toml")
    shutil.rmtree(bench.settings.root / "acmecorp")
    done = machine.run("publish", "--settings", "server.toml")
    assert "acmecorp: has no folder any more, and is taken back\n" in done.out
    assert done.code == 0


def test_damage_is_found_and_repaired(machine: Machine, bench: Bench) -> None:
    machine.run("publish", "--settings", "server.toml")
    for address, size in bench.contents().items():
        (bench.settings.published / address).write_bytes(b"\0" * size)
    done = machine.run("publish", "--verify", "--settings", "server.toml")
    assert done.code == 0
    assert done.err.count("[repaired]") == 2
    assert bench.installed("acmecorp")["Solidus/a.dll"] == b"a" * 1000
    clean = machine.run("publish", "--verify", "--settings", "server.toml")
    assert "repaired" not in clean.err


def test_copied_to_a_folder(machine: Machine, bench: Bench, tmp_path: Path) -> None:
    done = machine.run("publish", "--settings", "server.toml", "--to", f"file://{tmp_path}/www")
    assert done.code == 0, done.err
    assert f"file://{tmp_path}/www: 2 contents copied, 1.9 MiB; 2 manifests changed\n" in done.out
    assert installed(tmp_path / "www", bench.manifest("acmecorp")) == bench.installed("acmecorp")
    told = machine.run("publish", "--settings", "server.toml", "--to", f"file://{tmp_path}/www", "--json").json
    assert (told["copied"]["uploaded"], told["copied"]["manifests"]) == (0, 0)


def test_an_address_that_does_not_work_is_told_before_anything_is_published(machine: Machine, bench: Bench) -> None:
    done = machine.run("publish", "--settings", "server.toml", "--to", f"nonsense://me:{SECRET}@host/x")
    assert done.code == 2
    assert "bad-address" in done.err
    assert SECRET not in done.err + done.out
    assert not bench.settings.published.exists()


def test_a_repository_that_is_not_there(machine: Machine) -> None:
    done = machine.run("publish", "--root", "nowhere", "--json")
    assert done.code == 1
    assert [problem["code"] for problem in done.json["problems"]] == ["cannot-read"]


def test_a_tree_that_cannot_be_written(machine: Machine, bench: Bench) -> None:
    bench.settings.published.write_bytes(b"a file in its place")
    done = machine.run("publish", "--settings", "server.toml")
    assert done.code == 1
    assert "cannot-write" in done.err
