"""Installing from real servers: what arrives, what is asked for, what a second run does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Machine, setup_config, tree
from tests.servers.certificates import issue
from tests.servers.nginx import nginx
from tests.servers.pyftpd import pyftpd
from tests.servers.samba import GUESTS, samba

ROOT = Path(__file__).parents[2]
SCRIPT = '#!/bin/sh\nprintf "%s|" "$@" > ran\npwd >> ran\n'


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """What a MiCC Enterprise server shares, awkward names included."""
    root = tmp_path / "www"
    client = root / "MiCCEInstallation" / "NextCCClient"
    scripts = root / "MiCCEInstallation" / "ScriptManager"
    for path, data in {
        client / "ClientSetup.exe": SCRIPT.encode(),
        client / "ClientSetup.ini": b"[General]\r\n",
        client / "Bin" / "Agent.exe": b"agent" * 1000,
        client / "Bin" / "de-DE" / "Größe & Maß 100%.resources.dll": b"\0\1\2",
        client / "Bin" / "a+b #1.dll": b"plus",
        client / "README": b"no dot",
        client / "empty.dat": b"",
        scripts / "Scripts" / "main.scr": b"script",
        scripts / "sm.exe": b"sm" * 5000,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def test_the_manuals_example_gives_exactly_the_files_of_the_tree(machine: Machine, share: Path, tmp_path: Path) -> None:
    """Its `MicCEInstallation` is spelled so nowhere on the server."""
    base = tmp_path / "client"
    with nginx(share, tmp_path / "nginx") as server:
        config = ROOT / "WebDeployment" / "Default" / "Setup.config"
        resolved = machine.run("resolve", config, "--set", f"WebServerUri={server.url}", "--json")
        installed = machine.run("install", config, "--set", f"WebServerUri={server.url}", "--to", base)
    assert (resolved.code, installed.code) == (0, 0), installed.err
    root = share / "MiCCEInstallation"
    wanted = {f"Solidus/{name}": data for name, data in tree(root / "NextCCClient").items()}
    wanted |= {f"ScriptManager/{name}": data for name, data in tree(root / "ScriptManager").items()}
    document = resolved.json
    assert {one["output"]: one["size"] for one in document["files"]} == {
        name: len(data) for name, data in wanted.items()
    }
    assert document["customerName"] == "Default Tenant"
    assert document["tenantID"] == -1
    assert document["execute"] == {
        "command": "Solidus\\ClientSetup.exe",
        "args": "/Q /F /C:ClientSetup.ini",
        "hidden": True,
    }
    assert [one["code"] for one in document["warnings"]] == ["other-spelling"]
    placed = tree(base)
    assert placed.pop("Solidus/ran").decode() == f"/Q|/F|/C:ClientSetup.ini|{base / 'Solidus'}\n"
    assert placed == wanted


def test_a_second_install_receives_no_byte_and_a_changed_file_alone(
    machine: Machine, share: Path, tmp_path: Path
) -> None:
    base = tmp_path / "client"
    with nginx(share, tmp_path / "nginx") as server:
        config = setup_config(
            tmp_path, f'include="{server.url}/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="Solidus"'
        )
        assert machine.run("install", config, "--to", base).code == 0
        server.forget()
        second = machine.run("install", config, "--to", base, "--json")
        asked = [one for one in server.requests() if not one.path.endswith("/")]
        assert all((one.status, one.sent) == (304, 0) for one in asked), asked
        assert second.events[-1]["transferred"] == 0
        assert second.events[-1]["alreadyRight"] == len(tree(base))
        changed = share / "MiCCEInstallation" / "NextCCClient" / "Bin" / "Agent.exe"
        changed.write_bytes(b"AGENT" * 1000)
        server.forget()
        third = machine.run("install", config, "--to", base, "--json")
        bodies = {one.path for one in server.requests() if one.status == 200 and not one.path.endswith("/")}
        assert bodies == {"/MiCCEInstallation/NextCCClient/Bin/Agent.exe"}
        assert third.events[-1]["transferred"] == 5000
    assert (base / "Solidus/Bin/Agent.exe").read_bytes() == b"AGENT" * 1000


def test_old_files_are_not_even_asked_about(machine: Machine, share: Path, tmp_path: Path) -> None:
    """A listing that shows the old size and an old time is proof enough."""
    import os

    for path in share.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    with nginx(share, tmp_path / "nginx") as server:
        config = setup_config(tmp_path, f'include="{server.url}/MiCCEInstallation/*.*" subDirs="true" outputFolder="."')
        assert machine.run("install", config, "--to", tmp_path / "client").code == 0
        server.forget()
        assert machine.run("install", config, "--to", tmp_path / "client").code == 0
        assert all(one.path.endswith("/") for one in server.requests())


def test_damaged_and_deleted_files_are_brought_back_and_verify_finds_what_hides(
    machine: Machine, share: Path, tmp_path: Path
) -> None:
    import os

    base = tmp_path / "client"
    with nginx(share, tmp_path / "nginx") as server:
        config = setup_config(
            tmp_path, f'include="{server.url}/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="."'
        )
        assert machine.run("install", config, "--to", base).code == 0
        whole = tree(base)
        (base / "README").unlink()
        (base / "Bin/Agent.exe").write_bytes(b"cut")
        assert machine.run("install", config, "--to", base).code == 0
        assert tree(base) == whole
        hidden = base / "Bin/Agent.exe"
        times = hidden.stat()
        hidden.write_bytes(b"EVIL!" * 1000)
        os.utime(hidden, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert machine.run("install", config, "--to", base, "--verify").code == 0
        assert tree(base) == whole


def test_all_five_kinds_of_source_in_one_run(machine: Machine, tmp_path: Path) -> None:
    roots = {kind: tmp_path / kind for kind in ("http", "https", "ftp", "file", "unc")}
    for kind, root in roots.items():
        (root / "deep").mkdir(parents=True)
        (root / f"{kind}.txt").write_text(kind)
        (root / "deep" / "größer & 100%.bin").write_bytes(kind.encode() * 1000)
    certificates = issue(tmp_path / "tls")
    machine.settings(f'[network]\nca_file = "{certificates.ca_file}"\n')
    with (
        nginx(roots["http"], tmp_path / "nginx") as http,
        nginx(roots["https"], tmp_path / "nginx-tls", tls=certificates) as https,
        pyftpd(roots["ftp"]) as ftp,
        samba(roots["unc"], tmp_path / "samba") as smb,
    ):
        machine.settings(f'[[smb]]\nhost = "127.0.0.1"\nport = {smb.port}\n')
        addresses = {
            "http": f"{http.url}/*.*",
            "https": f"{https.url}/*.*",
            "ftp": f"ftp://127.0.0.1:{ftp.port}/*.*",
            "file": f"file://{roots['file']}/*.*",
            "unc": f"\\\\127.0.0.1\\{GUESTS}\\*.*",
        }
        config = setup_config(
            tmp_path,
            *(f'include="{address}" subDirs="true" outputFolder="{kind}"' for kind, address in addresses.items()),
        )
        installed = machine.run("install", config, "--to", tmp_path / "client", "--json")
    assert installed.code == 0, installed.err
    assert tree(tmp_path / "client") == {
        f"{kind}/{name}": data for kind, root in roots.items() for name, data in tree(root).items()
    }
    assert installed.events[-1]["files"] == 10


def test_the_customers_ini_overwrites_the_stock_one(machine: Machine, share: Path, tmp_path: Path) -> None:
    own = tmp_path / "SharedFiles"
    own.mkdir()
    (own / "ClientSetup.ini").write_text("[RunAs]\n")
    with nginx(share, tmp_path / "nginx") as server, samba(own, tmp_path / "samba") as smb:
        machine.settings(f'[[smb]]\nhost = "127.0.0.1"\nport = {smb.port}\n')
        config = setup_config(
            tmp_path,
            f'include="{server.url}/MiCCEInstallation/NextCCClient/*.*" outputFolder="Solidus"',
            f'include="\\\\127.0.0.1\\{GUESTS}\\ClientSetup.ini" outputFolder="Solidus"',
        )
        resolved = machine.run("resolve", config, "--json").json
        assert machine.run("install", config, "--to", tmp_path / "client").code == 0
        got = [one.path for one in server.requests() if one.status == 200 and not one.path.endswith("/")]
    assert [(one["output"], one["entry"], one["by"]["entry"]) for one in resolved["overwritten"]] == [
        ("Solidus/ClientSetup.ini", 1, 2)
    ]
    assert (tmp_path / "client/Solidus/ClientSetup.ini").read_text() == "[RunAs]\n"
    assert not [path for path in got if path.endswith("ClientSetup.ini")]


def test_the_setup_config_itself_from_an_address_knows_its_server(
    machine: Machine, share: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "WebDeployment", share / "MiCCEInstallation" / "WebDeployment")
    with nginx(share, tmp_path / "nginx") as server:
        address = f"{server.url}/MiCCEInstallation/WebDeployment/Default/Setup.config"
        assert machine.run("check", address).code == 0
        assert machine.run("install", address, "--to", tmp_path / "client", "--no-execute").code == 0
    assert (tmp_path / "client/ScriptManager/sm.exe").exists()
    assert not (tmp_path / "client/Solidus/ran").exists()


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (7, 1)])
def test_the_exit_code_of_the_command_decides(
    machine: Machine, share: Path, tmp_path: Path, code: int, ended: int
) -> None:
    (share / "tool").write_text(f"#!/bin/sh\nexit {code}\n")
    config = setup_config(
        tmp_path, f'include="file://{share}/tool" outputFolder="bin"', execute='<execute command="bin\\tool" />'
    )
    done = machine.run("install", config, "--to", tmp_path / "client")
    assert done.code == ended
    assert "exit code" in done.out + done.err


def test_two_installations_into_one_folder_do_not_mix(machine: Machine, share: Path, tmp_path: Path) -> None:
    """While one holds the folder in its command, another says busy and changes nothing."""
    (share / "tool").write_text("#!/bin/sh\necho started > started\nwhile [ ! -e end ]; do sleep 0.05; done\n")
    config = setup_config(
        tmp_path, f'include="file://{share}/tool" outputFolder="bin"', execute='<execute command="bin\\tool" />'
    )
    base = tmp_path / "client"
    first = machine.start("install", config, "--to", base)
    try:
        wait_for(base / "bin" / "started")
        second = machine.run("install", config, "--to", base)
    finally:
        (base / "bin" / "end").touch()
        first.wait(60)
    assert (second.code, first.returncode) == (1, 0)
    assert "[busy]" in second.err


def wait_for(path: Path) -> None:
    import time

    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)
