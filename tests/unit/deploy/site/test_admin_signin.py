"""Signing in to the pages of administrators: cookies, tokens, where it leads, and what it never tells."""

from __future__ import annotations

import logging
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from deploy.errors import TargetError, error
from tests.unit.deploy.site.accounts_bench import NAME, OTHER, PASSWORD
from tests.unit.deploy.site.admin_bench import ADMIN, AdminBench, token_of, words

PAGES = ["", "customers", "customers/acme", "releases", "hotfixes", "publication", "account", "no/such/page"]
WRONG = "Name or password is not right."


@pytest.fixture
def bench(tmp_path: Path) -> AdminBench:
    bench = AdminBench(tmp_path)
    bench.customer("acme")
    return bench


def cookie(answer: httpx.Response) -> tuple[str, str, dict[str, str]]:
    """Name, value and attributes of the one cookie an answer sets."""
    (header,) = answer.headers.get_list("set-cookie")
    (morsel,) = SimpleCookie(header).values()
    return morsel.key, morsel.value, {name: str(value) for name, value in morsel.items() if value}


class TestWithoutASession:
    @pytest.mark.parametrize("page", PAGES)
    def test_every_page_leads_to_the_sign_in(self, bench: AdminBench, page: str) -> None:
        answer = bench.browser().get(page)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{ADMIN}/sign-in")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.text == ""

    def test_customers_that_are_there_look_like_others(self, bench: AdminBench) -> None:
        there, not_there = bench.browser().get("customers/acme"), bench.browser().get("customers/none")
        assert there.headers["location"].replace("acme", "none") == not_there.headers["location"]

    @pytest.mark.parametrize("page", ["sign-out", "account", "publication", "customers"])
    def test_forms_lead_to_the_sign_in_too(self, bench: AdminBench, page: str) -> None:
        answer = bench.browser().post(page, {"old": PASSWORD, "new": OTHER, "again": OTHER}, token="x")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ADMIN}/sign-in")

    @pytest.mark.parametrize("made_up", ["", "x", "a" * 43, "a" * 5000, "'; DROP TABLE sessions; --", '"'])
    def test_a_made_up_cookie_opens_nothing(self, bench: AdminBench, made_up: str) -> None:
        browser = bench.browser()
        answer = browser.ask("GET", f"{ADMIN}/", headers={"cookie": f"micce-admin={made_up}"})
        assert answer.status_code == 303

    def test_there_is_one_spelling_that_cookies_are_sent_to(self, bench: AdminBench) -> None:
        for path in ("/micceinstallation/ADMIN/Customers/Acme", "/MiCCEInstallation/Admin/customers/Acme"):
            answer = bench.browser().ask("GET", path)
            assert (answer.status_code, answer.headers["location"]) == (308, f"{ADMIN}/customers/Acme")
        assert bench.browser().ask("GET", ADMIN).headers["location"] == f"{ADMIN}/"

    def test_a_server_without_accounts_says_how_to_add_one(self, bench: AdminBench) -> None:
        assert "micce-deploy accounts add NAME" not in bench.browser().get("sign-in").text
        bench.bench.accounts.remove(NAME)
        assert "micce-deploy accounts add NAME" in bench.browser().get("sign-in").text


class TestSigningIn:
    def test_leads_to_the_overview(self, bench: AdminBench) -> None:
        browser = bench.browser()
        answer = browser.sign_in()
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ADMIN}/")
        page = browser.get()
        assert page.status_code == 200
        assert "Signed in as Ada" in words(page)
        assert browser.get("sign-in").headers["location"] == f"{ADMIN}/"

    @pytest.mark.parametrize(("name", "password"), [(NAME, "wrong"), ("nobody", PASSWORD), ("", ""), ("nobody", "")])
    def test_never_tells_which_of_both_is_wrong(self, bench: AdminBench, name: str, password: str) -> None:
        answer = bench.browser().sign_in(name, password)
        assert answer.status_code == 403
        assert WRONG in words(answer)
        assert not name or name not in answer.text
        assert not password or password not in answer.text

    def test_locks_known_and_unknown_names_alike(self, bench: AdminBench) -> None:
        said = []
        for number, name in enumerate((NAME, "nobody")):
            browser = bench.browser(address=f"192.0.2.{number}")
            for _ in range(3):
                assert browser.sign_in(name, "wrong").status_code == 403
            answer = browser.sign_in(name)
            assert answer.status_code == 429
            said.append(words(answer))
        assert said[0] == said[1]
        assert "Try again in 10 minutes." in said[0]

    def test_needs_a_token_of_this_browser(self, bench: AdminBench) -> None:
        stranger = token_of(bench.browser().get("sign-in"))
        fields = {"name": NAME, "password": PASSWORD}
        for token in ("", "x", stranger, "é", "\ud7ff"):
            browser = bench.browser()
            browser.get("sign-in")
            answer = browser.post("sign-in", fields, token=token)
            assert answer.status_code == 403
            assert "cookies are switched off" in words(answer)
            assert browser.get().status_code == 303

    def test_needs_a_cookie(self, bench: AdminBench) -> None:
        browser = bench.browser()
        token = token_of(browser.get("sign-in"))
        browser.cookies.clear()
        assert browser.post("sign-in", {"name": NAME, "password": PASSWORD}, token=token).status_code == 403

    def test_from_another_origin_is_refused(self, bench: AdminBench) -> None:
        fields = {"name": NAME, "password": PASSWORD}
        assert bench.browser().post("sign-in", fields, origin="http://evil.example").status_code == 403
        assert bench.bench.hasher.verified == []

    def test_gives_a_new_id_so_a_planted_one_is_worth_nothing(self, bench: AdminBench) -> None:
        browser, attacker = bench.browser(), bench.browser()
        _, planted, _ = cookie(attacker.get("sign-in"))
        browser.cookies.set("micce-admin", planted, domain="server.example", path=ADMIN)
        answer = browser.sign_in()
        assert answer.status_code == 303
        assert cookie(answer)[1] != planted
        assert attacker.get().status_code == 303

    def test_again_ends_the_session_before(self, bench: AdminBench) -> None:
        browser = bench.browser()
        _, before, _ = cookie(browser.sign_in())
        token = bench.tokens.issue(before)
        _, after, _ = cookie(browser.post("sign-in", {"name": NAME, "password": PASSWORD}, token=token))
        assert after != before
        other = bench.browser()
        assert other.ask("GET", f"{ADMIN}/", headers={"cookie": f"micce-admin={before}"}).status_code == 303

    @pytest.mark.parametrize(
        ("to", "leads"),
        [
            ("customers", "/customers"),
            ("customers/acme", "/customers/acme"),
            ("customers/ACME Corp", "/customers/ACME%20Corp"),
            ("account", "/account"),
        ],
    )
    def test_leads_back_to_the_page_that_was_asked_for(self, bench: AdminBench, to: str, leads: str) -> None:
        browser = bench.browser()
        first = browser.get(to)
        form = browser.ask("GET", first.headers["location"])
        assert f'name="to" value="{to}"' in form.text
        assert browser.sign_in(to=to).headers["location"] == f"{ADMIN}{leads}"

    @pytest.mark.parametrize(
        "to",
        [
            "//evil.example",
            "https://evil.example/",
            "/\\evil.example",
            "customers//evil.example",
            "customers/../../../x",
            "customers/..",
            "javascript:alert(1)",
            "customers/a\r\nSet-Cookie: x=1",
            "sign-out",
            "\\\\evil.example",
            "@evil.example",
            "customers/%2f%2fevil.example",
        ],
    )
    def test_leads_nowhere_else(self, bench: AdminBench, to: str) -> None:
        browser = bench.browser()
        assert 'name="to" value=""' in browser.get("sign-in", params={"to": to}).text
        answer = browser.sign_in(to=to)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ADMIN}/")
        assert "x" not in {morsel.split("=")[0] for morsel in answer.headers.get_list("set-cookie")}


class TestCookies:
    def test_over_https_belong_to_the_host_alone(self, bench: AdminBench) -> None:
        browser = bench.browser(https=True)
        for answer in (browser.get("sign-in"), browser.sign_in()):
            name, value, attributes = cookie(answer)
            assert name == "__Host-micce-admin"
            assert len(value) == 43
            assert attributes == {"path": "/", "secure": "True", "httponly": "True", "samesite": "strict"}
        assert browser.get().status_code == 200

    def test_over_http_go_to_these_pages_only(self, bench: AdminBench) -> None:
        name, _, attributes = cookie(bench.browser().sign_in())
        assert name == "micce-admin"
        assert attributes == {"path": ADMIN, "httponly": "True", "samesite": "strict"}

    def test_are_forgotten_by_signing_out(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        held = dict(browser.cookies)
        answer = browser.post("sign-out", {})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ADMIN}/sign-in")
        assert cookie(answer)[2]["max-age"] == "0"
        stolen = bench.browser()
        for name, value in held.items():
            stolen.cookies.set(name, value, domain="server.example", path=ADMIN)
        assert stolen.get().status_code == 303

    def test_signing_out_needs_a_token(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        assert browser.post("sign-out", {}, token="x").status_code == 403
        assert browser.get("sign-out").status_code == 404
        assert browser.get().status_code == 200

    def test_of_an_old_session_open_nothing(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        bench.bench.clock.pass_minutes(31)
        assert browser.get().status_code == 303
        assert browser.sign_in().status_code == 303
        assert browser.get().status_code == 200


class TestPlainHttp:
    def test_from_elsewhere_is_warned_of(self, bench: AdminBench) -> None:
        said = "This connection is not encrypted."
        assert said in bench.browser(address="192.0.2.1").get("sign-in").text
        assert said in bench.browser(address="192.0.2.1").signed_in().get().text
        assert said not in bench.browser(address="127.0.0.1").get("sign-in").text
        assert said not in bench.browser(address="::1").get("sign-in").text
        assert said not in bench.browser(https=True, address="192.0.2.1").get("sign-in").text

    @pytest.mark.parametrize("page", ["", "sign-in", "customers"])
    def test_is_refused_where_the_settings_say_so(self, bench: AdminBench, page: str) -> None:
        signed_in = bench.browser().signed_in()
        bench.made(https_only=True)
        answer = signed_in.get(page)
        assert answer.status_code == 403
        assert "https only" in words(answer)
        assert "<form" not in answer.text
        assert signed_in.post("sign-in", {"name": NAME, "password": PASSWORD}, token="x").status_code == 403
        assert bench.browser(https=True).signed_in().get(page or "customers").status_code in (200, 303)


class TestForms:
    @pytest.mark.parametrize(
        ("content", "kind", "status"),
        [
            (b"name=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
            (b"{}", "application/json", 415),
            (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
            (b"", "", 415),
            (b"name=%ff%fe", "application/x-www-form-urlencoded", 400),
            (b"\xff", "application/x-www-form-urlencoded", 400),
            (b"&".join(b"a%d=1" % number for number in range(100)), "application/x-www-form-urlencoded", 400),
        ],
    )
    def test_that_cannot_be_read_are_refused(self, bench: AdminBench, content: bytes, kind: str, status: int) -> None:
        answer = bench.browser().ask("POST", f"{ADMIN}/sign-in", content=content, headers={"content-type": kind})
        assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")

    @pytest.mark.parametrize("host", ["a b", "[::1", "<script>", "x" * 500, "evil.example/x?", ""])
    def test_and_hosts_that_are_none_break_nothing(self, bench: AdminBench, host: str) -> None:
        assert bench.browser().ask("GET", f"{ADMIN}/sign-in", headers={"host": host}).status_code == 200


class TestChangingThePassword:
    def change(self, bench: AdminBench, old: str = PASSWORD, new: str = OTHER, again: str = OTHER) -> httpx.Response:
        self.browser = bench.browser().signed_in()
        return self.browser.post("account", {"old": old, "new": new, "again": again})

    def test_ends_every_other_session_and_keeps_this_one(self, bench: AdminBench) -> None:
        other = bench.browser().signed_in()
        answer = self.change(bench)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ADMIN}/account?done=password")
        assert "The password is changed." in words(self.browser.get("account?done=password"))
        assert other.get().status_code == 303
        assert bench.browser().sign_in().status_code == 403
        assert bench.browser().sign_in(password=OTHER).status_code == 303

    def test_gives_this_session_a_new_id(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        before = dict(browser.cookies)
        browser.post("account", {"old": PASSWORD, "new": OTHER, "again": OTHER})
        assert dict(browser.cookies) != before

    @pytest.mark.parametrize(
        ("old", "new", "again", "status", "said"),
        [
            ("wrong", OTHER, OTHER, 403, "The present password is not right."),
            (PASSWORD, OTHER, OTHER + "x", 422, "was not repeated as it is"),
            (PASSWORD, "short", "short", 422, "at least 12 characters, and not the name of the account"),
            (PASSWORD, "", "", 422, "fewer than 12 characters"),
        ],
    )
    def test_says_what_is_wrong(
        self, bench: AdminBench, old: str, new: str, again: str, status: int, said: str
    ) -> None:
        answer = self.change(bench, old, new, again)
        assert answer.status_code == status
        assert said in words(answer)
        assert "Nothing was changed" in words(answer)
        assert bench.browser().sign_in().status_code == 303

    def test_locks_after_guesses(self, bench: AdminBench) -> None:
        for _ in range(3):
            self.change(bench, "wrong")
        answer = self.change(bench)
        assert answer.status_code == 429
        assert "Try again in 10 minutes" in words(answer)

    def test_needs_a_token(self, bench: AdminBench) -> None:
        browser = bench.browser().signed_in()
        answer = browser.post("account", {"old": PASSWORD, "new": OTHER, "again": OTHER}, token="x")
        assert answer.status_code == 403
        assert bench.browser().sign_in().status_code == 303


def test_accounts_that_cannot_be_read_are_an_answer_without_their_place(
    bench: AdminBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = bench.browser().signed_in()

    def refuse(*_: object) -> None:
        raise TargetError(error("cannot-read", "/var/lib/micce/accounts.sqlite3: Input/output error"))

    monkeypatch.setattr(bench.bench.accounts.file, "read", refuse)
    with caplog.at_level(logging.ERROR):
        answer = browser.get()
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert "/var/lib" not in answer.text
    assert "Input/output error" in caplog.text


def test_a_damaged_file_of_accounts_ends_sessions_and_is_told_after_signing_in(bench: AdminBench) -> None:
    browser = bench.browser().signed_in()
    bench.bench.accounts.file.path.write_bytes(b"damaged")
    assert browser.get().status_code == 303
    assert "micce-deploy accounts add NAME" in browser.get("sign-in").text
    bench.bench.accounts.add(NAME, PASSWORD)
    assert "the accounts were damaged and set aside" in words(browser.signed_in().get())


def test_the_passwords_typed_are_found_nowhere(bench: AdminBench, caplog: pytest.LogCaptureFixture) -> None:
    canaries = [f"Canary-{number}-Zwitschermaschine" for number in range(5)]
    pages = []
    with caplog.at_level(logging.DEBUG):
        bench.bench.accounts.set_password(NAME, canaries[0])
        browser = bench.browser()
        pages += [browser.sign_in(NAME, canaries[1]), browser.sign_in(canaries[2], canaries[3])]
        pages.append(browser.sign_in(NAME, canaries[0]))
        for old, new, again in [
            (canaries[1], canaries[4], canaries[4]),
            (canaries[0], canaries[4], canaries[3]),
            (canaries[0], "x", "x"),
            (canaries[0], canaries[4], canaries[4]),
        ]:
            pages.append(browser.post("account", {"old": old, "new": new, "again": again}))
        pages += [browser.get(page) for page in PAGES]
        pages.append(browser.post("sign-out", {}))
    seen = [caplog.text, *(f"{one.headers}{one.text}" for one in pages)]
    files = [path for path in bench.folder.rglob("*") if path.is_file()]
    assert len(files) >= 2
    seen += [path.read_bytes().decode("latin-1") for path in files]
    for text in seen:
        assert "zwitschermaschine" not in text.lower()
        assert "canary-" not in text.lower()
