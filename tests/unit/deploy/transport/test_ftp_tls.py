"""FTP over TLS: who is trusted, what is never said in the clear, where TLS begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport import location as locations
from deploy.transport.contract import TransportSettings, Unchanged
from deploy.transport.ftp import FtpTransport
from deploy.transport.location import Credentials, Location, Scheme
from tests.servers.certificates import Certificates, issue
from tests.servers.pyftpd import PASSWORD, USER, pyftpd
from tests.servers.scripted_ftp import ScriptedFtp, scripted_ftp
from tests.servers.vsftpd import vsftpd

DATA = os.urandom(200_000)
SECRET = Credentials("canary-user", "canary-pass")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def docroot(tmp_path: Path) -> Path:
    (tmp_path / "doc").mkdir()
    (tmp_path / "doc" / "a").write_bytes(DATA)
    return tmp_path / "doc"


def settings(certificates: Certificates) -> TransportSettings:
    return TransportSettings(ca_file=str(certificates.ca_file), answer_timeout=5)


def read(transport: FtpTransport, file: Location) -> bytes:
    body = transport.open(file)
    assert not isinstance(body, Unchanged)
    view, whole = memoryview(bytearray(65536)), bytearray()
    while count := body.readinto(view):
        whole += view[:count]
    return bytes(whole)


@pytest.mark.parametrize("scheme", [Scheme.FTPS, Scheme.FTPES])
def test_another_port_is_explicit(docroot: Path, trusted: Certificates, scheme: Scheme) -> None:
    with pyftpd(docroot, tls=trusted) as server:
        root = Location(scheme, "127.0.0.1", server.port, credentials=Credentials(USER, PASSWORD))
        with FtpTransport(root, settings(trusted)) as transport:
            assert read(transport, root.child("a")) == DATA
            assert read(transport, root.child("a")) == DATA
    assert server.commands[0] == "AUTH TLS"
    assert server.said("PBSZ", "PROT") == ["PBSZ 0", "PROT P"]
    assert server.connections == 1


def test_its_own_port_is_implicit(docroot: Path, trusted: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    with pyftpd(docroot, tls=trusted, implicit=True) as server:
        monkeypatch.setitem(locations.DEFAULT_PORTS, Scheme.FTPS, server.port)
        for root in (Location(Scheme.FTPS, "127.0.0.1"), Location(Scheme.FTPS, "127.0.0.1", server.port)):
            with FtpTransport(root, settings(trusted)) as transport:
                assert read(transport, root.child("a")) == DATA
    assert server.said("AUTH") == []
    assert server.said("PROT") == ["PROT P"] * 2


def test_sessions_are_taken_up_again_for_data(docroot: Path, tmp_path: Path, trusted: Certificates) -> None:
    with vsftpd(docroot, tmp_path / "server", tls=trusted) as server:
        root = Location(Scheme.FTPES, "127.0.0.1", server.port)
        with FtpTransport(root, settings(trusted)) as transport:
            assert [one.name for one in transport.list(root).entries] == ["a"]
            assert read(transport, root.child("a")) == DATA
    assert "reuse" not in server.log.read_text("utf-8", "replace").lower()


def test_a_certificate_of_an_unknown_authority(docroot: Path, trusted: Certificates, tmp_path: Path) -> None:
    with pyftpd(docroot, tls=issue(tmp_path / "other")) as server:
        root = Location(Scheme.FTPES, "127.0.0.1", server.port, credentials=SECRET)
        for asked in (settings(trusted), TransportSettings()):
            with FtpTransport(root, asked) as transport, pytest.raises(SourceError) as wrong:
                transport.list(root)
            assert (wrong.value.code, wrong.value.transient) == ("certificate-refused", False)
    assert server.said("USER", "PASS") == []


def test_a_certificate_for_another_host(docroot: Path, tmp_path: Path) -> None:
    other = issue(tmp_path / "other", "elsewhere.example")
    with pyftpd(docroot, tls=other) as server:
        root = Location(Scheme.FTPES, "127.0.0.1", server.port, credentials=SECRET)
        with FtpTransport(root, settings(other)) as transport, pytest.raises(SourceError) as wrong:
            transport.list(root)
    assert wrong.value.code == "certificate-refused"
    assert server.said("USER", "PASS") == []


@pytest.mark.parametrize("reply", ["502 not here", "500 what?", "534 policy"])
def test_a_server_without_tls_hears_no_password(trusted: Certificates, reply: str) -> None:
    script = ScriptedFtp(replies={"AUTH": reply})
    with scripted_ftp(script):
        root = Location(Scheme.FTPS, "127.0.0.1", script.port, credentials=SECRET)
        with FtpTransport(root, settings(trusted)) as transport:
            for ask in (transport.list, transport.stat, transport.open):
                with pytest.raises(SourceError) as wrong:
                    ask(root.child("a"))
                assert wrong.value.code in ("bad-answer", "access-denied")
    assert script.commands == ["AUTH TLS"] * 3


def test_a_server_that_protects_no_data_is_not_asked_for_any(trusted: Certificates) -> None:
    script = ScriptedFtp(tls=trusted, files={"/a": DATA}, replies={"PROT": "534 data in the clear only"})
    with scripted_ftp(script):
        root = Location(Scheme.FTPES, "127.0.0.1", script.port)
        with FtpTransport(root, settings(trusted)) as transport, pytest.raises(SourceError):
            transport.open(root.child("a"))
    assert script.said("PASV", "EPSV", "RETR") == []


def test_what_was_said_before_the_handshake_does_not_count(trusted: Certificates) -> None:
    script = ScriptedFtp(tls=trusted, after_auth="230 come in\r\n")
    with scripted_ftp(script):
        root = Location(Scheme.FTPES, "127.0.0.1", script.port, credentials=SECRET)
        with FtpTransport(root, settings(trusted)) as transport, pytest.raises(SourceError) as wrong:
            transport.list(root)
    assert wrong.value.code == "bad-answer"
    assert script.said("USER", "PASS") == []


def test_plain_ftp_where_tls_is_expected(monkeypatch: pytest.MonkeyPatch, trusted: Certificates) -> None:
    script = ScriptedFtp()
    with scripted_ftp(script):
        monkeypatch.setitem(locations.DEFAULT_PORTS, Scheme.FTPS, script.port)
        root = Location(Scheme.FTPS, "127.0.0.1", credentials=SECRET)
        with FtpTransport(root, settings(trusted)) as transport, pytest.raises(SourceError) as wrong:
            transport.list(root)
    assert wrong.value.code == "bad-answer"
    assert script.said("USER", "PASS") == []


def test_an_authority_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    for name in ("absent.pem", "empty.pem"):
        with pytest.raises(SourceError) as wrong:
            FtpTransport(Location(Scheme.FTPS, "127.0.0.1"), TransportSettings(ca_file=str(tmp_path / name)))
        assert wrong.value.code == "certificate-refused"
        assert name in str(wrong.value)
