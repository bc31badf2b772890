"""Starting and stopping: the port, an orderly end, TLS, several processes, a proxy in front, cut downloads."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.servers.certificates import issue
from tests.servers.deployment import ROOT, Machine, wait
from tests.servers.nginx import nginx
from tests.servers.process import program
from tests.servers.relay import relay

LARGE = os.urandom(3_000_000)


def test_a_port_that_is_taken_is_said(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = machine.command("serve", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert b"[cannot-listen]" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_repository_that_is_not_there_is_said(machine: Machine, tmp_path: Path) -> None:
    ended = machine.command("serve", "--root", str(tmp_path / "none"), "--port", "0")
    assert (ended.returncode, b"[cannot-read]" in ended.stderr) == (1, True)


def test_a_certificate_without_its_key_is_refused(machine: Machine, tmp_path: Path) -> None:
    ended = machine.command("serve", "--port", "0", "--tls-cert", str(issue(tmp_path).certificate))
    assert (ended.returncode, b"[bad-setting]" in ended.stderr) == (2, True)


def test_told_to_stop_it_finishes_what_it_began(machine: Machine) -> None:
    machine.put("NextCCClient/large.bin", LARGE)
    with machine.serving() as running, socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.sendall(f"GET {ROOT}/NextCCClient/large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        got = bytearray(slow.recv(1000))
        running.process.terminate()
        while part := slow.recv(65536):
            got += part
        assert running.process.wait(60) == 0
    assert got.endswith(LARGE)
    assert b"Traceback" not in running.log.read_bytes()


def test_over_tls(machine: Machine, tmp_path: Path) -> None:
    made = issue(tmp_path / "tls")
    with machine.serving("--tls-cert", str(made.certificate), "--tls-key", str(made.key)) as running:
        assert running.address.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(made.ca_file))
        with httpx.Client(verify=trusted, trust_env=False) as client:
            answer = client.get(f"{running.address}{ROOT}/ClientSetup")
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers


def test_several_processes_answer_and_count_together(machine: Machine) -> None:
    with machine.serving("--workers", "2") as running:
        for _ in range(40):
            assert running.get(f"{ROOT}/install").status_code == 200

        def counted() -> bool:
            line = next(
                one
                for one in running.get("/metrics").text.splitlines()
                if one.startswith('micce_requests_total{kind="page"')
            )
            return float(line.rpartition(" ")[2]) == 40

        wait(counted, "both processes' counts are added up")
        assert running.end() == 0


@pytest.mark.parametrize("tool", ["curl", "wget2"])
def test_a_cut_download_is_resumed(machine: Machine, tmp_path: Path, tool: str) -> None:
    machine.put("NextCCClient/large.bin", LARGE)
    target = tmp_path / "Large.bin"
    with machine.serving() as running, relay(running.port) as between:
        url = f"http://127.0.0.1:{between.port}{ROOT}/nextccclient/Large.bin"
        commands = {
            "curl": ["curl", "-sS", "-C", "-", "-o", str(target), url],
            "wget2": ["wget2", "-q", "-c", "--tries=1", "-P", str(tmp_path), url],
        }
        program(tool)
        between.cut_at = 1_000_000
        subprocess.run(commands[tool], capture_output=True, check=False, timeout=120)
        assert 0 < target.stat().st_size < len(LARGE)
        between.cut_at = None
        subprocess.run(commands[tool], capture_output=True, check=True, timeout=120)
        assert b"range: bytes=" in bytes(between.asked).lower()
    assert target.read_bytes() == LARGE
    assert [one["status"] for one in running.visits() if str(one["path"]).endswith("bin")] == [200, 206]


PROXY = """
location / {{
    proxy_pass http://127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
}}
"""


def test_behind_nginx(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", extra='trusted_proxies = ["127.0.0.1"]')
    made = issue(tmp_path / "tls")
    machine.put("NextCCClient/large.bin", LARGE)
    (tmp_path / "empty").mkdir()
    with (
        machine.serving() as running,
        nginx(tmp_path / "empty", tmp_path / "nginx", tls=made, extra=PROXY.format(port=running.port)) as front,
    ):
        running.published("Default")
        trusted = ssl.create_default_context(cafile=str(made.ca_file))
        with httpx.Client(verify=trusted, trust_env=False, base_url=front.url) as client:
            page = client.get(f"{ROOT}/install")
            assert page.status_code == 200
            assert f"{front.url.rstrip('/')}{ROOT}/install" in page.text
            form = client.get(f"{ROOT}/ClientSetup")
            assert "not encrypted" not in form.text
            part = client.get(f"{ROOT}/NextCCClient/large.bin", headers={"Range": "bytes=100-199"})
            assert (part.status_code, part.content) == (206, LARGE[100:200])
            first = client.get(f"{ROOT}/manifest/default")
            again = client.get(f"{ROOT}/manifest/default", headers={"If-None-Match": first.headers["etag"]})
            assert again.status_code == 304
