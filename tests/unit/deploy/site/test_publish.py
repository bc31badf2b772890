"""Publishing whole: what clients would have afterwards, what is written, what stays, what goes."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.manifest import ClientEntry, InPack, ServerEntry
from deploy.site import packing
from deploy.site.packing import files_of
from deploy.site.publish import Means
from deploy.site.publish_result import CustomerResult, State, Step
from deploy.site.publish_tree import Tree
from tests.unit.deploy.site.publish_bench import NEXT, OLD, OWN, UNC, Bench, addresses, ahead


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path)
    found.put("next/a.dll", "a")
    found.put("next/Bin/b.dll", "bb")
    found.put("next/Bin/empty.txt", "")
    return found


def at(moment: Callable[[], float]) -> Means:
    return Means(clock=moment)


class TestFirstTime:
    def test_clients_have_what_the_setup_config_says(self, bench: Bench) -> None:
        bench.put("WebDeployment/acme/ClientSetup.ini", "[General]")
        bench.put("next/large.bin", b"L" * (packing.LARGEST_PACKED + 1))
        customer = bench.customer(
            entries=NEXT + UNC + OWN, more='<execute command="Solidus\\a.dll" args="$(InstallDir)"/>'
        )
        result = bench.publish(customer)
        assert bench.installed() == {
            "Solidus/a.dll": b"a",
            "Solidus/Bin/b.dll": b"bb",
            "Solidus/Bin/empty.txt": b"",
            "Solidus/large.bin": b"L" * (packing.LARGEST_PACKED + 1),
            "Solidus/ClientSetup.ini": b"[General]",
        }
        found = bench.manifest()
        assert (found.customer, found.customer_name, found.tenant_id) == ("acme", "acme Ltd", 7)
        assert [type(one) for one in found.entries] == [ServerEntry, ClientEntry, ServerEntry]
        assert bench.left() == [r"\\SRV\Share\*.*"]
        assert found.execute is not None
        assert found.execute.args == "$(InstallDir)"
        assert found.identifiers == ()
        assert {file.modified for file in files_of(found)} == {int(OLD)}
        (one,) = result.customers
        assert (one.state, one.files, one.client_entries, one.problems) == (State.PUBLISHED, 5, 1, ())
        assert result.ok
        assert result.written == 4  # two packs: everybody's and the customer's own; two objects

    def test_the_tree_can_be_read_by_a_web_server_and_the_publishers_own_folder_by_nobody(self, bench: Bench) -> None:
        bench.customer()
        before = os.umask(0o077)
        try:
            bench.publish()
        finally:
            os.umask(before)
        for path in bench.settings.published.rglob("*"):
            if ".work" not in path.parts:
                wanted = 0o755 if path.is_dir() else 0o644
                assert stat.S_IMODE(path.stat().st_mode) == wanted, path
        assert stat.S_IMODE((bench.settings.published / ".work").stat().st_mode) == 0o700

    def test_what_the_server_is_sure_of_is_told_and_texts_stay_as_written(self, bench: Bench) -> None:
        bench.use(uri="http://web:8080", broker="BROKER", release="9.7")
        entry = '<file include="file://$(BrokerServer)/Share/*.*" outputFolder="x"/>'
        bench.publish(bench.customer(entries=NEXT + entry, more='<execute command="a.exe" args="$(WebServerUri)"/>'))
        found = bench.manifest()
        assert found.identifiers == (
            ("BrokerServer", "BROKER"),
            ("WebServer", "web"),
            ("WebServerPort", "8080"),
            ("WebServerUri", "http://web:8080"),
        )
        assert bench.left() == ["file://$(BrokerServer)/Share/*.*"]
        assert found.execute is not None
        assert found.execute.args == "$(WebServerUri)"
        assert found.release == "9.7"

    def test_contents_lie_in_the_order_of_their_paths(self, bench: Bench) -> None:
        for number in range(50):
            bench.put(f"next/{number % 5}/{number}.dll", f"content {number}")
        bench.publish(bench.customer())
        offsets = [file.place.offset for file in files_of(bench.manifest()) if file.place is not None]
        assert offsets == sorted(offsets)

    def test_equal_contents_are_written_once(self, bench: Bench) -> None:
        bench.put("next/again/a.dll", "a")
        bench.put("next/large.bin", b"L" * 2_000_000)
        bench.put("next/again/large.bin", b"L" * 2_000_000)
        result = bench.publish(bench.customer())
        assert result.bytes_written == 3 + 2_000_000
        assert bench.installed()["Solidus/again/a.dll"] == b"a"

    def test_the_version_of_the_program_is_the_release(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("deploy.site.publish_customer.version_of", lambda path: path.name.upper())
        bench.publish(bench.customer(more='<execute command="solidus/BIN\\b.dll"/>'))
        assert bench.manifest().release == "B.DLL"
        bench.publish(bench.customer(more='<execute command="elsewhere.exe"/>'))
        assert bench.manifest().release == ""


class TestLaterWins:
    def test_over_all_entries_of_the_server(self, bench: Bench) -> None:
        bench.put("script/a.dll", "script a")
        bench.put("script/c.dll", "script c")
        entries = NEXT + UNC + NEXT.replace("NextCCClient", "ScriptManager")
        bench.publish(bench.customer(entries=entries))
        assert bench.installed()["Solidus/a.dll"] == b"script a"
        first, _, last = bench.manifest().entries
        assert isinstance(first, ServerEntry)
        assert isinstance(last, ServerEntry)
        assert [str(file.output) for file in first.files] == ["Solidus/Bin/b.dll", "Solidus/Bin/empty.txt"]
        assert [str(file.output) for file in last.files] == ["Solidus/a.dll", "Solidus/c.dll"]

    def test_a_file_where_another_entry_has_a_folder_is_refused(self, bench: Bench) -> None:
        bench.put("script/Bin", "a file")
        result = bench.publish(bench.customer(entries=NEXT + NEXT.replace("NextCCClient", "ScriptManager")))
        assert [problem.code for problem in result.customers[0].problems] == ["file-and-folder"]


class TestAgain:
    def test_nothing_changed_writes_nothing_and_reads_no_content(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.customer()
        bench.publish()
        before, contents = bench.manifest_bytes(), bench.contents()
        stamp = os.stat(bench.settings.published / "customers/acme/manifest.json").st_mtime_ns

        def refuse(*_: object) -> None:
            raise AssertionError("read")

        monkeypatch.setattr("deploy.site.publish_reading._read_whole", refuse)
        result = bench.publish(means=ahead(100))
        assert [one.state for one in result.customers] == [State.UNCHANGED]
        assert (result.written, result.removed) == (0, 0)
        assert (bench.manifest_bytes(), bench.contents()) == (before, contents)
        assert os.stat(bench.settings.published / "customers/acme/manifest.json").st_mtime_ns == stamp

    def test_a_file_that_may_have_changed_in_the_moment_it_was_read_is_read_again(self, bench: Bench) -> None:
        path = bench.put("next/a.dll", "1", modified=time.time())
        bench.publish(bench.customer())
        seen = path.stat()
        path.write_bytes(b"2")
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        bench.publish(bench.read(path.parents[1] / "WebDeployment/acme"))
        assert bench.installed()["Solidus/a.dll"] == b"2"

    def test_a_changed_file_is_all_that_is_written(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        before = bench.manifest()
        bench.put("next/a.dll", "changed", modified=OLD + 5)
        result = bench.publish(customer, means=ahead(10))
        assert (result.written, result.bytes_written) == (1, 7)
        after = bench.manifest()
        assert after.published > before.published
        assert bench.installed()["Solidus/a.dll"] == b"changed"
        same = {file.output: file.place for file in files_of(before)}
        assert [file.output.name for file in files_of(after) if same[file.output] != file.place] == ["a.dll"]

    def test_another_time_of_change_is_published_without_a_content(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        bench.put("next/a.dll", "a", modified=OLD + 50)
        result = bench.publish(customer)
        assert (result.customers[0].state, result.written) == (State.PUBLISHED, 0)

    def test_a_lost_index_costs_only_work(self, bench: Bench) -> None:
        bench.put("WebDeployment/acme/ClientSetup.ini", "[General]")
        bench.customer(entries=NEXT + OWN)
        bench.customer("other")
        bench.publish()
        before = bench.manifest_bytes(), bench.manifest_bytes("other"), bench.contents()
        bench.lose_index()
        result = bench.publish()
        assert [one.state for one in result.customers] == [State.UNCHANGED] * 2
        assert (bench.manifest_bytes(), bench.manifest_bytes("other"), bench.contents()) == before

    def test_a_damaged_index_costs_only_work(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        index = bench.settings.published / ".work/index.json"
        for data in (b"", b"{", b"[]", b'{"format":1}', index.read_bytes()[:-20], b"\xff" * 100):
            index.write_bytes(data)
            assert bench.publish(customer).customers[0].state is State.UNCHANGED

    def test_a_damaged_manifest_is_written_anew(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        path = bench.settings.published / "customers/acme/manifest.json"
        path.write_bytes(path.read_bytes()[:-30])
        assert bench.publish(customer).customers[0].state is State.PUBLISHED
        assert bench.installed()["Solidus/a.dll"] == b"a"


class TestCustomersOfTheirOwn:
    def test_one_that_is_broken_keeps_what_it_has_and_stops_nobody(self, bench: Bench) -> None:
        bench.customer("acme")
        bench.customer("broken")
        bench.customer("missing")
        bench.publish()
        before = {id_: bench.manifest_bytes(id_) for id_ in ("broken", "missing")}
        bench.put("WebDeployment/broken/Setup.config", "<configuration>")
        bench.customer("missing", entries=NEXT.replace("*.*", "no.dll"))
        bench.put("next/a.dll", "changed")
        result = bench.publish()
        states = {one.customer: one.state for one in result.customers}
        assert states == {"acme": State.PUBLISHED, "broken": State.REFUSED, "missing": State.REFUSED}
        assert not result.ok
        assert {id_: bench.manifest_bytes(id_) for id_ in before} == before
        assert bench.installed("broken")["Solidus/a.dll"] == b"a"
        said = {one.customer: [problem.code for problem in one.problems] for one in result.customers}
        assert said == {"acme": [], "broken": ["not-well-formed"], "missing": ["not-found"]}
        (problem,) = next(one.problems for one in result.customers if one.customer == "missing")
        assert problem.file is not None
        assert problem.file.endswith("missing/Setup.config")
        assert problem.line == 1

    def test_the_files_of_one_never_lie_with_those_of_another(self, bench: Bench) -> None:
        for id_ in ("one", "two", "three"):
            bench.customer(id_, entries=NEXT + OWN)
            bench.put(f"WebDeployment/{id_}/ClientSetup.ini", f"password of {id_}")
        bench.put("WebDeployment/three/ClientSetup.ini", "password of one")
        bench.publish()
        for round_ in range(2):
            readable = {
                id_: b"".join((bench.settings.published / address).read_bytes() for address in addresses(bench, id_))
                for id_ in ("one", "two", "three")
            }
            for id_, own in (("one", b"one"), ("two", b"two"), ("three", b"one")):
                assert readable[id_].count(b"password of") == 1, (round_, id_)
                assert b"password of " + own in readable[id_]
            bench.put("next/new.dll", f"new {round_}")
            bench.lose_index()
            bench.publish()

    def test_a_customer_without_a_folder_is_taken_back_where_all_are_published(self, bench: Bench) -> None:
        bench.customer("acme")
        bench.customer("gone")
        bench.publish()
        shutil.rmtree(bench.settings.root / "gone")
        bench.publish(bench.read(bench.settings.root / "acme"))
        assert bench.manifest("gone")
        result = bench.publish()
        assert {one.customer: one.state for one in result.customers} == {
            "acme": State.UNCHANGED,
            "gone": State.REMOVED,
        }
        assert not (bench.settings.published / "customers/gone").exists()

    def test_nobody_is_taken_back_where_the_repository_is_not_there(self, bench: Bench) -> None:
        bench.customer("acme")
        bench.publish()
        bench.settings.root.rename(bench.folder / "elsewhere")
        bench.settings.root.mkdir()
        bench.publish()
        assert bench.manifest("acme")
        bench.settings.root.rmdir()
        from deploy.site.publish import publish

        publish(bench.settings, [], complete=True)
        assert bench.manifest("acme")

    def test_an_id_in_capitals_has_its_folder_in_small_letters(self, bench: Bench) -> None:
        bench.publish(bench.customer("ACME"))
        assert (bench.settings.published / "customers/acme/manifest.json").is_file()
        assert bench.manifest().customer == "ACME"


class TestHalfCopied:
    def test_a_file_that_changed_a_moment_ago_is_not_read_before_it_was_quiet(self, bench: Bench) -> None:
        bench.use(quiet=5.0)
        customer = bench.customer()
        now = [time.time()]
        waited: list[float] = []
        written = bench.folder / "next/a.dll"

        def wait(seconds: float) -> None:
            waited.append(seconds)
            now[0] += seconds
            if len(waited) < 3:
                bench.put("next/a.dll", written.read_bytes() + b"more", modified=now[0])

        result = bench.publish(customer, means=Means(clock=lambda: now[0], wait=wait))
        assert waited == [5.0, 5.0, 5.0]
        assert bench.installed()["Solidus/a.dll"] == b"amoremore"
        assert result.ok

    def test_a_file_that_never_comes_to_rest_puts_its_customer_off(self, bench: Bench) -> None:
        bench.use(quiet=5.0)
        bench.put("script/s.dll", "s")
        bench.customer("quiet", entries=NEXT.replace("NextCCClient", "ScriptManager"))
        bench.customer("restless")
        now = [time.time() + 1000]
        bench.publish(means=at(lambda: now[0]))
        before = bench.manifest_bytes("restless")
        now[0] = time.time()
        moment = [0]

        def wait(seconds: float) -> None:
            now[0] += seconds
            moment[0] += 1
            bench.put("next/a.dll", f"copying {moment[0]}", modified=now[0])

        wait(0)
        result = bench.publish(means=Means(clock=lambda: now[0], wait=wait))
        states = {one.customer: one for one in result.customers}
        assert states["quiet"].state is State.UNCHANGED
        assert states["restless"].state is State.REFUSED
        assert [problem.code for problem in states["restless"].problems] == ["changed"]
        assert "a.dll" in states["restless"].problems[0].message
        assert bench.manifest_bytes("restless") == before

    def test_a_file_that_comes_while_others_are_read_belongs_to_the_release(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from deploy.site import publish_reading

        real = publish_reading._read_whole
        waited: list[float] = []

        def reading(path: str) -> object:
            if not (bench.folder / "next/z.dll").exists():
                bench.put("next/z.dll", "came later")
            return real(path)

        monkeypatch.setattr(publish_reading, "_read_whole", reading)
        result = bench.publish(bench.customer(), means=Means(wait=waited.append))
        assert result.ok
        assert waited == [0.0]
        assert bench.installed()["Solidus/z.dll"] == b"came later"

    def test_a_file_that_changes_between_reading_and_packing_is_not_packed(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, touched = Tree.write, []

        def writing(tree: Tree, kind: str, pieces: object) -> object:
            if not touched:
                touched.append(bench.put("next/a.dll", "b", modified=OLD))
            return real(tree, kind, pieces)  # type: ignore[arg-type]

        monkeypatch.setattr(Tree, "write", writing)
        result = bench.publish(bench.customer(), means=Means(wait=lambda _: None))
        assert result.ok
        assert bench.installed()["Solidus/a.dll"] == b"b"

    def test_copied_times_do_not_hide_a_copy(self, bench: Bench) -> None:
        """A copy that keeps the old time of change was still made just now."""
        bench.use(quiet=30.0)
        customer = bench.customer()
        waited: list[float] = []
        bench.publish(customer, means=Means(wait=waited.append))
        assert waited


class TestOneAtATime:
    def test_a_second_publisher_is_told_so(self, bench: Bench) -> None:
        customer = bench.customer()
        with Tree(bench.settings.published, lambda _: None).writing():
            done: list[BaseException] = []

            def second() -> None:
                try:
                    bench.publish(customer)
                except TargetError as wrong:
                    done.append(wrong)

            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
        (wrong,) = done
        assert isinstance(wrong, TargetError)
        assert wrong.code == "busy"
        assert "publication" in wrong.problems[0].message
        assert bench.publish(customer).ok


class TestTelling:
    def test_steps_and_outcomes_are_told_as_they_come(self, bench: Bench) -> None:
        told: list[object] = []
        reached: list[str] = []
        from deploy.site.publish import publish

        publish(bench.settings, [bench.customer()], told.append, reached.append)
        steps = [one for one in told if isinstance(one, Step)]
        assert [(one.name, one.customer, one.files, one.size) for one in steps] == [
            ("read", "acme", 3, 3),
            ("write", "acme", 3, 3),
        ]
        assert [one.customer for one in told if isinstance(one, CustomerResult)] == ["acme"]
        assert reached == [
            "written objects",
            "placed objects",
            "written packs",
            "placed packs",
            "contents are there",
            "published",
        ]

    def test_a_place_in_a_pack_is_where_the_bytes_are(self, bench: Bench) -> None:
        bench.publish(bench.customer())
        places = {file.output.name: file.place for file in files_of(bench.manifest())}
        assert isinstance(places["a.dll"], InPack)
        assert places["empty.txt"] is None
