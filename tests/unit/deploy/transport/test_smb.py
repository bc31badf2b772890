"""SMB against a real Samba: who logs in, what is signed, what ends an exchange."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import smbclient

from deploy.errors import SourceError
from deploy.transport.contract import Resume, SmbServer, TransportSettings, Unchanged
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.smb import SmbBody, SmbTransport
from tests.servers.relay import Relay, relay
from tests.servers.samba import DFS, GUESTS, PASSWORD, SHARE, USER, Samba, samba

DATA = os.urandom(3_000_000)
SIGNED = 0x8
COMMANDS_BEFORE_A_KEY = (0, 1)  # NEGOTIATE, SESSION_SETUP
QUICK = TransportSettings(connect_timeout=5, answer_timeout=1, stall_window=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samba]:
    tmp = tmp_path_factory.mktemp("samba")
    (tmp / "doc" / "sub").mkdir(parents=True)
    (tmp / "doc" / "big.bin").write_bytes(DATA)
    (tmp / "doc" / "sub" / "a.txt").write_bytes(b"12345")
    with samba(tmp / "doc", tmp / "server") as running:
        yield running


@pytest.fixture
def counted(server: Samba) -> Iterator[Relay]:
    with relay(server.port) as made:
        yield made


def share(port: int, name: str = SHARE, credentials: Credentials | None = None) -> Location:
    return Location(Scheme.UNC, "127.0.0.1", port, name, (), credentials)


def mine(port: int, name: str = SHARE) -> Location:
    return share(port, name, Credentials(USER, PASSWORD))


def opened(transport: SmbTransport, file: Location, resume: Resume | None = None) -> SmbBody:
    body = transport.open(file, resume=resume)
    assert isinstance(body, SmbBody)
    return body


def drained(body: SmbBody) -> bytes:
    view, whole = memoryview(bytearray(1 << 20)), bytearray()
    while count := body.readinto(view):
        whole += view[:count]
    body.close()
    return bytes(whole)


def packets(asked: bytes) -> list[tuple[int, int]]:
    """(command, flags) of every SMB2 packet a client sent, compounded ones too (MS-SMB2 2.2.1.2)."""
    found, place = [], 0
    while place + 4 <= len(asked):
        length = int.from_bytes(asked[place + 1 : place + 4], "big")
        packet, place = asked[place + 4 : place + 4 + length], place + 4 + length
        while packet[:4] == b"\xfeSMB":
            found.append((int.from_bytes(packet[12:14], "little"), int.from_bytes(packet[16:20], "little")))
            following = int.from_bytes(packet[20:24], "little")
            packet = packet[following:] if following else b""
    return found


# A program without any logging set up, as users run it.
ASKING = """
import sys
from deploy.errors import SourceError
from deploy.transport.contract import TransportSettings
from deploy.transport.location import Location, Scheme
from deploy.transport.smb import SmbTransport
root = Location(Scheme.UNC, "127.0.0.1", int(sys.argv[1]), "Share")
with SmbTransport(root, TransportSettings()) as transport:
    try:
        transport.list(root)
    except SourceError as wrong:
        print(wrong.code)
"""


@contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """A port whose first client hears `answer` to whatever it says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        yield int(listener.getsockname()[1])
        speaker.join(20)


class TestUsers:
    def test_credentials_in_the_address(self, server: Samba) -> None:
        root = mine(server.port)
        with SmbTransport(root, TransportSettings()) as transport:
            assert drained(opened(transport, root.child("sub").child("a.txt"))) == b"12345"

    def test_credentials_and_port_in_the_settings_for_a_host_in_any_case(self, server: Samba) -> None:
        known = SmbServer("LOCALHOST", USER, PASSWORD, server.port)
        settings = TransportSettings(smb_servers=(SmbServer("other", "x", "y"), known))
        root = Location(Scheme.UNC, "LocalHost", None, SHARE)
        with SmbTransport(root, settings) as transport:
            assert {one.name for one in transport.list(root).entries} == {"sub", "big.bin"}

    def test_the_address_comes_before_the_settings(self, server: Samba) -> None:
        settings = TransportSettings(smb_servers=(SmbServer("127.0.0.1", USER, "wrong", 1),))
        root = mine(server.port)
        with SmbTransport(root, settings) as transport:
            assert transport.stat(root.child("big.bin")).size == len(DATA)

    def test_nobody_is_a_guest(self, server: Samba) -> None:
        root = share(server.port, GUESTS)
        with SmbTransport(root, TransportSettings()) as transport:
            assert drained(opened(transport, root.child("big.bin"))) == DATA

    @pytest.mark.parametrize(
        ("name", "credentials", "code"),
        [
            (SHARE, None, "access-denied"),
            (SHARE, Credentials(USER, "Canary-Pass"), "access-denied"),
            (SHARE, Credentials("Canary-User", "Canary-Pass"), "access-denied"),
            (GUESTS, Credentials("Canary-User", "Canary-Pass"), "access-denied"),
            ("Absent", Credentials(USER, PASSWORD), "not-found"),
        ],
    )
    def test_who_is_not_let_in_stays_out(
        self, server: Samba, name: str, credentials: Credentials | None, code: str
    ) -> None:
        root = share(server.port, name, credentials)
        with SmbTransport(root, TransportSettings()) as transport:
            for ask in (transport.list, transport.stat, transport.open):
                with pytest.raises(SourceError) as wrong:
                    ask(root.child("big.bin"))
                assert (wrong.value.code, wrong.value.transient) == (code, False)
                assert "Canary" not in str(wrong.value)


class TestSigning:
    def test_everything_after_the_login_is_signed(self, counted: Relay) -> None:
        root = mine(counted.port)
        with SmbTransport(root, TransportSettings()) as transport:
            transport.list(root)
            transport.stat(root.child("big.bin"))
            drained(opened(transport, root.child("big.bin")))
        sent = [one for one in packets(bytes(counted.asked)) if one[0] not in COMMANDS_BEFORE_A_KEY]
        assert len(sent) > 10
        assert all(flags & SIGNED for _, flags in sent)

    def test_a_guest_has_nothing_to_sign_with(self, counted: Relay) -> None:
        root = share(counted.port, GUESTS)
        with SmbTransport(root, TransportSettings()) as transport:
            transport.list(root)
        assert not any(flags & SIGNED for _, flags in packets(bytes(counted.asked)))

    def test_encryption_where_the_server_wants_it(self, tmp_path: Path) -> None:
        (tmp_path / "doc").mkdir()
        (tmp_path / "doc" / "a").write_bytes(DATA)
        with samba(tmp_path / "doc", tmp_path / "server", extra="server smb encrypt = required") as server:
            root = mine(server.port)
            with SmbTransport(root, TransportSettings()) as transport:
                assert drained(opened(transport, root.child("a"))) == DATA


class TestConnections:
    def test_instances_share_nothing(self, counted: Relay) -> None:
        root = mine(counted.port)
        one, other = SmbTransport(root, TransportSettings()), SmbTransport(root, TransportSettings())
        one.stat(root.child("big.bin"))
        other.stat(root.child("big.bin"))
        assert counted.connections == 2
        one.close()
        assert drained(opened(other, root.child("big.bin"))) == DATA
        assert counted.connections == 2
        other.close()

    @pytest.mark.parametrize(
        ("name", "password", "code"), [(SHARE, "wrong", "access-denied"), ("Absent", PASSWORD, "not-found")]
    )
    def test_after_a_refusal_every_call_asks_anew(self, counted: Relay, name: str, password: str, code: str) -> None:
        root = share(counted.port, name, Credentials(USER, password))
        with SmbTransport(root, TransportSettings()) as transport:
            for number in (1, 2):
                with pytest.raises(SourceError) as wrong:
                    transport.list(root)
                assert wrong.value.code == code
                assert counted.connections == number

    def test_a_body_is_read_by_growing_requests(self, counted: Relay) -> None:
        root = mine(counted.port)
        with SmbTransport(root, TransportSettings()) as transport:
            body, sizes = opened(transport, root.child("big.bin")), []
            view = memoryview(bytearray(1 << 20))
            while count := body.readinto(view):
                sizes.append(count)
        assert sizes[:4] == [1 << 16, 1 << 17, 1 << 18, 1 << 19]
        assert sum(sizes) == len(DATA)

    def test_dfs_links_lead_where_they_say(self, server: Samba) -> None:
        (server.dfsroot / "link").symlink_to(f"msdfs:127.0.0.1\\{SHARE}")
        root = mine(server.port, DFS)
        with SmbTransport(root, TransportSettings()) as transport:
            assert [(one.name, one.folder) for one in transport.list(root).entries] == [("link", True)]
            assert {one.name for one in transport.list(root.child("link")).entries} == {"sub", "big.bin"}
            assert drained(opened(transport, root.child("link").child("sub").child("a.txt"))) == b"12345"

    def test_a_dfs_link_to_nowhere(self, server: Samba) -> None:
        (server.dfsroot / "dead").symlink_to("msdfs:127.0.0.1\\Absent")
        root = mine(server.port, DFS)
        with SmbTransport(root, TransportSettings()) as transport, pytest.raises(SourceError) as wrong:
            transport.list(root.child("dead"))
        assert wrong.value.code in ("not-found", "unreachable")


class TestBreaks:
    def test_a_connection_reset_in_the_middle_of_a_body(self, counted: Relay) -> None:
        root = mine(counted.port)
        with SmbTransport(root, TransportSettings()) as transport:
            body = opened(transport, root.child("big.bin"))
            counted.cut_at = counted.answered + 1_000_000
            with pytest.raises(SourceError) as wrong:
                drained(body)
            assert (wrong.value.code, wrong.value.transient) == ("cut-off", True)
            body.close()
            counted.cut_at = None
            assert drained(opened(transport, root.child("sub").child("a.txt"))) == b"12345"

    def test_a_server_that_falls_silent(self, counted: Relay) -> None:
        root = mine(counted.port)
        with SmbTransport(root, QUICK) as transport:
            body = opened(transport, root.child("big.bin"))
            for ask in (lambda: drained(body), lambda: transport.stat(root.child("big.bin"))):
                counted.silent = True
                began = time.monotonic()
                with pytest.raises(SourceError) as wrong:
                    ask()
                assert (wrong.value.code, wrong.value.transient) == ("timed-out", True)
                assert time.monotonic() - began < 60
                counted.silent = False
                assert transport.stat(root.child("sub").child("a.txt")).size == 5

    def test_a_server_silent_from_the_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            root = mine(mute.getsockname()[1])
            with (
                SmbTransport(root, replace(QUICK, connect_timeout=1)) as transport,
                pytest.raises(SourceError) as wrong,
            ):
                transport.list(root)
        assert (wrong.value.code, wrong.value.transient) == ("timed-out", True)

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10,
            b"\0\0\0\4\xfeSMB",
            b"\0\0\0\100" + b"\xfeSMB" + bytes(60),
            b"\0\0\0\100" + bytes(64),
            b"",
        ],
    )
    def test_what_is_no_smb_server(self, answer: bytes) -> None:
        with saying(answer) as port:
            root = mine(port)
            with SmbTransport(root, QUICK) as transport, pytest.raises(SourceError) as wrong:
                transport.list(root)
        assert wrong.value.code in ("bad-answer", "unreachable", "timed-out")

    def test_the_library_writes_nothing_to_the_terminal(self) -> None:
        with saying(b"\0\0\0\4\xfeSMB") as port:
            done = subprocess.run(
                [sys.executable, "-c", ASKING, str(port)], capture_output=True, text=True, check=False, timeout=60
            )
        assert (done.stdout, done.stderr) == ("bad-answer\n", "")

    def test_a_listing_too_large(self, server: Samba) -> None:
        root = mine(server.port)
        with SmbTransport(root, TransportSettings(listing_cap=100)) as transport, pytest.raises(SourceError) as wrong:
            transport.list(root)
        assert wrong.value.code == "listing-too-large"


class TestChanges:
    def test_a_file_that_grows_while_it_is_read(self, server: Samba) -> None:
        file = server.docroot / "growing.bin"
        file.write_bytes(DATA)
        root = mine(server.port)
        with SmbTransport(root, TransportSettings()) as transport:
            body = opened(transport, root.child("growing.bin"))
            body.readinto(memoryview(bytearray(10)))
            with file.open("ab") as more:
                more.write(DATA)
            with pytest.raises(SourceError) as wrong:
                drained(body)
            assert (wrong.value.code, wrong.value.transient) == ("changed", True)
        file.unlink()

    def test_a_file_cut_short_while_it_is_read(self, server: Samba) -> None:
        file = server.docroot / "shrinking.bin"
        file.write_bytes(DATA)
        root = mine(server.port)
        with SmbTransport(root, TransportSettings()) as transport:
            body = opened(transport, root.child("shrinking.bin"))
            body.readinto(memoryview(bytearray(10)))
            os.truncate(file, 100)
            with pytest.raises(SourceError) as wrong:
                drained(body)
            assert (wrong.value.code, wrong.value.transient) == ("changed", True)
        file.unlink()

    def test_times_are_told_apart_to_the_microsecond(self, server: Samba) -> None:
        file = server.docroot / "touched.bin"
        file.write_bytes(DATA)
        moment = 1_700_000_000_123_456_000
        os.utime(file, ns=(moment, moment))
        root = mine(server.port)
        at = root.child("touched.bin")
        with SmbTransport(root, TransportSettings()) as transport:
            told = transport.stat(at)
            assert [one.validators for one in transport.list(root).entries if one.name == "touched.bin"] == [told]
            assert isinstance(transport.open(at, unless=told), Unchanged)
            os.utime(file, ns=(moment + 1_000_000, moment + 1_000_000))
            body = opened(transport, at, Resume(10, told))
            assert body.offset == 0
            body.close()
        file.unlink()

    @pytest.mark.parametrize("readers", [None, "r"])
    def test_a_file_another_client_holds(self, tmp_path: Path, readers: str | None) -> None:
        """Samba keeps Windows' sharing rules between its clients: what we read, a publisher may go on writing."""
        (tmp_path / "doc").mkdir()
        (tmp_path / "doc" / "held.bin").write_bytes(DATA)
        with samba(tmp_path / "doc", tmp_path / "server", writable=True) as server:
            root = mine(server.port)
            cache: dict[str, object] = {}
            session = {"username": USER, "password": PASSWORD, "port": server.port, "connection_cache": cache}
            path = f"\\\\127.0.0.1\\{SHARE}\\held.bin"
            with (
                SmbTransport(root, TransportSettings()) as transport,
                smbclient.open_file(path, mode="r+b", share_access=readers, **session),
            ):
                if readers is None:
                    with pytest.raises(SourceError) as wrong:
                        transport.open(root.child("held.bin"))
                    assert (wrong.value.code, wrong.value.transient) == ("busy", True)
                else:
                    assert drained(opened(transport, root.child("held.bin"))) == DATA
            smbclient.reset_connection_cache(connection_cache=cache)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\\b", "a\0b"])
def test_names_that_lead_elsewhere_are_never_sent(counted: Relay, name: str) -> None:
    root = mine(counted.port)
    with SmbTransport(root, TransportSettings()) as transport:
        for ask in (transport.list, transport.stat, transport.open):
            with pytest.raises(SourceError) as wrong:
                ask(root.child("sub").child(name).child("a.txt"))
            assert wrong.value.code == "not-found"
    assert all(command in (*COMMANDS_BEFORE_A_KEY, 3) for command, _ in packets(bytes(counted.asked)))
