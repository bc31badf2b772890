"""The form of ClientSetup.ini over HTTP: the file it gives, who may send it, and what it never says."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import httpx
import pytest

from deploy.config import clientini
from deploy.config.clientini import ClientSetup, Feature, General, Options, PasswordFormat, Reboot, RunAs, Updater
from deploy.site import pages as pages_module
from tests.unit.deploy.site.pages_bench import FIELDS, NOW, Elements, PagesBench, token_of, words

PASSWORD = str(FIELDS["password"])


@pytest.fixture
def bench(tmp_path: Path) -> PagesBench:
    return PagesBench(tmp_path)


def expected() -> bytes:
    """The file that the fields of the bench give."""
    return clientini.write(
        ClientSetup(
            General("acmecorp", 1, "http://miccserver:8080", "MICCESERVER", NOW),
            RunAs(r"ACME\installer", PASSWORD, PasswordFormat.OBFUSCATED),
            frozenset({Feature.AGENT, Feature.REPORT_MANAGER}),
            Options(r"C:\MiCCE", True, Reboot.PROMPT),
            Updater(background_check=True, check_on_startup=False),
        )
    )


class TestClientSetup:
    def test_the_file_is_what_the_command_line_writes(self, bench: PagesBench) -> None:
        bench.configure(uri="http://miccserver:8080", broker="MICCESERVER")
        answer = bench.post("ClientSetup/ACMEcorp", FIELDS)
        assert answer.status_code == 200, words(answer)
        assert answer.content == expected()
        assert answer.headers["content-disposition"] == 'attachment; filename="ClientSetup.ini"'
        assert answer.headers["cache-control"] == "no-store"

    def test_the_form_as_it_stands_can_be_sent(self, bench: PagesBench) -> None:
        """What the page shows, unchanged, is a file with the defaults of the command line."""
        page = bench.get("ClientSetup/acmecorp")
        sent: dict[str, object] = {}
        for one in Elements(page.text).named("input"):
            if one["type"] not in ("checkbox", "radio") or "checked" in one:
                sent[one["name"]] = one.get("value", "")
        answer = bench.post("ClientSetup/acmecorp", sent)
        plain = ClientSetup(General("acmecorp", 1, generated=NOW), features=frozenset({Feature.AGENT}))
        assert answer.content == clientini.write(plain)

    def test_the_host_a_visitor_claims_is_in_no_file(self, bench: PagesBench) -> None:
        answer = bench.post("ClientSetup/acmecorp", FIELDS, headers={"host": "evil.example"})
        assert answer.status_code == 200
        assert b"evil" not in answer.content

    def test_the_page_is_kept_nowhere(self, bench: PagesBench) -> None:
        assert bench.get("ClientSetup/acmecorp").headers["cache-control"] == "no-store"

    def test_faults_stand_at_their_fields_and_values_stay(self, bench: PagesBench) -> None:
        fields = {**FIELDS, "account": 'nobody"<b>', "install_dir": "relative", "log_file": "C:\\"}
        answer = bench.post("ClientSetup/acmecorp", {**fields, "feature": []})
        assert answer.status_code == 422
        assert answer.headers["cache-control"] == "no-store"
        found = Elements(answer.text)
        inputs = {one["id"]: one for one in found.named("input") if "id" in one}
        ids = {attributes.get("id") for _, attributes in found.all}
        for name in ("account", "install_dir", "log_file", "feature-Agent"):
            assert inputs[name]["aria-invalid"] == "true"
            described = inputs[name]["aria-describedby"].split()
            assert f"{name.partition('-')[0]}-fault" in described
            assert set(described) <= ids
        assert inputs["account"]["value"] == 'nobody"<b>'
        assert inputs["install_dir"]["value"] == "relative"
        assert "checked" in inputs["format-obfuscated"]
        assert "checked" not in inputs["check_on_startup"]
        for link in found.named("a"):
            if link["href"].startswith("#") and link["href"] != "#main":
                assert link["href"][1:] in ids

    def test_the_password_is_never_sent_back(self, bench: PagesBench) -> None:
        secret = "canary-9d1f"
        for fields in (
            {**FIELDS, "password": secret, "account": "nobody"},
            {**FIELDS, "password": secret, "password_format": "none"},
            {**FIELDS, "password": secret, "token": "wrong"},
            {**FIELDS, "password": secret * 100},
        ):
            answer = bench.post("ClientSetup/acmecorp", fields)
            assert answer.status_code in (403, 422)
            assert secret not in answer.text

    def test_account_and_password_are_in_no_log(self, bench: PagesBench, caplog: pytest.LogCaptureFixture) -> None:
        secrets = {**FIELDS, "account": r"CANARY\canary", "password": "canary"}
        with caplog.at_level(logging.DEBUG):
            bench.post("ClientSetup/acmecorp", secrets)
            bench.post("ClientSetup/acmecorp", {**secrets, "feature": []})
            bench.post("ClientSetup/acmecorp", {**secrets, "token": "x"})
        assert "canary" not in caplog.text.lower()

    def test_over_http_it_warns_and_over_https_it_does_not(self, bench: PagesBench) -> None:
        warning = "This connection is not encrypted."
        assert warning in words(bench.get("ClientSetup/acmecorp"))
        bench.configure(uri="https://micc.example")
        page = bench.get("ClientSetup/acmecorp")
        assert "https://micc.example/MiCCEInstallation/ClientSetup/acmecorp" in page.text
        bench.base = "https://micc.example"
        assert warning not in words(bench.get("ClientSetup/acmecorp"))

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_over_http_it_is_refused_where_only_https_is_wanted(self, bench: PagesBench, method: str) -> None:
        bench.configure(https_only=True, uri="https://micc.example")
        answer = bench.ask(method, "ClientSetup/acmecorp", data=FIELDS if method == "POST" else None)
        assert answer.status_code == 403
        assert "over https only" in words(answer)
        assert 'href="https://micc.example/MiCCEInstallation/ClientSetup/acmecorp"' in answer.text
        assert "<form" not in answer.text
        bench.base = "https://micc.example"
        assert bench.post("ClientSetup/acmecorp", FIELDS).status_code == 200


class TestForgery:
    def test_without_the_cookie_of_the_form(self, bench: PagesBench) -> None:
        token = token_of(bench.get("ClientSetup/acmecorp"))
        bench.cookies = httpx.Cookies()
        answer = bench.post("ClientSetup/acmecorp", {"token": token, **FIELDS})
        assert answer.status_code == 403
        assert "open for too long" in words(answer)

    def test_with_the_token_of_another_visitor(self, bench: PagesBench) -> None:
        token = token_of(bench.get("ClientSetup/acmecorp"))
        bench.cookies = httpx.Cookies()
        bench.get("ClientSetup/acmecorp")
        assert bench.post("ClientSetup/acmecorp", {"token": token, **FIELDS}).status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "http://evil.example"},
            {"origin": "null", "sec-fetch-site": "cross-site"},
            {"origin": "http://miccserver:8080", "host": "other"},
        ],
    )
    def test_from_a_page_of_another_site(self, bench: PagesBench, headers: dict[str, str]) -> None:
        assert bench.post("ClientSetup/acmecorp", FIELDS, headers=headers).status_code == 403

    def test_a_refused_form_can_be_sent_again(self, bench: PagesBench) -> None:
        refused = bench.post("ClientSetup/acmecorp", {"token": "old", **FIELDS})
        assert refused.status_code == 403
        again = bench.post("ClientSetup/acmecorp", {"token": token_of(refused), **FIELDS})
        assert again.status_code == 200

    @pytest.mark.parametrize("base", ["http://miccserver", "https://miccserver"])
    def test_the_cookie_is_for_this_site_alone(self, bench: PagesBench, base: str) -> None:
        bench.base = base
        said = bench.get("ClientSetup/acmecorp").headers["set-cookie"]
        secure = base.startswith("https")
        assert said.startswith("__Host-micce-form=" if secure else "micce-form=")
        for part in ("HttpOnly", "SameSite=strict", "Path=/"):
            assert part in said
        assert ("Secure" in said) is secure

    def test_two_windows_do_not_end_each_others_forms(self, bench: PagesBench) -> None:
        first = token_of(bench.get("ClientSetup/acmecorp"))
        bench.get("ClientSetup/Default")
        assert bench.post("ClientSetup/acmecorp", {"token": first, **FIELDS}).status_code == 200

    @pytest.mark.parametrize("cookie", ["", "x", "a" * 44, "../" * 14 + "x", '"' * 43])
    def test_a_cookie_that_is_none_of_ours_is_replaced(self, bench: PagesBench, cookie: str) -> None:
        answer = bench.get("ClientSetup/acmecorp", cookie=f"micce-form={cookie}")
        found = re.match(r"micce-form=([A-Za-z0-9_-]{43});", answer.headers["set-cookie"])
        assert found is not None


class TestBodies:
    URLENCODED = "application/x-www-form-urlencoded"

    def send(self, bench: PagesBench, content: bytes, kind: str = URLENCODED) -> httpx.Response:
        return bench.ask("POST", "ClientSetup/acmecorp", content=content, headers={"content-type": kind})

    @pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain", ""])
    def test_only_forms_of_one_kind_are_read(self, bench: PagesBench, kind: str) -> None:
        assert self.send(bench, b"account=x", kind).status_code == 415
        assert bench.reached_body == 0

    def test_a_large_one_is_not_read_to_its_end(self, bench: PagesBench) -> None:
        async def pieces() -> object:
            for _ in range(1000):
                yield b"a" * 4096

        answer = bench.ask("POST", "ClientSetup/acmecorp", content=pieces(), headers={"content-type": self.URLENCODED})
        assert answer.status_code == 413
        assert bench.reached_body <= 64 * 1024 + 4096

    @pytest.mark.parametrize("content", [b"a=%ff", b"a=\xff", b"&".join(b"a=1" for _ in range(61)), b"a=%c3%28"])
    def test_what_no_browser_sends(self, bench: PagesBench, content: bytes) -> None:
        assert self.send(bench, content).status_code == 400

    def test_one_that_never_ends_is_given_up(self, bench: PagesBench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pages_module, "FORM_SECONDS", 0.05)

        async def forever() -> object:
            yield b"a=1"
            await asyncio.Event().wait()

        answer = bench.ask("POST", "ClientSetup/acmecorp", content=forever(), headers={"content-type": self.URLENCODED})
        assert answer.status_code == 408
