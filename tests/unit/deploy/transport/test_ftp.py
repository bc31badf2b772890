"""FTP against real servers and a scripted one: what is asked, what is read, what ends an exchange."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Entry, Resume, TransportSettings, Unchanged, Validators
from deploy.transport.ftp import FtpBody, FtpTransport
from deploy.transport.location import Credentials, Location, Scheme
from tests.servers.process import free_port
from tests.servers.pyftpd import pyftpd
from tests.servers.scripted_ftp import ScriptedFtp, scripted_ftp
from tests.servers.vsftpd import vsftpd

QUICK = TransportSettings(connect_timeout=5, answer_timeout=0.5, stall_window=0.5)
DATA = os.urandom(100_000)


def root_of(server: ScriptedFtp, scheme: Scheme = Scheme.FTP) -> Location:
    return Location(scheme, "127.0.0.1", server.port)


@contextmanager
def asking(
    script: ScriptedFtp, settings: TransportSettings = QUICK, scheme: Scheme = Scheme.FTP
) -> Iterator[tuple[FtpTransport, Location]]:
    with scripted_ftp(script), FtpTransport(root_of(script, scheme), settings) as transport:
        yield transport, root_of(script, scheme)


def opened(transport: FtpTransport, file: Location, resume: Resume | None = None) -> FtpBody:
    body = transport.open(file, resume=resume)
    assert isinstance(body, FtpBody)
    return body


def drained(body: FtpBody) -> bytes:
    view, whole = memoryview(bytearray(8192)), bytearray()
    while count := body.readinto(view):
        whole += view[:count]
    return bytes(whole)


class TestCommands:
    def test_a_file_costs_one_look_and_one_transfer(self) -> None:
        script = ScriptedFtp(files={"/a b": DATA})
        with asking(script) as (transport, root):
            transport.stat(root.child("a b"))
            script.commands.clear()
            assert drained(opened(transport, root.child("a b"))) == DATA
        assert script.commands[:4] == ["SIZE /a b", "MDTM /a b", "PASV", "RETR /a b"]

    def test_log_in_without_credentials_is_anonymous(self) -> None:
        script = ScriptedFtp(files={"/a": b""})
        with asking(script) as (transport, root):
            transport.stat(root.child("a"))
        assert script.commands[:5] == ["USER anonymous", "PASS anonymous@", "FEAT", "TYPE I", "PWD"]

    def test_utf8_is_switched_on_where_it_is_offered(self) -> None:
        script = ScriptedFtp(files={"/é": b""}, feats=("UTF8", "SIZE"), replies={"OPTS": "451 not now"})
        with asking(script) as (transport, root):
            assert transport.stat(root.child("é")).size == 0
        assert script.said("OPTS") == ["OPTS UTF8 ON"]

    def test_addresses_begin_at_the_users_folder(self) -> None:
        script = ScriptedFtp(files={"/home/of/x/a": b"1"}, replies={"PWD": '257 "/home/of/x" is it'})
        with asking(script) as (transport, root):
            assert transport.stat(root.child("a")).size == 1

    def test_a_quote_in_the_users_folder(self) -> None:
        script = ScriptedFtp(files={'/a"b/a': b"1"}, replies={"PWD": '257 "/a""b" is it'})
        with asking(script) as (transport, root):
            assert transport.stat(root.child("a")).size == 1

    def test_a_server_without_pwd(self) -> None:
        with asking(ScriptedFtp(files={"/a": b"1"}, replies={"PWD": "502 no"})) as (transport, root):
            assert transport.stat(root.child("a")).size == 1

    @pytest.mark.parametrize("name", ["a\r\nDELE b", "a\nb", "a\rb", "a\0b"])
    def test_a_line_break_in_a_name_is_never_sent(self, name: str) -> None:
        script = ScriptedFtp()
        with asking(script) as (transport, root):
            for ask in (transport.list, transport.stat, transport.open):
                with pytest.raises(SourceError) as wrong:
                    ask(root.child(name))
                assert wrong.value.code == "unsafe-name"
        assert script.commands == []

    def test_a_line_break_in_credentials_is_never_sent(self) -> None:
        script = ScriptedFtp()
        with scripted_ftp(script):
            at = Location(Scheme.FTP, "127.0.0.1", script.port, credentials=Credentials("u", "p\r\nDELE x"))
            with FtpTransport(at, QUICK) as transport, pytest.raises(SourceError) as wrong:
                transport.list(at)
        assert wrong.value.code == "unsafe-name"
        assert script.commands == []


class TestLooking:
    def test_mlst_answers_size_and_time_at_once(self) -> None:
        reply = "250-Listing\r\n type=file;size=7;modify=20240102030405; /a\r\n250 End"
        script = ScriptedFtp(feats=("MLST type*;size*;modify*;", "SIZE"), replies={"MLST": reply})
        with asking(script) as (transport, root):
            assert transport.stat(root.child("a")) == Validators(size=7, modified=1704164645.0)
        assert script.said("SIZE", "MDTM") == []

    def test_mlst_of_a_folder(self) -> None:
        reply = "250-Listing\r\n type=dir;modify=20240102030405; /a\r\n250 End"
        with asking(ScriptedFtp(feats=("MLST",), replies={"MLST": reply})) as (transport, root):
            with pytest.raises(SourceError) as wrong:
                transport.stat(root.child("a"))
            assert wrong.value.code == "not-found"

    @pytest.mark.parametrize("facts", ["type=file;", "type=OS.unix=slink:/b;size=3;", "modify=20240102030405;"])
    def test_mlst_that_tells_no_size_of_a_file(self, facts: str) -> None:
        script = ScriptedFtp(
            files={"/a": b"123456"},
            feats=("MLST", "SIZE", "MDTM"),
            replies={"MLST": f"250-Listing\r\n {facts} /a\r\n250 End"},
        )
        with asking(script) as (transport, root):
            assert transport.stat(root.child("a")).size == 6

    def test_without_feat_everything_is_tried(self) -> None:
        with asking(ScriptedFtp(files={"/a": b"12"}, feats=None)) as (transport, root):
            assert transport.stat(root.child("a")) == Validators(size=2, modified=1704164645.0)

    def test_without_size_and_mdtm_the_folder_is_listed(self) -> None:
        listing = b"-rw-r--r-- 1 u g 12 Jan 31  2020 a\r\ndrwxr-xr-x 2 u g 0 Jan 31  2020 d\r\n"
        with asking(ScriptedFtp(feats=(), listing=listing)) as (transport, root):
            told = transport.stat(root.child("a"))
            assert (told.size, told.precision) == (12, 86400)
            for name in ("b", "d"):
                with pytest.raises(SourceError) as wrong:
                    transport.stat(root.child(name))
                assert wrong.value.code == "not-found"

    def test_a_time_that_cannot_be_told(self) -> None:
        with asking(ScriptedFtp(files={"/a": b"12"}, replies={"MDTM": "550 no"})) as (transport, root):
            assert transport.stat(root.child("a")) == Validators(size=2)


class TestListing:
    def test_dos_rows(self) -> None:
        listing = (
            b"01-31-24  10:15AM       <DIR>          sub folder\r\n01-31-24  10:16PM                 12 a b.txt\r\n"
        )
        with asking(ScriptedFtp(listing=listing)) as (transport, root):
            entries = transport.list(root).entries
        assert [(one.name, one.folder, one.validators.size) for one in entries] == [
            ("sub folder", True, None),
            ("a b.txt", False, 12),
        ]

    def test_mlsd_is_preferred_where_it_is_offered(self) -> None:
        script = ScriptedFtp(listing=b"type=file;size=3; a\r\n", feats=("MLST type*;size*;",))
        with asking(script) as (transport, root):
            assert transport.list(root).entries == (Entry("a", False, Validators(size=3)),)
        assert script.said("MLSD", "LIST") == ["MLSD"]

    def test_list_where_mlsd_is_offered_but_refused(self) -> None:
        listing = b"-rw-r--r-- 1 u g 3 Jan 31  2020 a\r\n"
        script = ScriptedFtp(listing=listing, feats=("MLST",), replies={"MLSD": "500 no"})
        with asking(script) as (transport, root):
            assert [one.name for one in transport.list(root).entries] == ["a"]
        assert script.said("MLSD", "LIST") == ["MLSD", "LIST"]

    def test_a_row_that_cannot_be_read_is_an_error_and_no_missing_file(self) -> None:
        listing = b"-rw-r--r-- 1 u g 3 Jan 31  2020 a\r\n????? b\r\n"
        with asking(ScriptedFtp(listing=listing)) as (transport, root):
            with pytest.raises(SourceError) as wrong:
                transport.list(root)
            assert wrong.value.code == "not-listable"
            assert "????? b" in str(wrong.value)

    @pytest.mark.parametrize(
        ("reply", "code"),
        [
            ("550 Permission denied.", "access-denied"),
            ("550 Failed.", "not-listable"),
            ("502 no", "not-listable"),
            ("450 try later", "busy"),
        ],
    )
    def test_a_folder_whose_names_cannot_be_had(self, reply: str, code: str) -> None:
        with asking(ScriptedFtp(replies={"LIST": reply})) as (transport, root):
            with pytest.raises(SourceError) as wrong:
                transport.list(root)
            assert wrong.value.code == code

    def test_no_files_is_an_empty_folder(self) -> None:
        with asking(ScriptedFtp(replies={"LIST": "550 No files found."})) as (transport, root):
            assert transport.list(root).entries == ()

    def test_an_end_that_says_the_folder_was_not_opened(self) -> None:
        script = ScriptedFtp(end_reply="226 Transfer done (but failed to open directory).")
        with asking(script) as (transport, root):
            with pytest.raises(SourceError) as wrong:
                transport.list(root)
            assert wrong.value.code == "not-listable"

    def test_a_listing_cut_off_is_no_listing(self) -> None:
        listing = b"-rw-r--r-- 1 u g 3 Jan 31  2020 a\r\n" * 100
        with asking(ScriptedFtp(listing=listing, data_limit=370, end_reply="426 aborted")) as (transport, root):
            with pytest.raises(SourceError) as wrong:
                transport.list(root)
            assert (wrong.value.code, wrong.value.transient) == ("cut-off", True)

    def test_a_listing_too_large(self) -> None:
        settings = TransportSettings(listing_cap=1000)
        listing = b"-rw-r--r-- 1 u g 3 Jan 31  2020 a\r\n" * 100
        with asking(ScriptedFtp(listing=listing), settings) as (transport, root):
            with pytest.raises(SourceError) as wrong:
                transport.list(root)
            assert wrong.value.code == "listing-too-large"

    def test_names_with_separators_and_line_breaks_are_refused_one_by_one(self) -> None:
        listing = b"type=file;size=1; ../a\r\ntype=file;size=1; good\r\ntype=file;size=1; b\rc\r\n"
        with asking(ScriptedFtp(listing=listing, feats=("MLST",))) as (transport, root):
            found = transport.list(root)
        assert [one.name for one in found.entries] == ["good"]
        assert [one.name for one in found.refused] == ["../a", "b\rc"]

    def test_links_are_what_the_server_sends_under_their_name(self, tmp_path: Path) -> None:
        (tmp_path / "doc" / "sub").mkdir(parents=True)
        (tmp_path / "doc" / "file").write_bytes(b"12345")
        (tmp_path / "doc" / "to file").symlink_to("file")
        (tmp_path / "doc" / "to folder").symlink_to("sub")
        (tmp_path / "doc" / "to nothing").symlink_to("absent")
        with vsftpd(tmp_path / "doc", tmp_path / "server") as server:
            root = Location(Scheme.FTP, "127.0.0.1", server.port)
            with FtpTransport(root, TransportSettings()) as transport:
                found = transport.list(root)
                assert drained(opened(transport, root.child("to file"))) == b"12345"
        sizes = {one.name: one.validators.size for one in found.entries if not one.folder}
        assert sizes == {"file": 5, "to file": 5}
        assert sorted(one.name for one in found.refused) == ["to folder", "to nothing"]


class TestBodies:
    @pytest.mark.parametrize("end_reply", ["426 aborted", "451 local error", "226 done"])
    def test_fewer_bytes_than_size_are_a_cut(self, end_reply: str) -> None:
        script = ScriptedFtp(files={"/a": DATA}, data_limit=50_000, end_reply=end_reply)
        with asking(script) as (transport, root), pytest.raises(SourceError) as wrong:
            drained(opened(transport, root.child("a")))
        assert (wrong.value.code, wrong.value.transient) == ("cut-off", True)

    @pytest.mark.parametrize("end_reply", ["426 aborted", "451 local error", "550 gone"])
    def test_all_bytes_but_a_bad_end_are_a_cut(self, end_reply: str) -> None:
        script = ScriptedFtp(files={"/a": DATA}, end_reply=end_reply)
        with asking(script) as (transport, root), pytest.raises(SourceError) as wrong:
            drained(opened(transport, root.child("a")))
        assert (wrong.value.code, wrong.value.transient) == ("cut-off", True)

    def test_without_size_the_end_reply_decides(self) -> None:
        script = ScriptedFtp(files={"/a": DATA}, feats=())
        with asking(script) as (transport, root):
            body = opened(transport, root.child("a"))
            assert body.validators.size is None
            assert drained(body) == DATA
            script.end_reply = "426 aborted"
            with pytest.raises(SourceError) as wrong:
                drained(opened(transport, root.child("a")))
        assert wrong.value.code == "cut-off"

    def test_more_bytes_than_size_are_no_file(self) -> None:
        with asking(ScriptedFtp(files={"/a": DATA}, beyond=b"x" * 10_000_000)) as (transport, root):
            body = opened(transport, root.child("a"))
            with pytest.raises(SourceError) as wrong:
                drained(body)
            assert (wrong.value.code, wrong.value.transient) == ("changed", True)
            with pytest.raises(SourceError):
                body.readinto(memoryview(bytearray(1)))

    def test_rest_that_is_not_known_begins_at_the_start(self) -> None:
        script = ScriptedFtp(files={"/a": DATA}, replies={"REST": "502 no"})
        with asking(script) as (transport, root):
            told = transport.stat(root.child("a"))
            body = opened(transport, root.child("a"), Resume(50_000, told))
            assert body.offset == 0
            assert drained(body) == DATA
        assert script.said("REST") == ["REST 50000"]

    def test_nothing_is_left_to_send_at_the_end(self) -> None:
        script = ScriptedFtp(files={"/a": DATA})
        with asking(script) as (transport, root):
            body = opened(transport, root.child("a"), Resume(len(DATA), transport.stat(root.child("a"))))
            assert (body.offset, drained(body)) == (len(DATA), b"")
        assert script.said("RETR") == []

    def test_a_time_to_the_minute_proves_nothing(self) -> None:
        with asking(ScriptedFtp(files={"/a": DATA})) as (transport, root):
            held = Validators(size=len(DATA), modified=1704164645.0, precision=60)
            body = opened(transport, root.child("a"), Resume(50_000, held))
            assert body.offset == 0
            body.close()
            assert not isinstance(transport.open(root.child("a"), unless=held), Unchanged)

    def test_only_a_body_given_up_costs_the_connection(self) -> None:
        script = ScriptedFtp(files={"/a": DATA, "/b": b"b"})
        with asking(script) as (transport, root):
            drained(opened(transport, root.child("a")))
            assert script.connections == 1
            to_the_last_byte = opened(transport, root.child("b"))
            to_the_last_byte.readinto(memoryview(bytearray(1)))
            to_the_last_byte.close()
            assert drained(opened(transport, root.child("b"))) == b"b"
            assert script.connections == 1
            given_up = opened(transport, root.child("a"))
            given_up.readinto(memoryview(bytearray(1)))
            given_up.close()
            assert drained(opened(transport, root.child("b"))) == b"b"
            assert script.connections == 2

    def test_bodies_side_by_side_do_not_mix(self) -> None:
        with asking(ScriptedFtp(files={"/a": DATA, "/b": DATA[::-1]})) as (transport, root):
            one, other = opened(transport, root.child("a")), opened(transport, root.child("b"))
            assert transport.stat(root.child("a")).size == len(DATA)
            assert drained(other) == DATA[::-1]
            assert drained(one) == DATA


class TestPatience:
    def test_a_body_that_stalls(self) -> None:
        script = ScriptedFtp(files={"/a": DATA}, data_limit=10, stall=threading.Event())
        assert script.stall is not None
        with asking(script) as (transport, root):
            body = opened(transport, root.child("a"))
            began = time.monotonic()
            with pytest.raises(SourceError) as wrong:
                drained(body)
            took = time.monotonic() - began
            script.stall.set()
        assert (wrong.value.code, wrong.value.transient) == ("timed-out", True)
        assert QUICK.stall_window * 0.9 <= took < 20

    def test_a_body_that_drips(self) -> None:
        with asking(ScriptedFtp(files={"/a": DATA}, data_drip=0.05)) as (transport, root):
            body = opened(transport, root.child("a"))
            with pytest.raises(SourceError) as wrong:
                drained(body)
        assert (wrong.value.code, wrong.value.transient) == ("timed-out", True)

    def test_a_listing_that_drips_at_more_than_the_least_rate(self) -> None:
        script = ScriptedFtp(listing=b"-rw-r--r-- 1 u g 3 Jan 31  2020 a\r\n" * 1000, data_drip=0.002)
        with asking(script) as (transport, root), pytest.raises(SourceError) as wrong:
            transport.list(root)
        assert (wrong.value.code, wrong.value.transient) == ("timed-out", True)

    def test_replies_that_drip(self) -> None:
        script = ScriptedFtp(welcome="220 " + "x" * 10_000, drip=0.05)
        with asking(script) as (transport, root), pytest.raises(SourceError) as wrong:
            transport.list(root)
        assert (wrong.value.code, wrong.value.transient) == ("timed-out", True)

    @pytest.mark.parametrize("welcome", ["220-" + "x\r\n" * 1_000_000, "220 " + "x" * 2_000_000])
    def test_replies_without_end(self, welcome: str) -> None:
        script = ScriptedFtp(welcome=welcome)
        with asking(script, TransportSettings()) as (transport, root), pytest.raises(SourceError) as wrong:
            transport.list(root)
        assert wrong.value.code == "bad-answer"

    def test_no_answer_at_all(self) -> None:
        script = ScriptedFtp(files={"/a": b""}, drip=3600)
        with asking(script) as (transport, root), pytest.raises(SourceError) as wrong:
            transport.stat(root.child("a"))
        assert wrong.value.code == "timed-out"


class TestConnecting:
    def test_the_address_in_a_pasv_reply_is_not_believed(self) -> None:
        with asking(ScriptedFtp(files={"/a": DATA}, pasv_host="192.0.2.1")) as (transport, root):
            assert drained(opened(transport, root.child("a"))) == DATA

    def test_epsv_where_pasv_is_not_known(self) -> None:
        script = ScriptedFtp(files={"/a": DATA}, replies={"PASV": "502 no"})
        with asking(script) as (transport, root):
            assert drained(opened(transport, root.child("a"))) == DATA
        assert script.said("PASV", "EPSV") == ["PASV", "EPSV"]

    def test_epsv_over_ipv6(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(DATA)
        try:
            server = pyftpd(tmp_path, host="::1")
            started = server.__enter__()
        except OSError:
            pytest.skip("this computer has no IPv6")
        try:
            root = Location(Scheme.FTP, "::1", started.port)
            with FtpTransport(root, TransportSettings()) as transport:
                assert drained(opened(transport, root.child("a"))) == DATA
            assert started.said("PASV", "EPSV") == ["EPSV"]
        finally:
            server.__exit__(None, None, None)

    @pytest.mark.parametrize("reply", ["227 (1,2,3)", "227 (127,0,0,1,0,0)", "200 what", "227 entering"])
    def test_a_pasv_reply_that_is_none(self, reply: str) -> None:
        script = ScriptedFtp(files={"/a": DATA}, replies={"PASV": reply})
        with asking(script) as (transport, root), pytest.raises(SourceError) as wrong:
            transport.open(root.child("a"))
        assert wrong.value.code in ("bad-answer", "unreachable")

    @pytest.mark.parametrize(
        ("welcome", "code", "transient"),
        [
            ("421 too many", "unreachable", True),
            ("120 in a minute", "unreachable", True),
            ("550 go away", "access-denied", False),
            ("HTTP/1.1 400 Bad Request", "bad-answer", False),
            ("SSH-2.0-OpenSSH_9.2", "bad-answer", False),
        ],
    )
    def test_a_welcome_that_is_none(self, welcome: str, code: str, transient: bool) -> None:
        with asking(ScriptedFtp(welcome=welcome)) as (transport, root), pytest.raises(SourceError) as wrong:
            transport.list(root)
        assert (wrong.value.code, wrong.value.transient) == (code, transient)

    def test_a_wrong_password_is_not_repeated_in_the_message(self) -> None:
        secret = "Canary/Pass%41é"
        script = ScriptedFtp(replies={"PASS": f"530 Login incorrect for Canary with {secret}"})
        with scripted_ftp(script):
            at = Location(Scheme.FTP, "127.0.0.1", script.port, credentials=Credentials("user", secret))
            with FtpTransport(at, QUICK) as transport, pytest.raises(SourceError) as wrong:
                transport.list(at)
        assert (wrong.value.code, wrong.value.transient) == ("access-denied", False)
        assert secret not in str(wrong.value)
        assert f"PASS {secret}" in script.commands

    def test_a_connection_the_server_has_ended_is_made_again(self) -> None:
        script = ScriptedFtp(files={"/a": b"1"})
        with asking(script) as (transport, root):
            transport.stat(root.child("a"))
            script.replies = {"SIZE": "421 timeout"}
            with pytest.raises(SourceError) as wrong:
                transport.stat(root.child("a"))
            assert (wrong.value.code, wrong.value.transient) == ("unreachable", True)
            assert script.connections == 2
            script.replies = {}
            assert transport.stat(root.child("a")).size == 1
            assert script.connections == 3

    def test_a_server_started_again_between_two_calls(self) -> None:
        port = free_port()
        root = Location(Scheme.FTP, "127.0.0.1", port)
        with FtpTransport(root, TransportSettings()) as transport:
            for _ in range(2):
                script = ScriptedFtp(port, files={"/a": b"1"})
                with scripted_ftp(script):
                    assert transport.stat(root.child("a")).size == 1
                assert script.connections == 1
            with pytest.raises(SourceError) as wrong:
                transport.stat(root.child("a"))
            assert wrong.value.code == "unreachable"

    def test_a_host_that_is_not_there(self) -> None:
        root = Location(Scheme.FTP, "no-such-host.invalid")
        with FtpTransport(root, QUICK) as transport, pytest.raises(SourceError) as wrong:
            transport.list(root)
        assert wrong.value.code == "unreachable"
