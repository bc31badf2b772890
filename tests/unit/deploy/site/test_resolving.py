"""What of a Setup.config the server resolves, what it leaves to the clients, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import Problem
from deploy.manifest import ClientEntry
from deploy.relpath import fold
from deploy.site.model import Customer
from deploy.site.publish_sources import Memory, Opener, OurFolders, ReadFrom
from deploy.site.resolving import ResolvedEntry, Resolver, read_from
from deploy.sources import Sources
from deploy.transport.contract import TransportSettings
from deploy.transport.retry import RetryPolicy
from tests.servers.process import free_port
from tests.unit.deploy.site.publish_bench import Bench

WEB = "$(WebServerUri)/MiCCEInstallation"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path)
    for name in ("a.dll", "b.exe", "Bin/c.dll", "Bin/Deep/d.dll"):
        found.put(f"next/{name}", name)
    return found


def entry(include: str, more: str = "") -> str:
    return f'<file include="{include}" outputFolder="Out" {more}/>'


class Resolved:
    """A resolution, told for short."""

    def __init__(self, bench: Bench, customer: Customer) -> None:
        ours = OurFolders(bench.settings)
        retry = RetryPolicy(attempts=1)
        settings = TransportSettings(connect_timeout=2.0, answer_timeout=2.0)
        with Sources(settings, retry=retry, opener=Opener(ours, Memory())) as sources:
            assert customer.config is not None
            self.found = Resolver(bench.settings, ours, sources).resolve(customer.config)

    @property
    def files(self) -> list[str]:
        return [str(file.output).removeprefix("Out/") for file in self.found.files]

    @property
    def left(self) -> list[int]:
        return [one.entry.number for one in self.found.entries if isinstance(one, ClientEntry)]

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.found.problems]

    @property
    def problem(self) -> Problem:
        (one,) = self.found.problems
        return one


def resolved(bench: Bench, *entries: str) -> Resolved:
    return Resolved(bench, bench.customer(entries="".join(entries)))


class TestOurs:
    def test_matching_is_that_of_a_client(self, bench: Bench) -> None:
        deep = 'subDirs="true" '
        assert resolved(bench, entry(f"{WEB}/NextCCClient/*.*")).files == ["a.dll", "b.exe"]
        assert resolved(bench, entry(f"{WEB}/NextCCClient/*.dll", deep)).files == [
            "a.dll",
            "Bin/c.dll",
            "Bin/Deep/d.dll",
        ]
        without = resolved(bench, entry(f"{WEB}/NextCCClient/*.*", deep + r'exclude="*.exe;Bin\Deep\"'))
        assert without.files == ["a.dll", "Bin/c.dll"]
        assert resolved(bench, entry(f"{WEB}/NextCCClient/Bin/c.dll")).files == ["c.dll"]

    @pytest.mark.parametrize(
        "include",
        [
            f"{WEB}/NextCCClient/a.dll",
            "$(WebServerUri)/miccEINSTALLATION/NEXTccclient/A.DLL",
            "http://$(WebServer):$(WebServerPort)/MicCEInstallation/NextCCClient/a.dll",
            "http://$(webserver)/MicCEInstallation/NextCCClient/a%2Edll",
        ],
    )
    @pytest.mark.parametrize("uri", [None, "http://web:8080", "https://web"])
    def test_any_case_and_any_way_to_say_it(self, bench: Bench, include: str, uri: str | None) -> None:
        bench.use(uri=uri)
        found = resolved(bench, entry(include))
        assert [file.source.name for file in found.found.files] == ["a.dll"]
        assert found.codes == []

    def test_the_server_written_out_is_the_same_server(self, bench: Bench) -> None:
        bench.use(uri="http://web:8080")
        for address in ("http://WEB:8080", "http://web", "https://web"):
            found = resolved(bench, entry(f"{address}/MiCCEInstallation/NextCCClient/a.dll"))
            assert (found.files, found.codes) == (["a.dll"], []), address

    def test_files_of_a_customer(self, bench: Bench) -> None:
        bench.put("WebDeployment/acme/ClientSetup.ini", "x")
        bench.put("WebDeployment/acme/Index.cshtml", "x")
        bench.put("WebDeployment/acme/Index.html.j2", "x")
        bench.put("WebDeployment/acme/private.KEY", "x")
        found = resolved(bench, entry(f"{WEB}/WebDeployment/ACME/*.*"))
        assert found.files == ["ClientSetup.ini", "Setup.config"]
        for name in ("Index.cshtml", "index.HTML.j2", "private.key"):
            assert resolved(bench, entry(f"{WEB}/WebDeployment/acme/{name}")).codes == ["not-found"]

    @pytest.mark.parametrize(
        "include",
        [f"{WEB}/WebDeployment/*.*", f"{WEB}/*.*", f"{WEB}/WebDeployment/NUL/*.*", f"{WEB}/WebDeployment/.x/*.*"],
    )
    def test_no_customer_takes_the_folder_of_all(self, bench: Bench, include: str) -> None:
        found = resolved(bench, entry(include, 'subDirs="true"'))
        assert found.codes == ["not-found"]
        assert found.found.is_wrong

    def test_a_folder_that_is_not_served_is_named_with_what_is(self, bench: Bench) -> None:
        found = resolved(bench, entry(f"{WEB}/Nonsense/*.*"))
        assert found.problem.code == "not-found"
        assert found.problem.line == 1
        assert "NextCCClient" in found.problem.hint
        assert "server.toml" in found.problem.hint

    def test_the_catalogue_of_hotfixes_is_served_too(self, bench: Bench) -> None:
        bench.put("fixes/catalog.json", "{}")
        bench.use(hotfixes=bench.folder / "fixes")
        assert resolved(bench, entry(f"{WEB}/HotFixes/catalog.json")).files == ["catalog.json"]

    def test_hidden_names_are_not_there(self, bench: Bench) -> None:
        bench.put("next/.a.dll.Xy12", "being copied")
        bench.put("next/.git/config", "x")
        found = resolved(bench, entry(f"{WEB}/NextCCClient/*", 'subDirs="true"'))
        assert found.files == ["a.dll", "b.exe", "Bin/c.dll", "Bin/Deep/d.dll"]
        assert found.codes == []
        assert resolved(bench, entry(f"{WEB}/NextCCClient/.a.dll.Xy12")).codes == ["not-found"]
        assert resolved(bench, entry(f"{WEB}/NextCCClient/.git/config")).codes == ["not-found"]

    def test_links_that_lead_out_are_not_followed(self, bench: Bench) -> None:
        secret = bench.put("secret.txt", "secret")
        os.symlink(secret, bench.folder / "next/link.txt")
        os.symlink(bench.folder / "next/a.dll", bench.folder / "next/inside.txt")
        os.symlink(bench.folder, bench.folder / "next/folder")
        found = resolved(bench, entry(f"{WEB}/NextCCClient/*.txt", 'subDirs="true"'))
        assert found.files == ["inside.txt"]
        assert found.codes == ["unsafe-name"] * 2
        assert resolved(bench, entry(f"{WEB}/NextCCClient/link.txt")).codes == ["not-found"]
        assert resolved(bench, entry(f"{WEB}/NextCCClient/folder/secret.txt")).codes == ["not-found"]

    def test_names_windows_does_not_take_are_left_out_with_a_word(self, bench: Bench) -> None:
        bench.put("next/aux.txt", "x")
        found = resolved(bench, entry(f"{WEB}/NextCCClient/*.txt"))
        assert found.codes == ["unsafe-name", "no-match"]
        assert not found.found.is_wrong

    def test_two_names_that_are_one_on_windows(self, bench: Bench) -> None:
        bench.put("next/A.dll", "x")
        assert resolved(bench, entry(f"{WEB}/NextCCClient/*.dll")).codes == ["case-twins"]


class TestLeftToClients:
    def test_what_only_they_know_or_see(self, bench: Bench) -> None:
        found = resolved(
            bench,
            entry(r"\\SRV\Share\*.*"),
            entry("file:///C:/Setup/*.*"),
            entry(r"$(InstallDir)\x\*.*"),
            entry(f"{WEB}/NextCCClient/a.dll", r'exclude="$(System32Dir)x"'),
            entry("http://$(BrokerServer)/x/*.*"),
        )
        assert found.left == [1, 2, 3, 4, 5]
        assert found.codes == []
        written = [one.entry.include for one in found.found.entries if isinstance(one, ClientEntry)]
        assert written[2] == r"$(InstallDir)\x\*.*"

    def test_another_folder_of_a_web_server_nobody_named(self, bench: Bench) -> None:
        found = resolved(bench, entry("$(WebServerUri)/Elsewhere/*.*"))
        assert found.left == [1]
        assert found.problem.code == "left-to-clients"
        assert "uri" in found.problem.hint

    def test_a_server_that_cannot_be_reached(self, bench: Bench) -> None:
        found = resolved(bench, entry(f"http://127.0.0.1:{free_port()}/x/*.*"), entry(f"{WEB}/NextCCClient/a.dll"))
        assert found.left == [1]
        assert found.files == ["a.dll"]
        assert found.problem.code == "left-to-clients"
        assert not found.found.is_wrong
        assert found.problem.line == 1

    def test_entries_stay_in_their_order(self, bench: Bench) -> None:
        found = resolved(
            bench, entry(f"{WEB}/NextCCClient/a.dll"), entry(r"\\SRV\Share\x"), entry(f"{WEB}/NextCCClient/b.exe")
        )
        numbers = [one.number if isinstance(one, ResolvedEntry) else one.entry.number for one in found.found.entries]
        assert numbers == [1, 2, 3]


class TestIngested:
    def test_folders_that_the_settings_name(self, bench: Bench) -> None:
        bench.put("other/x/one.txt", "1")
        bench.put("otherwise/x/two.txt", "2")
        bench.use(ingest=(f"file://{bench.folder}/OTHER",))
        found = resolved(bench, entry(f"file://{bench.folder}/other/x/*.*"), entry(f"{bench.folder}/otherwise/x/*.*"))
        assert found.files == ["one.txt"]
        assert found.left == [2]

    def test_a_share_that_the_settings_name_and_nobody_reaches(self, bench: Bench) -> None:
        bench.use(ingest=(r"\\127.0.0.1\Share",))
        found = resolved(bench, entry(r"\\127.0.0.1\Share\x\*.*"), entry(r"\\127.0.0.1\Shared\x\*.*"))
        assert found.left == [1, 2]
        assert found.codes == ["left-to-clients"]


class TestWrong:
    def test_everything_that_is_wrong_is_told_at_once(self, bench: Bench) -> None:
        bench.put("next/A.dll", "x")
        found = resolved(
            bench,
            entry(f"{WEB}/Nonsense/x"),
            entry(f"{WEB}/NextCCClient/no.dll"),
            entry(f"{WEB}/NextCCClient/*.dll"),
            entry(f"{WEB}/NextCCClient/b.exe"),
        )
        assert sorted(found.codes) == ["case-twins", "not-found", "not-found"]
        assert found.found.is_wrong


class TestReadFrom:
    @pytest.fixture
    def found(self, bench: Bench) -> frozenset[ReadFrom]:
        config = bench.customer(
            entries=entry(f"{WEB}/nextccclient/Bin/*.*")
            + entry(f"{WEB}/WebDeployment/Other/x.ini")
            + entry(r"\\SRV\Share\x")
            + entry(f"{WEB}/Nonsense/x")
        ).config
        assert config is not None
        return read_from(config, OurFolders(bench.settings))

    def test_whole_folders_that_are_served(self, bench: Bench, found: frozenset[ReadFrom]) -> None:
        assert found == {
            ReadFrom(bench.folder / "next"),
            ReadFrom(bench.folder / "WebDeployment", fold("Other")),
        }
