"""What the values of a ClientSetup.ini may be, and that no message shows a secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.config.clientini import ClientSetup, General, Options, PasswordFormat, RunAs, faults, write
from deploy.config.clientini_rules import LONGEST_PASSWORD, account_problem, password_problem, path_problem
from deploy.errors import ConfigError
from tests.unit.deploy.config.test_clientini import SMALLEST, WHOLE


@pytest.mark.parametrize(
    "account",
    [
        "ACME\\installer",
        "ACME\\John Smith",
        "acme.example.com\\svc-install$",
        "A-1_B\\x",
        ".\\installer",
        ".\\a.b",
        "installer@acme.example",
        "first.last@ACME",
        "o'neill@acme.example",
        "ФИРМА\\установка",
        "jörg@münchen.example",
        "NT&CO\\a!#$%^&(){}~`-_'x",
        "A" * 255 + "\\" + "u" * 256,
    ],
)
def test_the_forms_of_an_account(account: str) -> None:
    assert account_problem(account) is None


@pytest.mark.parametrize(
    "account",
    [
        "",
        "installer",
        "\\installer",
        "ACME\\",
        "ACME/installer",
        "ACME\\in\\staller",
        "\\\\ACME\\installer",
        "..\\installer",
        ".acme\\installer",
        "AC ME\\installer",
        " ACME\\installer",
        "ACME\\ installer",
        "ACME\\installer ",
        "ACME\\installer.",
        "ACME\\...",
        "ACME\\. .",
        "ACME\\a@b",
        "@acme",
        "installer@",
        "a@b@c",
        "a b@acme",
        "a@acme..example",
        "a@.example",
        "a@acme.example.",
        "a@ac me",
        "a@acme/x",
        'ACME\\"x"',
        "ACME\\a,b",
        "ACME\\a;b",
        "ACME\\a=b",
        "ACME\\a[b",
        "ACME\\a*",
        "ACME\\a\nb",
        "ACME\\a\0",
        "ACME\\a\u2028b",
        "ACME\\\ud800",
        "AC\tME\\x",
        "A" * 256 + "\\u",
        "A\\" + "u" * 257,
        "A" * 600,
    ],
)
def test_other_texts_are_no_accounts_and_are_not_shown(account: str) -> None:
    assert account_problem(account) is not None
    (fault,) = faults(replace(SMALLEST, run_as=RunAs(account)))
    assert (fault.section, fault.key, fault.problem.code) == ("RunAs", "Account", "bad-account")
    if len(account) > 2:
        assert account not in fault.problem.message


def test_a_password_is_any_text_that_windows_takes() -> None:
    for password in ("x", " ", '"', "'a'", "ä🙂", ";=[]%", "x" * LONGEST_PASSWORD, "\u200f"):
        assert password_problem(password) is None
    for password in ("", "a\nb", "a\rb", "a\0b", "\t", "\ud800", "x" * (LONGEST_PASSWORD + 1), "🙂" * 129):
        problem = password_problem(password)
        assert problem is not None
        assert not password or password not in problem


@pytest.mark.parametrize("form", [PasswordFormat.OBFUSCATED, PasswordFormat.PLAIN])
@pytest.mark.parametrize("password", ["a\r\n[General]\r\nWebServerUri=http://evil", "a\nb", "a\0b", ""])
def test_a_password_that_would_be_more_than_one_is_refused_in_every_format(password: str, form: PasswordFormat) -> None:
    with pytest.raises(ConfigError) as refused:
        write(replace(WHOLE, run_as=RunAs("ACME\\installer", password, form)))
    assert [problem.code for problem in refused.value.problems] == ["bad-password"]
    assert "evil" not in str(refused.value)


def test_a_password_needs_its_format_and_an_account() -> None:
    assert [one.key for one in faults(replace(WHOLE, run_as=RunAs("ACME\\x", "secret")))] == ["PasswordFormat"]
    assert [one.key for one in faults(replace(WHOLE, run_as=RunAs(None, "secret", PasswordFormat.PLAIN)))] == [
        "Account"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "C:\\x",
        "D:\\MiCC Enterprise\\",
        "c:/Program Files (x86)/Mitel",
        "/opt/micce",
        "C:\\\\x\\\\y",
        "C:\\100%\\[x];=,y",
    ],
)
def test_paths_of_the_client(path: str) -> None:
    assert path_problem(path, folder=True) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "x\\y",
        "C:",
        "C:x",
        "C:\\",
        "/",
        "\\x",
        "\\\\SERVER\\Share\\x",
        "//server/x",
        "\\\\?\\C:\\x",
        "C:\\..\\x",
        "C:\\x\\..",
        "C:\\x.",
        "C:\\x \\y",
        "C:\\NUL",
        "C:\\x:y",
        "C:\\a\nb",
        "C:\\a\0",
        "C:\\*",
        "%ProgramFiles%\\x",
        "$(InstallDir)x",
        "C:\\" + "x" * 300,
        "C:\\" + "x\\" * 200,
    ],
)
def test_other_texts_are_no_paths_of_the_client(path: str) -> None:
    assert path_problem(path, folder=True) is not None
    found = faults(replace(WHOLE, options=Options(path, log_file=path)))
    assert [(one.section, one.key, one.problem.code) for one in found] == [
        ("Options", "InstallDir", "bad-value"),
        ("Options", "LogFile", "bad-value"),
    ]


def test_a_log_is_a_file() -> None:
    assert path_problem("C:\\Logs\\", folder=True) is None
    assert path_problem("C:\\Logs\\", folder=False) is not None


@pytest.mark.parametrize(
    ("general", "key"),
    [
        (General(""), "CustomerID"),
        (General("a/b"), "CustomerID"),
        (General("CON"), "CustomerID"),
        (General("a\nb"), "CustomerID"),
        (General("x", -2), "TenantID"),
        (General("x", 2**31), "TenantID"),
        (General("x", 1, "MICCSERVER"), "WebServerUri"),
        (General("x", 1, ""), "WebServerUri"),
        (General("x", 1, "ftp://MICCSERVER"), "WebServerUri"),
        (General("x", 1, "http://user:secret@MICCSERVER"), "WebServerUri"),
        (General("x", 1, "http://secret@MICCSERVER/a"), "WebServerUri"),
        (General("x", 1, "http://MICCSERVER\r\n[RunAs]"), "WebServerUri"),
        (General("x", 1, " http://MICCSERVER"), "WebServerUri"),
        (General("x", 1, None, "http://MICCESERVER"), "BrokerServer"),
        (General("x", 1, None, "MICCE SERVER"), "BrokerServer"),
        (General("x", 1, None, "MICCESERVER\nx=y"), "BrokerServer"),
        (General("x", 1, None, "MICCESERVER "), "BrokerServer"),
    ],
)
def test_what_cannot_stand_below_general(general: General, key: str) -> None:
    (fault,) = faults(replace(WHOLE, general=general))
    assert (fault.section, fault.key, fault.problem.code) == ("General", key, "bad-value")
    assert "secret" not in str(fault.problem)


def test_a_path_may_hold_an_at() -> None:
    assert faults(replace(WHOLE, general=General("x", 1, "http://MICCSERVER/a@b"))) == ()


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = ClientSetup(
        General("..", -7, "x", "y z"), RunAs("me", "", PasswordFormat.PLAIN), frozenset(), Options("x", log_file="y")
    )
    with pytest.raises(ConfigError) as refused:
        write(wrong)
    assert [problem.code for problem in refused.value.problems] == [
        *["bad-value"] * 4,
        "bad-account",
        "bad-password",
        "no-feature",
        *["bad-value"] * 2,
    ]
