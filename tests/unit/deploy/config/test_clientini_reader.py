"""A ClientSetup.ini that is read: its values, and every problem with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.config.clientini import read, write
from tests.unit.deploy.config.test_clientini import NAME, WHOLE, WRITTEN

REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "client-setup.md"


def changed(old: str, new: str) -> bytes:
    """The whole file with one text of it replaced."""
    text = WRITTEN.decode()
    assert text.count(old) == 1, old
    return text.replace(old, new).encode()


def said(data: bytes) -> list[tuple[str, int | None]]:
    """The code and line of every problem."""
    problems = read(data, NAME).problems
    assert all(problem.file == NAME for problem in problems)
    return [(problem.code, problem.line) for problem in problems]


def test_the_lines_that_count_are_told() -> None:
    lines = read(b"[general]\nformatversion=1\nFormatVersion=7\n[Features]\nAgent=true\nInstallDir=\n", NAME).lines
    assert lines == {("General", "FormatVersion"): 2, ("Features", "Agent"): 5}


def test_keys_sections_and_words_are_read_in_any_case_and_order() -> None:
    text = "[UPDATER]\nbackgroundcheck=FALSE\n[features]\nAGENT=True\nreportmanager=TRUE\n[runas]\n"
    text += "passwordformat=Obfuscated\npassword=RwBlAGgAZQBpAG0AUABhAHMAcwB3AG8AcgBkAA==\naccount=ACME\\installer\n"
    text += "[options]\nreboot=PROMPT\ndesktopshortcuts=false\nlogfile=C:\\Logs\\setup.log\n"
    text += 'INSTALLDIR="D:\\MiCC Enterprise"\n[general]\ntenantid=1\ncustomerid=acmecorp\nformatversion=1\n'
    text += "generated=2023-07-14T09:00:00Z\nbrokerserver=MICCESERVER\nwebserveruri=http://MICCSERVER:80\n"
    parsed = read(text.encode(), NAME)
    assert (parsed.setup, parsed.problems) == (WHOLE, ())


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("FormatVersion=1\n", "\n", "missing-key", 1),
        ("FormatVersion=1", "FormatVersion=", "missing-key", 2),
        ("FormatVersion=1", "FormatVersion=2", "newer-format", 2),
        ("FormatVersion=1", "FormatVersion=one", "bad-value", 2),
        ("FormatVersion=1", "FormatVersion=0", "bad-value", 2),
        ("CustomerID=acmecorp", "CustomerID=a/b", "bad-value", 3),
        ("CustomerID=acmecorp", "Customer=acmecorp", "missing-key", 1),
        ("TenantID=1", "TenantID=ACME", "bad-value", 4),
        ("TenantID=1", "TenantID=1.0", "bad-value", 4),
        ("TenantID=1", "TenantID=٣", "bad-value", 4),
        ("TenantID=1", "TenantID=99999999999", "bad-value", 4),
        ("WebServerUri=http://MICCSERVER:80", "WebServerUri=MICCSERVER", "bad-value", 5),
        ("2023-07-14T09:00:00Z", "2023-07-14", "bad-value", 7),
        ("2023-07-14T09:00:00Z", "2023-07-14T09:00:00+02:00", "bad-value", 7),
        ("2023-07-14T09:00:00Z", "2023-13-14T09:00:00Z", "bad-value", 7),
        ("Account=ACME\\installer", "Account=installer", "bad-account", 10),
        ("Account=ACME\\installer\n", "\n", "bad-account", 9),
        ("RwBlAGgAZQBpAG0AUABhAHMAcwB3AG8AcgBkAA==", "Geheim", "bad-password", 11),
        ("RwBlAGgAZQBpAG0AUABhAHMAcwB3AG8AcgBkAA==", "", "bad-password", 11),
        ("RwBlAGgAZQBpAG0AUABhAHMAcwB3AG8AcgBkAA==", "UABhAHMAcwB3AG8AcgBkAA==", "bad-password", 11),
        ("PasswordFormat=obfuscated", "PasswordFormat=none", "bad-password", 12),
        ("PasswordFormat=obfuscated\n", "\n", "bad-password", 9),
        ("PasswordFormat=obfuscated", "PasswordFormat=Geheim", "bad-value", 12),
        ("ConfigurationManager=false", "ConfigurationManager=0", "bad-value", 16),
        ("DesktopShortcuts=false", "DesktopShortcuts=nein", "bad-value", 25),
        ("Reboot=prompt", "Reboot=ask", "bad-value", 26),
        ("D:\\MiCC Enterprise", "..\\x", "bad-value", 24),
        ("CheckOnStartup=true", "CheckOnStartup=-", "bad-value", 31),
    ],
)
def test_a_bad_value_is_an_error_at_its_line(old: str, new: str, code: str, line: int) -> None:
    data = changed(old, new)
    parsed = read(data, NAME)
    assert parsed.setup is None
    errors = [(one.code, one.line) for one in parsed.problems if one.is_error]
    assert errors == [(code, line)]
    assert "Geheim" not in "".join(map(str, parsed.problems))


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("[General]", "early=1\n[General]", "stray-line", 1),
        ("TenantID=1\n", "TenantID=1\nTenantID=2\n", "repeated-key", 5),
        ("TenantID=1\n", "TenantID=1\ntenantid=x\n", "repeated-key", 5),
        ("TenantID=1\n", "TenantID=1\nTenantName=ACME\n", "unknown-key", 5),
        ("TenantID=1\n", "TenantID=1\nAgent=true\n", "unknown-key", 5),
        ("TenantID=1\n", "TenantID=1\nhello\n", "stray-line", 5),
        ("[General]\n", "[General\n", "unclosed-section", 1),
        ("[Updater]\nBack", "[Setup]\nAdmin=1\n\n[Updater]\nBack", "unknown-section", 29),
        ("CheckOnStartup=true\n", "CheckOnStartup=true\n[Updater]\nCheckOnStartup=maybe\n", "repeated-section", 32),
        ("[General]", "\ufeff[General]", "foreign-encoding", 1),
    ],
)
def test_what_does_not_count_is_a_warning_and_kept_out(old: str, new: str, code: str, line: int) -> None:
    parsed = read(changed(old, new), NAME)
    assert [(one.code, one.line, one.is_error) for one in parsed.problems] == [(code, line, False)]
    assert parsed.setup == WHOLE


def test_a_near_name_is_proposed() -> None:
    (problem,) = read(changed("LogFile=", "Logfiles="), NAME).problems
    assert "did you mean LogFile?" in problem.hint
    (problem,) = read(changed("[Options]", "[Option]"), NAME).problems
    assert "did you mean [Options]?" in problem.hint


def test_a_password_that_is_broken_in_two_is_not_shown() -> None:
    data = changed("RwBlAGgAZQBpAG0AUABh", "RwBlAGgAZQBpAG0A\nUABh")
    problems = read(data, NAME).problems
    assert {problem.code for problem in problems} == {"bad-password", "unknown-key"}
    assert "AHMAcwB3" not in "".join(map(str, problems))


def test_windows_is_said_to_read_some_encodings_otherwise() -> None:
    text = changed("ACME\\installer", "ACME\\Jörg").decode()
    assert said(text.encode()) == [("foreign-encoding", 1)]
    assert said(("\ufeff" + text).encode("utf-16-be")) == [("foreign-encoding", 1)]
    assert said(("\ufeff" + text).encode("utf-16-le")) == []
    assert said(text.encode("cp1252")) == []


@pytest.mark.parametrize(
    ("data", "code"), [(b"[General]\0", "document-encoding"), (b";" * 2**21, "document-too-large")]
)
def test_what_is_no_such_file_is_one_error(data: bytes, code: str) -> None:
    parsed = read(data, NAME)
    assert parsed.setup is None
    assert [(one.code, one.file) for one in parsed.problems] == [(code, NAME)]


def test_every_problem_is_said_at_once_in_the_order_of_the_lines() -> None:
    text = b"x\n[General]\nFormatVersion=9\nTenantID=x\n[RunAs]\nAccount=me\nPasswordFormat=no\nPaswordFormat=none\n"
    text += b"[Features]\nAgent=ja\n[Option]\nReboot=never\n[Options]\nReboot=never\nInstallDir=here\n"
    assert said(text) == [
        ("stray-line", 1),
        ("missing-key", 2),
        ("newer-format", 3),
        ("bad-value", 4),
        ("bad-account", 6),
        ("bad-value", 7),
        ("unknown-key", 8),
        ("bad-value", 10),
        ("unknown-section", 11),
        ("bad-value", 14),
        ("bad-value", 15),
    ]


def test_an_empty_file_lacks_what_is_required() -> None:
    assert said(b"") == [("missing-key", None)] * 3 + [("no-feature", None)]


def test_a_flood_of_problems_is_cut() -> None:
    problems = read(WRITTEN + b"x=1\n" * 100_000, NAME).problems
    assert len(problems) < 600
    assert problems[-1].code == "more-problems"


def test_the_file_of_the_reference_is_one() -> None:
    shown = REFERENCE.read_text("utf-8").split("```ini\n")[1].split("```")[0]
    parsed = read(shown.encode(), NAME)
    assert parsed.problems == ()
    assert parsed.setup is not None
    assert write(parsed.setup) == shown.replace("\n", "\r\n").encode()
