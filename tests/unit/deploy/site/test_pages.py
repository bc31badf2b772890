"""The pages of customers as a browser asks for them: what is answered, and what is never said."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
import pytest

from deploy.config import clientini
from deploy.config.clientini import ClientSetup, Feature, General
from deploy.site import pages as pages_module
from deploy.site.headers import CUSTOM_POLICY
from tests.unit.deploy.site.pages_bench import BASE, FIELDS, Elements, PagesBench, setup_config, token_of, words

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></main><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "&lt;b&gt;",
]
PASSWORD = str(FIELDS["password"])


@pytest.fixture
def bench(tmp_path: Path) -> PagesBench:
    return PagesBench(tmp_path)


class TestDownload:
    def test_says_what_will_be_installed_and_how(self, bench: PagesBench) -> None:
        bench.program("micce-9.7.1.msi")
        bench.publish(client_entries=2)
        page = bench.get("install/ACMECORP", user_agent=WINDOWS)
        assert page.status_code == 200
        said = words(page)
        for text in (
            "ACME Corporation",
            "Release 9.7.1",
            "14 July 2026, 09:00 UTC",
            "Download for Windows",
            "Solidus 300.0 MiB",
            "412 files",
            "2 more sources are read by your computer itself",
            "micce-deploy install http://miccserver:8080/MiCCEInstallation/install/acmecorp --to acmecorp",
        ):
            assert text in said
        assert page.headers["vary"] == "User-Agent, Sec-CH-UA-Platform"

    def test_default_is_the_page_without_an_id(self, bench: PagesBench) -> None:
        said = words(bench.get("install"))
        assert "Default Tenant" in said
        assert "micce-deploy install http://miccserver:8080/MiCCEInstallation/install --to Default" in said

    def test_the_id_stands_in_for_a_name(self, bench: PagesBench) -> None:
        bench.customer("No Name", setup_config(""))
        assert "<h1>No Name</h1>" in bench.get("install/no%20name").text

    def test_the_address_of_the_settings_goes_before_the_one_asked_for(self, bench: PagesBench) -> None:
        bench.configure(uri="https://micc.example.com")
        said = words(bench.get("install/acmecorp", host="evil.example"))
        assert "https://micc.example.com/MiCCEInstallation/install/acmecorp" in said
        assert "evil" not in said

    def test_an_unsound_host_stands_nowhere(self, bench: PagesBench) -> None:
        for host in ('x"; evil', "evil'", "evil`x`", "evil/x", "a@evil"):
            assert "evil" not in bench.get("install/acmecorp", host=host).text
            assert b"evil" not in bench.get("install/acmecorp?script=linux", host=host).content

    def test_features_of_the_customers_ini(self, bench: PagesBench) -> None:
        setup = ClientSetup(General("acmecorp", 1), features=frozenset({Feature.REPORT_MANAGER}))
        (bench.root / "acmecorp/ClientSetup.ini").write_bytes(clientini.write(setup))
        bench.publish()
        assert "Report Manager" in words(bench.get("install/acmecorp"))

    def test_before_the_first_publication_it_says_so(self, bench: PagesBench) -> None:
        page = bench.get("install/acmecorp")
        assert page.status_code == 200
        assert "Nothing is published here yet." in words(page)

    def test_a_telephone_is_told_to_be_none(self, bench: PagesBench) -> None:
        said = words(bench.get("install/acmecorp", user_agent="Mozilla/5.0 (iPhone; like Mac OS X)"))
        assert "The client runs on a computer." in said
        assert "Install on Windows" in said

    def test_every_program_has_its_checksum(self, bench: PagesBench) -> None:
        bench.program("m.msi", b"one")
        bench.program("m.deb", b"two")
        said = words(bench.get("install/acmecorp"))
        assert "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed" in said
        assert "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3" in said

    @pytest.mark.parametrize("name", ATTACKS)
    def test_a_name_is_a_text(self, bench: PagesBench, name: str) -> None:
        bench.customer("attack", setup_config(escape(name)))
        for path in ("install/attack", "ClientSetup/attack"):
            page = bench.get(path)
            assert page.status_code == 200
            assert name in words(page) or "<" in name
            found = Elements(page.text)
            assert [one.get("src", "") for one in found.named("script")] == [f"{BASE}/static/site.js"]
            assert not any(name.startswith("on") for _, attributes in found.all for name in attributes)
            assert len(found.named("main")) == 1


class TestScript:
    def test_for_windows(self, bench: PagesBench) -> None:
        answer = bench.get("install/acmecorp?script=windows")
        assert answer.headers["content-disposition"] == 'attachment; filename="install-acmecorp.cmd"'
        assert b'install "http://miccserver:8080/MiCCEInstallation/install/acmecorp"' in answer.content
        assert answer.headers["cache-control"] == "no-store"

    def test_for_linux(self, bench: PagesBench) -> None:
        answer = bench.get("install?script=linux")
        assert answer.headers["content-disposition"] == 'attachment; filename="install-Default.sh"'
        assert answer.content.startswith(b"#!/bin/sh\n")

    def test_the_button_leads_to_it_where_there_is_no_program(self, bench: PagesBench) -> None:
        page = bench.get("install/acmecorp", user_agent="X11; Linux x86_64")
        (button,) = [one for one in Elements(page.text).named("a") if "primary" in one.get("class", "")]
        assert bench.get(button["href"].removeprefix(f"{BASE}/")).content.startswith(b"#!/bin/sh\n")

    def test_any_other_is_the_page(self, bench: PagesBench) -> None:
        assert "text/html" in bench.get("install/acmecorp?script=beos").headers["content-type"]


class TestCustomersInTrouble:
    def test_an_unknown_one_names_no_other(self, bench: PagesBench) -> None:
        for path in ("install/nobody", "ClientSetup/nobody", "install/nobody?script=linux"):
            answer = bench.get(path)
            assert answer.status_code == 404
            assert "acme" not in answer.text.lower()
            assert "nobody" not in answer.text

    def test_a_broken_one_breaks_itself_and_tells_the_log_why(
        self, bench: PagesBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = bench.customer("broken", "<configuration>\n  <secret-path>\n")
        with caplog.at_level(logging.ERROR, "micce.site"):
            for path in ("install/broken", "ClientSetup/broken", "install/broken?script=windows"):
                answer = bench.get(path)
                assert answer.status_code == 503
                assert "being worked on" in answer.text
                assert answer.headers["retry-after"] == "300"
                assert "Setup.config" not in answer.text
                assert "secret" not in answer.text
        lines = [record.getMessage() for record in caplog.records]
        assert lines, "the reason is in the log"
        assert all("broken is not served" in line and "\n" not in line for line in lines)
        assert any(str(folder / "Setup.config") in line for line in lines)
        assert len(lines) == len(set(lines)), "each reason once, not at every visit"
        assert bench.get("install/acmecorp").status_code == 200

    def test_what_breaks_anew_is_told_anew(self, bench: PagesBench, caplog: pytest.LogCaptureFixture) -> None:
        folder = bench.customer("flaky", "<configuration>")
        with caplog.at_level(logging.ERROR, "micce.site"):
            assert bench.get("install/flaky").status_code == 503
            first = len(caplog.records)
            (folder / "Setup.config").write_text(setup_config())
            bench.configure()  # another reading of the folder
            assert bench.get("install/flaky").status_code == 200
            (folder / "Setup.config").write_text("<configuration>")
            bench.configure()
            assert bench.get("install/flaky").status_code == 503
        assert len(caplog.records) == 2 * first > 0

    def test_a_post_to_a_customer_in_trouble(self, bench: PagesBench) -> None:
        bench.customer("broken", "<configuration>")
        token = token_of(bench.get("ClientSetup/acmecorp"))
        assert bench.post("ClientSetup/broken", {"token": token, **FIELDS}).status_code == 503
        assert bench.post("ClientSetup/nobody", {"token": token, **FIELDS}).status_code == 404

    def test_a_repository_that_is_gone_is_no_error_of_ours(self, bench: PagesBench) -> None:
        shutil.rmtree(bench.root)
        bench.configure()
        assert bench.get("install/acmecorp").status_code == 404


class TestViews:
    def test_a_view_is_the_page(self, bench: PagesBench) -> None:
        (bench.root / "acmecorp/Index.html.j2").write_text(
            "<!DOCTYPE html><title>{{ CustomerName }}</title><a href='{{ ClientSetupUrl }}'>{{ Release }}</a>"
        )
        bench.publish()
        page = bench.get("install/acmecorp")
        assert page.text.startswith("<!DOCTYPE html><title>ACME Corporation</title>")
        assert f"http://miccserver:8080{BASE}/ClientSetup/acmecorp" in page.text
        assert page.headers["content-security-policy"] == CUSTOM_POLICY

    def test_the_script_is_the_same_with_a_view(self, bench: PagesBench) -> None:
        (bench.root / "acmecorp/Index.html.j2").write_text("<p>mine</p>")
        assert bench.get("install/acmecorp?script=linux").content.startswith(b"#!/bin/sh\n")

    def test_a_broken_view_gives_the_standard_page_and_tells_the_log(
        self, bench: PagesBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        view = bench.root / "acmecorp/Index.html.j2"
        view.write_text("<p>fine</p>\n{{ Secret }}\n")
        with caplog.at_level(logging.ERROR, "micce.site"):
            for _ in range(2):
                page = bench.get("install/acmecorp")
                assert page.status_code == 200
                assert "What will be installed" in words(page) or "Nothing is published" in words(page)
                assert "Secret" not in page.text
        (record,) = caplog.records
        assert f"{view}:2" in record.getMessage()

    def test_a_slow_view_keeps_no_other_page_waiting(self, bench: PagesBench, monkeypatch: pytest.MonkeyPatch) -> None:
        """More visitors wait for it than there are threads for everything else."""
        (bench.root / "acmecorp/Index.html.j2").write_text("<p>mine</p>")
        go_on, begun = threading.Event(), threading.Event()

        def slow(*_: object) -> str:
            begun.set()
            assert go_on.wait(60)
            return "slow"

        monkeypatch.setattr(pages_module, "render_view", slow)

        async def visit() -> None:
            transport = httpx.ASGITransport(bench)
            async with httpx.AsyncClient(transport=transport, base_url=bench.base) as client:
                waiting = [asyncio.create_task(client.get(f"{BASE}/install/acmecorp")) for _ in range(60)]
                try:
                    await asyncio.to_thread(begun.wait, 30)
                    other = await asyncio.wait_for(client.get(f"{BASE}/install"), 30)
                    assert "Default Tenant" in other.text
                    assert not any(task.done() for task in waiting)
                finally:
                    go_on.set()
                assert {answer.text for answer in await asyncio.gather(*waiting)} == {"slow"}

        asyncio.run(visit())
