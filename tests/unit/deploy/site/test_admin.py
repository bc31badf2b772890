"""The pages of administrators: what they show of customers, releases and hotfixes, and that it is text only."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.sax.saxutils import escape as as_xml

import anyio
import httpx
import pytest

from deploy.catalog import Catalog, CatalogEntry, CatalogFile, encode_catalog
from deploy.digest import Sha256
from deploy.errors import TargetError, error, warning
from deploy.machine import Role
from deploy.relpath import RelPath
from deploy.site import admin as admin_module
from deploy.site.admin import MOST_WAITING
from deploy.site.admin_publication import PublishNow
from deploy.site.model import ServerSettings
from deploy.site.publish_result import CustomerResult, PublishResult, State
from tests.unit.deploy.site.accounts_bench import NAME, PASSWORD
from tests.unit.deploy.site.admin_bench import ADMIN, AdminBench, setup_config, token_of, words

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title></main><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "<!--",
    "&lt;b&gt;",
    "<a href=//evil.example>x</a>",
]


@pytest.fixture
def bench(tmp_path: Path) -> AdminBench:
    return AdminBench(tmp_path)


class Elements(HTMLParser):
    """Every element and attribute of a page, as a browser would make them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append([value or "" for name, value in attrs if name == "src"])


def shape(page: httpx.Response) -> list[str]:
    return Elements(page.text).tags


def entry(
    id: str, revision: int = 1, *, name: str = "Agent", supersedes: tuple[str, ...] = (), **more: object
) -> CatalogEntry:
    config = RelPath((f"{id}.config",))
    return CatalogEntry(
        id,
        revision,
        RelPath((id, str(revision))),
        config,
        (CatalogFile(config, Sha256("0" * 64), 2048),),
        datetime(2026, 2, revision, tzinfo=UTC),
        name=name,
        roles=frozenset({Role.CLIENT}),
        supersedes=supersedes,
        **more,  # type: ignore[arg-type]
    )


class TestOverview:
    def test_counts_everything(self, bench: AdminBench) -> None:
        bench.customer("acme")
        bench.customer("other", setup_config(files='\n    <file include="x" bogus="1" />'))
        bench.customer("broken", "<configuration>")
        (bench.root / ".hidden!").mkdir()
        (bench.root / "bad;name").mkdir()
        bench.releases.publish("acme")
        said = words(bench.browser().signed_in().get())
        assert "ok 1" in said
        assert "broken 2" in said
        assert "not served" in said
        assert "1 published, the latest 2026-03-01 08:30 UTC" in said

    def test_of_an_empty_server(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        assert "Nothing is published yet." in words(browser.get())
        assert "micce-deploy customers add" in words(browser.get("customers"))
        assert "Nothing is published yet." in words(browser.get("releases"))
        assert "knows no catalogue of hotfixes" in words(browser.get("hotfixes"))


class TestCustomers:
    def test_are_listed_with_their_state(self, bench: AdminBench) -> None:
        bench.customer("acme")
        broken = bench.customer("broken", "<configuration>\n  <tenantID>x</tenantID>\n  <files>\n")
        bench.releases.publish("acme")
        said = words(bench.browser().signed_in().get("customers"))
        assert "ACME Corporation acme ok 1 no standard 9.6.1 2026-03-01 08:30 UTC 42 3.0 MiB" in said
        assert "broken broken" in said
        assert "not yet" in said
        assert broken.is_dir()

    def test_that_are_refused_are_named_with_the_reason(self, bench: AdminBench) -> None:
        (bench.root / "bad;name").mkdir()
        said = words(bench.browser().signed_in().get("customers"))
        assert "Folders that are not served" in said
        assert "bad;name" in said

    def test_one_shows_what_is_wrong_with_lines_and_what_to_do(self, bench: AdminBench) -> None:
        folder = bench.customer("acme", setup_config(tenant="one"))
        page = bench.browser().signed_in().get("customers/ACME")
        assert page.status_code == 200
        assert "broken" in words(page)
        assert f"{folder / 'Setup.config'} , line 4" in words(page)
        assert "bad-value" in page.text

    def test_one_shows_its_addresses(self, bench: AdminBench) -> None:
        folder = bench.customer("acme Corp.de")
        (folder / "ClientSetup.ini").write_text("[General]\nFormatVersion=1\nCustomerID=acme Corp.de\nTenantID=1\n")
        page = bench.browser().signed_in().get("customers/acme%20Corp.de").text
        root = "http://server.example/MiCCEInstallation"
        for address in ("install/acme%20Corp.de", "ClientSetup/acme%20Corp.de", "manifest/acme%20Corp.de"):
            assert f'href="{root}/{address}"' in page
        assert f'href="{root}/WebDeployment/acme%20Corp.de/ClientSetup.ini"' in page
        bench.made(uri="https://micc.example:8443")
        page = bench.browser().signed_in().get("customers/acme%20corp.DE").text
        assert 'href="https://micc.example:8443/MiCCEInstallation/install/acme%20Corp.de"' in page

    def test_one_shows_what_is_published(self, bench: AdminBench) -> None:
        bench.customer("acme")
        browser = bench.browser().signed_in()
        assert "Nothing is published for this customer yet." in words(browser.get("customers/acme"))
        bench.releases.publish("acme")
        said = words(browser.get("customers/acme"))
        assert "Release 9.6.1 Published 2026-03-01 08:30 UTC Files 42 (3.0 MiB) Left to the clients 1 entry" in said
        assert "Solidus 3.0 MiB The base folder 1.0 KiB" in said

    def test_a_client_ini_that_is_wrong_is_told_without_its_secrets(self, bench: AdminBench) -> None:
        folder = bench.customer("acme")
        (folder / "ClientSetup.ini").write_text(
            "[General]\nFormatVersion=1\nCustomerID=somebody\nTenantID=1\n[RunAs]\nAccount=ACME\\installer\n"
            "Password=Zwitschermaschine\nPasswordFormat=plain\nZwitschermaschine\nPassword Zwitschermaschine\n"
            "[Features]\nAgent=perhaps\n"
        )
        browser = bench.browser().signed_in()
        page = browser.get("customers/acme")
        assert "errors" in words(page)
        assert "ClientSetup.ini , line 12" in words(page)
        assert "Zwitschermaschine" not in page.text
        assert "errors" in words(browser.get("customers"))

    def test_a_view_that_is_wrong_is_told_with_its_line(self, bench: AdminBench) -> None:
        folder = bench.customer("acme")
        (folder / "Index.html.j2").write_text("<p>\n{{ CustomerName\n</p>\n")
        said = words(bench.browser().signed_in().get("customers/acme"))
        assert "Index.html.j2" in said
        assert ", line " in said

    def test_that_change_are_judged_again(self, bench: AdminBench) -> None:
        folder = bench.customer("acme")
        browser = bench.browser().signed_in()
        assert "ok" in words(browser.get("customers/acme"))
        for name, good, bad in [
            (
                "ClientSetup.ini",
                "[General]\nFormatVersion=1\nCustomerID=acme\nTenantID=1\n[Features]\nAgent=true\n",
                "[General]\nTenantID=2\n",
            ),
            ("Index.html.j2", "<p>{{ CustomerName }}</p>", "<p>{{ CustomerName</p>"),
            ("Setup.config", setup_config(), "<configuration>"),
        ]:
            (folder / name).write_text(bad)
            assert "Problems" in words(browser.get("customers/acme")), name
            (folder / name).write_text(good)
            assert "Problems" not in words(browser.get("customers/acme")), name
        (folder / "Index.html.j2").write_text("{{")
        assert "Problems" in words(browser.get("customers/acme"))
        (folder / "Index.html.j2").unlink()
        assert "Problems" not in words(browser.get("customers/acme"))

    @pytest.mark.parametrize("id", ["none", "%2e%2e", "a%2fb", "%00", "CON", "x" * 300, "acme/x", "<b>"])
    def test_that_are_not_there_are_not_found(self, bench: AdminBench, id: str) -> None:
        bench.customer("acme")
        page = bench.browser().signed_in().get(f"customers/{id}")
        assert page.status_code == 404
        assert "<b>" not in page.text


class TestReleases:
    def test_are_those_of_all_customers(self, bench: AdminBench) -> None:
        for id in ("acme", "beta", "gamma"):
            bench.customer(id)
        bench.releases.publish("acme", "ACME Corporation", "9.6.1")
        bench.releases.publish("beta", "", "9.5")
        said = words(bench.browser().signed_in().get("releases"))
        assert "ACME Corporation 9.6.1 2026-03-01 08:30 UTC 42 3.0 MiB 1" in said
        assert "beta 9.5" in said
        assert "gamma" not in said


class TestHotfixes:
    def catalogue(self, bench: AdminBench, *entries: CatalogEntry) -> None:
        folder = bench.folder / "HotFixes"
        folder.mkdir()
        (folder / "catalog.json").write_bytes(encode_catalog(Catalog(entries)))
        bench.made(hotfixes=folder)

    def test_are_shown_with_what_became_of_them(self, bench: AdminBench) -> None:
        self.catalogue(
            bench,
            entry("HF001"),
            entry("HF002"),
            entry("HF002", 2),
            entry("HF003", supersedes=("HF001",)),
            entry("HF004", withdrawn=datetime(2026, 2, 9, tzinfo=UTC)),
        )
        said = words(bench.browser().signed_in().get("hotfixes"))
        assert said.count("offered 2026") == 2
        assert "HF001 Agent 1 obsolete: superseded by HF003" in said
        assert "HF002 Agent 1 obsolete: replaced by revision 2" in said
        assert "HF004 Agent 1 withdrawn" in said
        assert "2 offered to clients" in said
        assert "2 offered to clients, 5 published in all" in words(bench.browser().signed_in().get())

    def test_that_cannot_be_read_are_a_problem_not_a_failure(self, bench: AdminBench) -> None:
        self.catalogue(bench)
        (bench.folder / "HotFixes" / "catalog.json").write_text("{")
        browser = bench.browser().signed_in()
        page = browser.get("hotfixes")
        assert page.status_code == 200
        assert "bad-catalog" in page.text
        assert "The catalogue cannot be read." in words(browser.get())

    def test_of_nobody(self, bench: AdminBench) -> None:
        self.catalogue(bench)
        assert "micce-deploy hotfixes add" in words(bench.browser().signed_in().get("hotfixes"))


class TestAttacks:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_texts_from_outside_are_text(self, bench: AdminBench, attack: str) -> None:
        pages = ["", "customers", "customers/acme", "releases", "hotfixes", "publication", "account"]

        def fill(text: str) -> list[httpx.Response]:
            (bench.folder / text.encode().hex()[:20]).mkdir()
            part = AdminBench(bench.folder / text.encode().hex()[:20])
            part.customer(
                "acme",
                setup_config(as_xml(text), files=f'\n    <file include="{as_xml(text, {chr(34): "&quot;"})}" />'),
            )
            part.customer("acme2", setup_config(as_xml(text)))
            part.releases.publish("acme", text, text)
            part.releases.publish("acme2", text, text)
            TestHotfixes().catalogue(part, entry("HF001", name=text))
            part.admin._publish_now._publishing = lambda *_: PublishResult(
                (CustomerResult(text, State.REFUSED, (error("no-match", text, text, file=text, line=1),)),)
            )
            browser = part.browser().signed_in()
            browser.post("publication", {})
            wait_until(
                lambda: "done" in words(browser.get("publication")) or "problems" in words(browser.get("publication"))
            )
            return [browser.get(page) for page in pages]

        attacked_pages = fill(attack)
        assert [attack in unescape(one.text) for one in attacked_pages] == [False, True, True, True, True, True, False]
        for plain, attacked in zip(fill("plain"), attacked_pages, strict=True):
            assert attacked.status_code == 200
            assert shape(attacked) == shape(plain)
            assert [name for name, _ in Elements(attacked.text).attributes] == [
                name for name, _ in Elements(plain.text).attributes
            ]

    def test_no_page_brings_scripts_or_styles_of_its_own(self, bench: AdminBench) -> None:
        bench.customer("acme")
        browser = bench.browser()
        pages = [browser.get("sign-in")]
        browser.signed_in()
        pages += [browser.get(page) for page in ("", "customers", "customers/acme", "account", "publication")]
        for page in pages:
            found = Elements(page.text)
            assert found.scripts == [["/MiCCEInstallation/static/site.js"]] * len(found.scripts)
            assert "</script>" not in page.text.replace("></script>", "")
            assert "style" not in found.tags
            assert not [name for name, _ in found.attributes if name == "style" or name.startswith("on")]
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["content-type"] == "text/html; charset=utf-8"

    @pytest.mark.parametrize("page", ["customers?done=<b>", "account?done=%3Cscript%3E", "sign-in?to=%22%3E%3Cb%3E"])
    def test_what_stands_in_an_address_is_not_shown(self, bench: AdminBench, page: str) -> None:
        for browser in (bench.browser(), bench.browser().signed_in()):
            answer = browser.get(page)
            assert "<b>" not in answer.text
            assert "<script>" not in answer.text

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_other_methods_change_nothing(self, bench: AdminBench, method: str) -> None:
        browser = bench.browser().signed_in()
        assert browser.ask(method, f"{ADMIN}/sign-out").status_code in (403, 405)
        assert browser.get().status_code == 200


def wait_until(holds: object, seconds: float = 20) -> None:
    done = threading.Event()
    for _ in range(int(seconds * 50)):
        if holds():  # type: ignore[operator]
            return
        done.wait(0.02)
    raise AssertionError("it never came")


class TestPublishing:
    def test_is_begun_by_a_button_and_its_outcome_is_shown(self, bench: AdminBench) -> None:
        bench.customer("acme")
        bench.customer("broken", "<configuration>")
        going, asked = threading.Event(), []

        def publishing(settings: ServerSettings, customers: object) -> PublishResult:
            asked.append((settings, [one.id for one in customers]))  # type: ignore[attr-defined]
            assert going.wait(20)
            return PublishResult(
                (
                    CustomerResult("acme", State.PUBLISHED, (warning("no-match", "nothing matches", "look"),)),
                    CustomerResult("broken", State.REFUSED, (error("not-well-formed", "no XML", file="x", line=7),)),
                )
            )

        bench.admin._publish_now = PublishNow(bench.settings, bench.admin._views._customers, publishing)
        browser = bench.browser().signed_in()
        assert "Nothing was published from here yet." in words(browser.get("publication"))
        answer = browser.post("publication", {})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ADMIN}/publication")
        page = browser.get("publication")
        assert "running Begun by Ada" in words(page)
        assert "Publish now" not in words(page)
        going.set()
        wait_until(lambda: "running" not in words(browser.get("publication")))
        said = words(browser.get("publication"))
        assert "1 published 1 refused" in said
        assert "no XML not-well-formed x , line 7" in said
        assert asked == [(bench.settings, ["acme", "broken"])]

    def test_runs_once_at_a_time(self, bench: AdminBench) -> None:
        going, begun = threading.Event(), []

        def publishing(*_: object) -> PublishResult:
            begun.append(1)
            assert going.wait(20)
            return PublishResult(())

        one = PublishNow(bench.settings, bench.admin._views._customers, publishing)
        other = PublishNow(bench.settings, bench.admin._views._customers, publishing)
        first = one.begin("Ada")
        second = other.begin("Grace")
        second.join(20)
        found = other.last()
        assert found is not None
        assert (found.running, found.by, begun) == (True, "Ada", [1])
        going.set()
        first.join(20)
        assert other.last() is not None
        assert other.last().is_well  # type: ignore[union-attr]

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_that_was_broken_off_says_so(self, bench: AdminBench) -> None:
        stopped = threading.Event()

        def publishing(*_: object) -> PublishResult:
            stopped.set()
            raise SystemExit

        publisher = PublishNow(bench.settings, bench.admin._views._customers, publishing)
        publisher.begin("Ada").join(20)
        assert stopped.is_set()
        assert "broken off" in words(bench.browser().signed_in().get("publication"))

    def test_that_is_refused_says_why(self, bench: AdminBench) -> None:
        def publishing(*_: object) -> PublishResult:
            raise TargetError(error("disk-full", "no room left", "make room"))

        bench.admin._publish_now = PublishNow(bench.settings, bench.admin._views._customers, publishing)
        bench.admin._publish_now.begin("Ada").join(20)
        said = words(bench.browser().signed_in().get("publication"))
        assert "no room left disk-full" in said
        assert "make room" in said

    def test_for_real(self, bench: AdminBench) -> None:
        client = bench.folder / "client"
        client.mkdir()
        (client / "agent.dll").write_bytes(b"agent")
        from deploy.site.model import Share

        bench.made(shares=(Share("NextCCClient", client),), uri="http://server.example", quiet=0.0)
        bench.customer("acme")
        browser = bench.browser().signed_in()
        assert browser.post("publication", {}).status_code == 303
        wait_until(lambda: "running" not in words(browser.get("publication")))
        assert "1 published" in words(browser.get("publication"))
        assert (bench.folder / "published" / "customers" / "acme" / "manifest.json").is_file()

    def test_needs_a_token(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        assert browser.post("publication", {}, token="x").status_code == 403
        assert browser.post("publication", {}, origin="http://evil.example").status_code == 403
        assert "Nothing was published from here yet." in words(browser.get("publication"))

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"by": 1}', '{"by":"x","begun":"x","ended":null}', "\xff"])
    def test_a_note_that_cannot_be_read_is_none(self, bench: AdminBench, content: str) -> None:
        (bench.state / "publication.json").write_text(content, "latin-1")
        assert "Nothing was published from here yet." in words(bench.browser().signed_in().get("publication"))


def test_few_passwords_are_hashed_at_once_and_few_wait(bench: AdminBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody beyond is told to come again, so that guesses cannot take the server from its clients."""
    released, at_once, most = threading.Event(), 0, 0
    lock = threading.Lock()
    real = bench.bench.accounts.sign_in

    def slow(name: str, password: str, address: str) -> object:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        assert released.wait(20)
        with lock:
            at_once -= 1
        return real(name, password, address)

    monkeypatch.setattr(bench.bench.accounts, "sign_in", slow)
    many = admin_module.HASHING_AT_ONCE + MOST_WAITING + 5
    browser = bench.browser()
    token = token_of(browser.get("sign-in"))
    statuses: list[int] = []

    async def one(client: httpx.AsyncClient) -> None:
        data = {"token": token, "name": NAME, "password": PASSWORD}
        statuses.append(
            (await client.post(f"{ADMIN}/sign-in", data=data, headers={"origin": browser.base})).status_code
        )
        if len(statuses) == 5:
            while at_once < admin_module.HASHING_AT_ONCE:
                await anyio.sleep(0.01)
            released.set()

    async def run() -> None:
        transport = httpx.ASGITransport(bench, client=("127.0.0.1", 1))
        async with (
            httpx.AsyncClient(transport=transport, base_url=browser.base, cookies=browser.cookies) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(many):
                group.start_soon(one, client)

    anyio.run(run)
    assert statuses[:5] == [503] * 5
    assert statuses.count(503) == 5
    assert most == admin_module.HASHING_AT_ONCE
