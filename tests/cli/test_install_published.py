"""Installing what was published, from the product's own server and from any static one: requests, bytes, damage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.deployment import ROOT, SHARES, Machine
from tests.servers.nginx import nginx

MANY = {f"NextCCClient/many/{number:03}.txt": f"number {number}\n".encode() * 50 for number in range(300)}
LARGE = os.urandom(3_000_000)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "server")
    for name, content in MANY.items():
        made.put(name, content)
    made.put("NextCCClient/large.bin", LARGE)
    return made


@pytest.fixture
def client(tmp_path: Path) -> Machine:
    """Another computer: its own state, nothing served."""
    return Machine(tmp_path / "client")


def publish(machine: Machine, *customers: str) -> None:
    done = machine.command("publish", *customers)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def static(machine: Machine, tmp_path: Path) -> Iterator[str]:
    """nginx over the published tree; the address of Default's manifest."""
    publish(machine)
    with nginx(machine.folder / "state/published", tmp_path / "nginx") as server:
        yield f"{server.url}/customers/default/manifest.json"


def install(client: Machine, address: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    return client.command("install", address, "--to", str(client.folder / "installed"), "--json", *options)


def result(done: subprocess.CompletedProcess[bytes]) -> dict[str, object]:
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def expected() -> dict[str, bytes]:
    found = {}
    for name, content in {**SHARES, **MANY, "NextCCClient/large.bin": LARGE}.items():
        share, _, rest = name.partition("/")
        found[f"{'Solidus' if share == 'NextCCClient' else share}/{rest}"] = content
    return found


def installed(client: Machine) -> dict[str, bytes]:
    base = client.folder / "installed"
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}


def asked(machine: Machine, tmp_path: Path) -> list[list[str]]:
    log = tmp_path / "nginx/access.log"
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    log.write_text("")
    return rows


def test_from_the_server_itself(machine: Machine, client: Machine) -> None:
    with machine.serving() as serving:
        serving.published("Default")
        found = result(install(client, f"{serving.address}/micceinstallation/INSTALL"))
        assert found["execute"] is not None
        assert installed(client) == expected()
        again = result(install(client, f"{serving.address}{ROOT}/install/default"))
        assert (again["fetched"], again["transferred"]) == (0, 0)


def test_few_requests_bring_many_files(machine: Machine, client: Machine, static: str, tmp_path: Path) -> None:
    result(install(client, static))
    assert installed(client) == expected()
    rows = asked(machine, tmp_path)
    assert len(rows) < 10, rows
    assert sum(int(row[3]) for row in rows) < 1.2 * sum(map(len, expected().values()))


def test_nothing_changed_is_one_conditional_request(
    machine: Machine, client: Machine, static: str, tmp_path: Path
) -> None:
    result(install(client, static))
    asked(machine, tmp_path)
    assert result(install(client, static))["transferred"] == 0
    assert [(row[1], row[2]) for row in asked(machine, tmp_path)] == [("/customers/default/manifest.json", "304")]


def test_a_few_changed_files_cost_about_their_bytes(
    machine: Machine, client: Machine, static: str, tmp_path: Path
) -> None:
    result(install(client, static))
    for number in (7, 150, 299):
        machine.put(f"NextCCClient/many/{number:03}.txt", f"changed {number}\n".encode() * 60)
    publish(machine)
    asked(machine, tmp_path)
    found = result(install(client, static))
    assert found["fetched"] == 3
    rows = [row for row in asked(machine, tmp_path) if "/packs/" in row[1]]
    assert len(rows) <= 2
    assert sum(int(row[3]) for row in rows) < 20_000
    assert (client.folder / "installed/Solidus/many/150.txt").read_bytes() == b"changed 150\n" * 60


def test_what_only_the_client_sees_wins_over_what_was_published(machine: Machine, client: Machine) -> None:
    own = client.folder / "own share"
    own.mkdir()
    own.joinpath("ClientSetup.ini").write_bytes(b"[General]\r\nCustomerID=acmecorp\r\n")
    added = machine.command("customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1")
    assert added.returncode == 0, added.stderr
    config = machine.root / "acmecorp/Setup.config"
    address = f"file://{own}/ClientSetup.ini".replace(" ", "%20")
    entry = f'    <file include="{address}" outputFolder="Solidus" />\n  </files>'
    config.write_text(config.read_text().replace("  </files>", entry))
    with machine.serving() as serving:
        serving.published("acmecorp")
        found = result(install(client, f"{serving.address}{ROOT}/install/acmecorp"))
    assert found["files"] == len(expected())
    assert installed(client)["Solidus/ClientSetup.ini"] == b"[General]\r\nCustomerID=acmecorp\r\n"


def pack_of(machine: Machine) -> Path:
    packs = [path for path in (machine.folder / "state/published/packs").rglob("*") if path.is_file()]
    return max(packs, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damage_is_told_and_nothing_is_placed(machine: Machine, client: Machine, static: str, damage: str) -> None:
    pack = pack_of(machine)
    whole = pack.read_bytes()
    pack.chmod(0o644)
    match damage:
        case "flip":
            pack.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
        case "cut":
            pack.write_bytes(whole[:5000])
        case "gone":
            pack.unlink()
    done = install(client, static)
    assert done.returncode == 1
    code = {"flip": b"digest-mismatch", "cut": b"cut-off", "gone": b"not-found"}[damage]
    assert code in done.stderr
    assert b"Traceback" not in done.stderr
    assert installed_files_of_the_release(client) == {}
    pack.write_bytes(whole)
    found = result(install(client, static))
    assert installed(client) == expected()
    if damage == "flip":
        assert int(str(found["transferred"])) < len(whole) / 5


def installed_files_of_the_release(client: Machine) -> dict[str, bytes]:
    return {name: data for name, data in installed(client).items() if not name.startswith(".micce")}


def test_a_server_that_ignores_ranges_is_read_over(machine: Machine, client: Machine, tmp_path: Path) -> None:
    publish(machine)
    tree = machine.folder / "state/published"
    with nginx(tree, tmp_path / "nginx", extra="max_ranges 0;") as server:
        address = f"{server.url}/customers/default/manifest.json"
        result(install(client, address))
        for number in range(0, 300, 2):
            (client.folder / f"installed/Solidus/many/{number:03}.txt").unlink()
        assert result(install(client, address))["fetched"] == 150
    assert installed(client) == expected()


def test_it_is_shown_before_it_is_done(machine: Machine, client: Machine, static: str) -> None:
    done = client.command("resolve", static, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["files"]) == len(expected())


def test_a_customer_that_is_not_there(client: Machine, machine: Machine) -> None:
    with machine.serving() as serving:
        done = install(client, f"{serving.address}{ROOT}/install/nobody")
    assert (done.returncode, b"[not-found]" in done.stderr) == (1, True)


def test_a_manifest_that_is_none(client: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "docroot/customers/x"
    folder.mkdir(parents=True)
    folder.joinpath("manifest.json").write_text("<html>Sign in</html>")
    with nginx(tmp_path / "docroot", tmp_path / "nginx") as server:
        done = install(client, f"{server.url}/customers/x/manifest.json")
    assert (done.returncode, b"[bad-manifest]" in done.stderr) == (1, True)


def test_a_damaged_copy_of_the_manifest_costs_a_transfer_only(
    machine: Machine, client: Machine, static: str, tmp_path: Path
) -> None:
    result(install(client, static))
    (kept,) = (client.folder / "state/manifests").iterdir()
    kept.write_bytes(kept.read_bytes()[:-5])
    asked(machine, tmp_path)
    assert result(install(client, static))["fetched"] == 0
    assert [row[2] for row in asked(machine, tmp_path)] == ["200"]


def test_the_record_lost_brings_everything_once_more(machine: Machine, client: Machine, static: str) -> None:
    result(install(client, static))
    shutil.rmtree(client.folder / "state")
    assert result(install(client, static))["fetched"] == len(expected())
    assert installed(client) == expected()
