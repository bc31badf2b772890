"""What every Transport does, whatever the source: one suite, every implementation, every real server."""

from __future__ import annotations

import os
import re
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from deploy.errors import SourceError
from deploy.transport import contract
from deploy.transport.contract import Body, Resume, Transport, Unchanged, Validators
from deploy.transport.location import Credentials, Location
from deploy.transport.retry import RetryingTransport, RetryPolicy
from tests.contract.sites import LONG_AGO, MANY, NAMES, RAW_NAME, UNIX_NAMES, WHOLE, Site, content, write
from tests.servers.process import free_port

CODES = frozenset(re.findall(r"^\| ([a-z]+(?:-[a-z]+)*) \|", contract.__doc__ or "", flags=re.MULTILINE))
# What a server adds to the bytes of a body: headers, TLS, its part of a protocol's own packets.
OVERHEAD = 20_000
WAIT_SECONDS = 20.0


def opened(transport: Transport, file: Location, resume: Resume | None = None) -> Body:
    body = transport.open(file, resume=resume)
    assert not isinstance(body, Unchanged)
    return body


def drained(body: Body, chunk: int = 64 * 1024) -> bytes:
    view, whole = memoryview(bytearray(chunk)), bytearray()
    try:
        while count := body.readinto(view):
            assert count <= chunk
            whole += view[:count]
        assert body.readinto(view) == 0
    finally:
        body.close()
    return bytes(whole)


def refused(wrong: pytest.ExceptionInfo[SourceError]) -> str:
    """The code of an error that is one of the contract's."""
    assert wrong.value.code in CODES
    assert wrong.value.problems[0].message
    return wrong.value.code


def grew(site: Site, before: int, least: int) -> int:
    """How many bytes of bodies were sent since, once at least `least` are counted."""
    assert site.bodies is not None
    deadline = time.monotonic() + WAIT_SECONDS
    while site.bodies() - before < least and time.monotonic() < deadline:
        time.sleep(0.005)
    return site.bodies() - before


def test_the_codes_of_the_contract_are_known() -> None:
    assert {"not-found", "access-denied", "unreachable", "cut-off"} <= CODES


class TestListing:
    def test_names_and_kinds_of_the_root(self, site: Site, transport: Transport) -> None:
        listing = transport.list(site.root)
        assert listing.folder == site.root
        kinds = {entry.name: entry.folder for entry in listing.entries}
        expected = {one.name: one.is_dir() for one in os.scandir(site.docroot) if not one.name.startswith(".")}
        if not site.empty_folders:
            del expected["empty"]
        assert kinds == expected
        assert listing.refused == ()

    @pytest.mark.not_for("memory", why="no empty folders")
    def test_an_empty_folder(self, site: Site, transport: Transport) -> None:
        assert transport.list(site.at("empty")).entries == ()

    def test_a_nested_folder_level_by_level(self, site: Site, transport: Transport) -> None:
        folder = site.at("nested")
        assert {(entry.name, entry.folder) for entry in transport.list(folder).entries} == {
            ("one", True),
            ("beside.bin", False),
        }
        assert [entry.name for entry in transport.list(folder.child("one")).entries] == ["two"]
        assert [entry.name for entry in transport.list(folder.child("one").child("two")).entries] == ["deep.bin"]

    def test_odd_names_arrive_whole(self, site: Site, transport: Transport) -> None:
        listing = transport.list(site.at("names"))
        assert sorted(entry.name for entry in listing.entries) == sorted(NAMES)
        assert listing.refused == ()

    def test_what_a_listing_tells_of_files_is_true(self, site: Site, transport: Transport) -> None:
        for entry in transport.list(site.at("names")).entries:
            told = entry.validators
            assert told.size in (None, 40)
            if told.modified is not None:
                assert abs(told.modified - LONG_AGO) <= max(told.precision, 24 * 3600 if told.precision > 1 else 0)

    @pytest.mark.not_for("samba", "samba-guest", why="names that Windows allows only")
    def test_names_that_windows_forbids(self, site: Site, transport: Transport) -> None:
        assert sorted(entry.name for entry in transport.list(site.at("unix")).entries) == sorted(UNIX_NAMES)
        for name in UNIX_NAMES:
            assert drained(opened(transport, site.at("unix", name))) == content(name, 40), name

    @pytest.mark.not_for(
        "apache-dav",
        "lighttpd",
        "http.server",
        "pyftpd",
        "pyftpd-tls",
        "samba",
        "samba-guest",
        why="Unicode names only",
    )
    def test_names_that_are_not_utf_8(self, site: Site, transport: Transport) -> None:
        (entry,) = transport.list(site.at("raw")).entries
        assert entry.name == RAW_NAME
        assert drained(opened(transport, site.at("raw", entry.name))) == b"raw"

    def test_a_thousand_names(self, site: Site, transport: Transport) -> None:
        names = [entry.name for entry in transport.list(site.at("many")).entries]
        assert sorted(names) == [f"file {number:04}.txt" for number in range(MANY)]

    def test_a_folder_that_is_not_there(self, site: Site, transport: Transport) -> None:
        with pytest.raises(SourceError) as wrong:
            transport.list(site.at("absent"))
        assert refused(wrong) == "not-found"
        assert not wrong.value.transient

    def test_a_file_is_no_folder(self, site: Site, transport: Transport) -> None:
        with pytest.raises(SourceError) as wrong:
            transport.list(site.at("whole.bin"))
        assert refused(wrong) in ("not-found", "not-listable", "bad-answer")


class TestStat:
    def test_size_and_time(self, site: Site, transport: Transport) -> None:
        told = transport.stat(site.at("whole.bin"))
        assert told.size == len(WHOLE)
        assert told.modified == LONG_AGO
        assert told.precision <= 1

    def test_an_empty_file(self, site: Site, transport: Transport) -> None:
        assert transport.stat(site.at("none.bin")).size == 0

    def test_a_file_that_is_not_there(self, site: Site, transport: Transport) -> None:
        with pytest.raises(SourceError) as wrong:
            transport.stat(site.at("absent.bin"))
        assert refused(wrong) == "not-found"

    def test_it_is_the_same_each_time_and_what_a_body_says(self, site: Site, transport: Transport) -> None:
        told = transport.stat(site.at("whole.bin"))
        body = opened(transport, site.at("whole.bin"))
        assert body.validators == told
        body.close()
        assert transport.stat(site.at("whole.bin")) == told


class TestReading:
    def test_a_whole_file(self, site: Site, transport: Transport) -> None:
        body = opened(transport, site.at("whole.bin"))
        assert (body.offset, body.validators.size) == (0, len(WHOLE))
        assert drained(body) == WHOLE

    @pytest.mark.parametrize("chunk", [1, 7, 4096, 1 << 20])
    def test_in_pieces_of_any_size(self, site: Site, transport: Transport, chunk: int) -> None:
        file = site.at("names", NAMES[0]) if chunk < 100 else site.at("whole.bin")
        expected = content(NAMES[0], 40) if chunk < 100 else WHOLE
        assert drained(opened(transport, file), chunk) == expected

    def test_an_empty_file(self, site: Site, transport: Transport) -> None:
        body = opened(transport, site.at("none.bin"))
        assert body.validators.size == 0
        assert drained(body) == b""

    def test_files_with_odd_names(self, site: Site, transport: Transport) -> None:
        for name in NAMES:
            assert drained(opened(transport, site.at("names", name))) == content(name, 40), name

    def test_a_deep_file(self, site: Site, transport: Transport) -> None:
        assert drained(opened(transport, site.at("nested", "one", "two", "deep.bin"))) == b"deep"

    def test_a_file_that_is_not_there(self, site: Site, transport: Transport) -> None:
        with pytest.raises(SourceError) as wrong:
            transport.open(site.at("absent.bin"))
        assert refused(wrong) == "not-found"
        assert not wrong.value.transient

    def test_a_folder_is_no_file(self, site: Site, transport: Transport) -> None:
        with pytest.raises(SourceError) as wrong:
            opened(transport, site.at("nested"))
        assert refused(wrong) in ("not-found", "bad-answer", "access-denied", "redirect-refused")

    def test_a_body_closed_early_never_says_it_was_read(self, site: Site, transport: Transport) -> None:
        body = opened(transport, site.at("whole.bin"))
        assert body.readinto(memoryview(bytearray(10))) > 0
        body.close()
        body.close()
        with pytest.raises(SourceError) as wrong:
            body.readinto(memoryview(bytearray(10)))
        assert refused(wrong) == "cut-off"
        assert drained(opened(transport, site.at("nested", "beside.bin"))) == b"beside"

    def test_it_goes_on_after_an_error(self, site: Site, transport: Transport) -> None:
        for _ in range(3):
            with pytest.raises(SourceError):
                transport.open(site.at("absent.bin"))
            assert drained(opened(transport, site.at("nested", "beside.bin"))) == b"beside"
            with pytest.raises(SourceError):
                transport.list(site.at("absent"))
            assert len(transport.list(site.at("nested")).entries) == 2


class TestResuming:
    def test_an_unchanged_file_goes_on_at_the_offset(self, site: Site, transport: Transport) -> None:
        told = transport.stat(site.at("whole.bin"))
        offset = len(WHOLE) - 1000
        before = site.bodies() if site.bodies is not None else 0
        body = opened(transport, site.at("whole.bin"), Resume(offset, told))
        assert body.offset == (offset if site.resumes else 0)
        assert body.validators.size == len(WHOLE)
        assert drained(body) == WHOLE[body.offset :]
        if site.bodies is not None and site.resumes:
            assert 1000 <= grew(site, before, 1000) < 1000 + OVERHEAD

    def test_after_a_break_with_what_the_body_told(self, site: Site, transport: Transport) -> None:
        body = opened(transport, site.at("whole.bin"))
        view = memoryview(bytearray(50_000))
        held = bytes(view[: body.readinto(view)])
        body.close()
        again = opened(transport, site.at("whole.bin"), Resume(len(held), body.validators))
        assert again.offset == (len(held) if site.resumes else 0)
        assert held[: again.offset] + drained(again) == WHOLE

    def test_at_the_very_end(self, site: Site, transport: Transport) -> None:
        told = transport.stat(site.at("whole.bin"))
        body = opened(transport, site.at("whole.bin"), Resume(len(WHOLE), told))
        assert body.offset in (0, len(WHOLE))
        assert drained(body) == WHOLE[body.offset :]

    def test_beyond_the_end(self, site: Site, transport: Transport) -> None:
        told = transport.stat(site.at("whole.bin"))
        body = opened(transport, site.at("whole.bin"), Resume(len(WHOLE) + 1, told))
        assert body.offset == 0
        assert drained(body) == WHOLE

    @pytest.mark.parametrize("size", [60_000, 50_000, 60_001])
    def test_a_changed_file_begins_anew(self, site: Site, transport: Transport, size: int) -> None:
        file = f"changing {size}.bin"
        write(site.docroot / "changing" / file, content("old", 60_000))
        told = transport.stat(site.at("changing", file))
        write(site.docroot / "changing" / file, content("new", size), LONG_AGO + 10)
        body = opened(transport, site.at("changing", file), Resume(30_000, told))
        assert body.offset == 0
        assert body.validators.size == size
        assert drained(body) == content("new", size)

    @pytest.mark.parametrize("held", [Validators(), Validators(size=len(WHOLE)), Validators(len(WHOLE), modified=1.0)])
    def test_what_proves_nothing_begins_anew(self, site: Site, transport: Transport, held: Validators) -> None:
        body = opened(transport, site.at("whole.bin"), Resume(1000, held))
        assert body.offset == 0
        assert drained(body) == WHOLE


class TestConditions:
    def test_an_unchanged_file_is_not_sent(self, site: Site, transport: Transport) -> None:
        told = transport.stat(site.at("whole.bin"))
        before = site.bodies() if site.bodies is not None else 0
        answer = transport.open(site.at("whole.bin"), unless=told)
        assert isinstance(answer, Unchanged)
        assert answer.validators.size in (None, len(WHOLE))
        assert drained(opened(transport, site.at("nested", "beside.bin"))) == b"beside"
        if site.bodies is not None:
            assert grew(site, before, len(b"beside")) < OVERHEAD

    def test_a_changed_file_is(self, site: Site, transport: Transport) -> None:
        write(site.docroot / "changing" / "now.bin", b"old")
        told = transport.stat(site.at("changing", "now.bin"))
        write(site.docroot / "changing" / "now.bin", b"new", LONG_AGO + 10)
        answer = transport.open(site.at("changing", "now.bin"), unless=told)
        assert not isinstance(answer, Unchanged)
        assert drained(answer) == b"new"

    def test_nothing_known_is_nothing_proved(self, site: Site, transport: Transport) -> None:
        answer = transport.open(site.at("none.bin"), unless=Validators())
        assert not isinstance(answer, Unchanged)
        answer.close()

    def test_a_file_that_has_gone(self, site: Site, transport: Transport) -> None:
        write(site.docroot / "changing" / "gone.bin", b"old")
        told = transport.stat(site.at("changing", "gone.bin"))
        (site.docroot / "changing" / "gone.bin").unlink()
        with pytest.raises(SourceError) as wrong:
            transport.open(site.at("changing", "gone.bin"), unless=told, resume=Resume(1, told))
        assert refused(wrong) == "not-found"


class TestConnections:
    @pytest.mark.not_for(
        "memory", "files", "http.server", "vsftpd-tls", why="its connections are not kept or cannot be counted"
    )
    def test_many_calls_share_one_connection(self, site: Site) -> None:
        assert site.connections is not None
        before = site.connections()
        with site.connect(site.root) as transport:
            transport.list(site.root)
            for number in range(20):
                body = opened(transport, site.at("many", f"file {number:04}.txt"))
                assert drained(body) == b"%d" % number
                transport.stat(site.at("whole.bin"))
            with pytest.raises(SourceError):
                transport.open(site.at("absent.bin"))
            transport.list(site.at("many"))
            assert 1 <= site.connections() - before <= site.most_connections

    @pytest.mark.not_for("memory", "files", "http.server", "vsftpd-tls", why="its connections cannot be counted")
    def test_nothing_is_connected_before_it_is_needed(self, site: Site) -> None:
        assert site.connections is not None
        before = site.connections()
        with site.connect(site.root):
            pass
        assert site.connections() == before

    def test_closing_twice_and_with_a_body_under_way(self, site: Site) -> None:
        transport = site.connect(site.root)
        opened(transport, site.at("whole.bin")).readinto(memoryview(bytearray(10)))
        transport.close()
        transport.close()
        with site.connect(site.root) as other:
            body = opened(other, site.at("whole.bin"))
            assert body.readinto(memoryview(bytearray(10))) > 0
        body.close()

    @pytest.mark.not_for(
        "memory",
        "files",
        "http.server",
        "vsftpd",
        "vsftpd-tls",
        "pyftpd",
        "pyftpd-tls",
        why="its connections cannot be dropped from here",
    )
    def test_a_dropped_connection_is_made_again(self, site: Site) -> None:
        assert site.relay is not None
        with site.connect(site.root) as transport:
            transport.stat(site.at("whole.bin"))
            site.relay.drop()
            assert drained(opened(transport, site.at("nested", "beside.bin"))) == b"beside"

    def test_threads_with_a_transport_each(self, site: Site) -> None:
        """A busy server is asked again, as by all who use a transport: lighttpd says 503 to listings side by side."""

        def read() -> None:
            with RetryingTransport(site.connect(site.root), RetryPolicy(attempts=20, first_delay=0.01)) as transport:
                for name in ("whole.bin", "none.bin"):
                    expected = (site.docroot / name).read_bytes()
                    assert drained(opened(transport, site.at(name))) == expected
                assert len(transport.list(site.at("many")).entries) == MANY

        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(read) for _ in range(4)]:
                done.result(60)


class TestErrors:
    @pytest.mark.not_for("memory", "files", why="it needs no connection")
    def test_nobody_listens(self, site: Site) -> None:
        with site.connect(nowhere := replace(site.root, port=free_port())) as transport:
            for ask in (transport.list, transport.stat, transport.open):
                with pytest.raises(SourceError) as wrong:
                    ask(nowhere.child("file"))
                assert refused(wrong) in (("unreachable", "busy") if site.behind_proxy else ("unreachable",))
                assert wrong.value.transient

    @pytest.mark.not_for("memory", "files", why="it takes no credentials")
    def test_credentials_are_in_no_message(self, site: Site) -> None:
        secret = Credentials("Canary-User", "Canary-Pass:/@%41")
        said = []
        for root in (replace(site.root, credentials=secret), replace(site.root, credentials=secret, port=free_port())):
            with site.connect(root) as transport:
                for ask in (transport.list, transport.stat, transport.open):
                    try:
                        ask(root.child("absent"))
                    except SourceError as wrong:
                        said.append("".join(traceback.format_exception(wrong)) + repr(root) + repr(transport))
        assert said
        assert [text for text in said if "Canary-P" in text or "Canary-U" in text] == []
