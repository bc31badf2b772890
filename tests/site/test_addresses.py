"""Every address of the table, on a running server."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest

from tests.servers.deployment import ROOT, SHARES, Serving, wait

HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy")


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/install",
        f"{ROOT}/install/",
        f"{ROOT}/install/acmecorp",
        f"{ROOT}/install/ACMECORP",
        "/MICCEINSTALLATION/INSTALL/AcmeCorp",
        "/micceinstallation/clientsetup/acmecorp",
        f"{ROOT}/ClientSetup",
        f"{ROOT}/admin/",
        f"{ROOT}/admin",
    ],
)
def test_pages_are_found_in_any_case(serving: Serving, path: str) -> None:
    answer = serving.get(path, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert all(name in answer.headers for name in HEADERS)
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", ROOT, f"{ROOT}/"])
def test_the_root_leads_to_the_page_of_the_default_tenant(serving: Serving, path: str) -> None:
    answer = serving.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{ROOT}/install")


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/install/nobody",
        f"{ROOT}/install/acmecorp/more",
        f"{ROOT}/ClientSetup/nobody",
        f"{ROOT}/manifest/nobody",
        f"{ROOT}/NextCCClient",
        f"{ROOT}/NextCCClient/",
        f"{ROOT}/NextCCClient/none.exe",
        f"{ROOT}/WebDeployment/acmecorp",
        f"{ROOT}/WebDeployment/nobody/Setup.config",
        f"{ROOT}/WebDeployment/Setup.config",
        f"{ROOT}/published/packs/ab/" + "ab" * 32,
        f"{ROOT}/published/customers",
        f"{ROOT}/HotFixes/catalog.json",
        f"{ROOT}/programs/none.exe",
        f"{ROOT}/static/none.css",
        f"{ROOT}/else",
        "/else",
        "/favicon.ico",
    ],
)
def test_what_is_not_there_names_no_customer(serving: Serving, path: str) -> None:
    answer = serving.get(path)
    assert answer.status_code == 404
    assert "acme" not in answer.text.casefold().replace("webdeployment/acmecorp", "")
    assert all(name in answer.headers for name in HEADERS)


@pytest.mark.parametrize("name", SHARES)
def test_files_of_shares(serving: Serving, name: str) -> None:
    share, _, rest = name.partition("/")
    path = f"{ROOT}/{share.upper()}/{rest}".replace(" ", "%20")
    answer = serving.get(path)
    assert (answer.status_code, answer.content) == (200, SHARES[name])
    assert answer.headers["etag"].startswith('"')
    again = serving.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = serving.get(path, method="HEAD")
    assert (head.headers["content-length"], head.content) == (str(len(SHARES[name])), b"")
    part = serving.get(path, headers={"Range": "bytes=1-3", "If-Range": answer.headers["etag"]})
    assert (part.status_code, part.content) == (206, SHARES[name][1:4])


def test_files_of_a_customer_but_no_views_and_keys(serving: Serving) -> None:
    folder = serving.machine.root / "acmecorp"
    hidden = ["Index.cshtml", "Index.html.j2", "tls.key", "customer.pfx", ".hidden"]
    for name in [*hidden, "ClientSetup.ini"]:
        folder.joinpath(name).write_text("@Model.CustomerName" if name == "Index.cshtml" else "{{ CustomerName }}")
    try:
        assert serving.get(f"{ROOT}/WebDeployment/acmecorp/clientsetup.INI").status_code == 200
        assert serving.get(f"{ROOT}/webdeployment/ACMECORP/setup.config").status_code == 200
        for name in hidden:
            assert serving.get(f"{ROOT}/WebDeployment/acmecorp/{name}").status_code == 404, name
            assert serving.get(f"{ROOT}/WebDeployment/acmecorp/{name.upper()}").status_code == 404, name
    finally:
        for name in [*hidden, "ClientSetup.ini"]:
            folder.joinpath(name).unlink()


def test_the_manifest_and_what_it_names(serving: Serving) -> None:
    answer = serving.get(f"{ROOT}/manifest/ACMECORP")
    assert answer.status_code == 200
    assert json.loads(answer.content)["customer"] == "acmecorp"
    assert serving.get(f"{ROOT}/published/customers/acmecorp/manifest.json").content == answer.content
    assert (
        serving.get(f"{ROOT}/manifest/acmecorp", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    )
    (pack,) = [path for path in (serving.machine.folder / "state/published/packs").rglob("*") if path.is_file()]
    found = serving.get(f"{ROOT}/published/packs/{pack.name[:2]}/{pack.name}")
    assert hashlib.sha256(found.content).hexdigest() == pack.name
    assert "immutable" in found.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (f"{ROOT}/install", "POST"),
        (f"{ROOT}/NextCCClient/ClientSetup.exe", "PUT"),
        (f"{ROOT}/manifest/acmecorp", "DELETE"),
        ("/healthz", "POST"),
        (f"{ROOT}/ClientSetup", "PATCH"),
    ],
)
def test_other_methods_are_refused_with_those_there_are(serving: Serving, path: str, method: str) -> None:
    answer = serving.get(path, method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_metrics_count_and_name_no_customer(serving: Serving) -> None:
    serving.get(f"{ROOT}/install/acmecorp")
    text = serving.get("/metrics").text
    assert 'micce_requests_total{kind="page",status="200"}' in text
    assert "acmecorp" not in text


def test_the_access_log_has_no_query_and_no_headers(serving: Serving) -> None:
    secret = {"Authorization": "canary-in-a-header", "User-Agent": "of this test"}
    serving.get(f"{ROOT}/install/acmecorp?password=canary-in-a-query", headers=secret)
    wait(lambda: serving.visits()[-1]["agent"] == "of this test", "the request is in the log")
    assert serving.visits()[-1]["path"] == f"{ROOT}/install/acmecorp"
    assert "canary" not in serving.access.read_text() + serving.log.read_text()


ATTACKS = [
    b"/MiCCEInstallation/NextCCClient/../../WebDeployment/acmecorp/Setup.config",
    b"/MiCCEInstallation/NextCCClient/..%2f..%2fserver.toml",
    b"/MiCCEInstallation/NextCCClient/%2e%2e/%2e%2e/server.toml",
    b"/MiCCEInstallation/NextCCClient/%252e%252e/server.toml",
    b"/MiCCEInstallation/NextCCClient/..%5c..%5cserver.toml",
    b"/MiCCEInstallation/NextCCClient/..\\..\\server.toml",
    b"/MiCCEInstallation/NextCCClient/ClientSetup.exe%00.txt",
    b"/MiCCEInstallation/NextCCClient/ClientSetup.exe::$DATA",
    b"/MiCCEInstallation/NextCCClient/CLIENT~1.EXE",
    b"/MiCCEInstallation/NextCCClient/%c0%ae%c0%ae/%c0%ae%c0%ae/server.toml",
    b"/MiCCEInstallation/NextCCClient/%ff",
    b"/MiCCEInstallation/NextCCClient/CON",
    b"/MiCCEInstallation/NextCCClient/ClientSetup.exe.",
    b"/MiCCEInstallation/NextCCClient/ClientSetup.exe%20",
    b"/MiCCEInstallation/NextCCClient//etc/passwd",
    b"/MiCCEInstallation/NextCCClient/out/secret.txt",
    b"/MiCCEInstallation/NextCCClient/secret-link.txt",
    b"/MiCCEInstallation/WebDeployment/../server.toml",
    b"/MiCCEInstallation/WebDeployment/acmecorp/../../server.toml",
    b"/MiCCEInstallation/WebDeployment/acmecorp%2f..%2f../server.toml",
    b"/MiCCEInstallation/install/..%2facmecorp",
    b"/MiCCEInstallation/install/%2e%2e",
    b"/MiCCEInstallation/install/acmecorp%00",
    b"/MiCCEInstallation/install/acmecorp.",
    b"/MiCCEInstallation/manifest/../acmecorp/x",
    b"/MiCCEInstallation/published/../secret",
    b"/MiCCEInstallation/published/packs/../../server",
    b"/MiCCEInstallation/static/../app.py",
    b"/MiCCEInstallation/static/..%2fapp.py",
    b"/..%2f..%2fetc/passwd",
    b"//etc/passwd",
    b"/MiCCEInstallation/NextCCClient/?../../server.toml",
    b"/MiCCEInstallation/NextCCClient/%3f",
]


@pytest.fixture
def outside(serving: Serving) -> None:
    folder = serving.machine.folder / "outside"
    folder.mkdir(exist_ok=True)
    folder.joinpath("secret.txt").write_text("canary-outside")
    share = serving.machine.shares / "NextCCClient"
    for name, target in (("out", folder), ("secret-link.txt", folder / "secret.txt")):
        if not share.joinpath(name).is_symlink():
            share.joinpath(name).symlink_to(target)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("target", ATTACKS)
def test_paths_that_lead_out_are_not_found(serving: Serving, target: bytes) -> None:
    answer = raw(serving, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ", 2)[1] in (b"404", b"400"), answer[:200]
    assert b"canary-outside" not in answer
    assert b"Traceback" not in answer


def raw(serving: Serving, request: bytes) -> bytes:
    """Send bytes as they are; everything that comes back."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)
