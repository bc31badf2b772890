"""What is said of a configuration before any source is asked."""

from __future__ import annotations

import pytest

from deploy.config.check import MOST_PROBLEMS, check, in_order
from deploy.config.identifiers import Identifiers
from deploy.config.model import Execute, FileEntry, SetupConfig
from deploy.errors import error, warning

KNOWN = Identifiers().with_examples()


def config(*files: FileEntry, command: str | None = None, args: str = "") -> SetupConfig:
    execute = None if command is None else Execute(command, args, line=2)
    return SetupConfig("Setup.config", 1, files, "", execute)


def entry(
    include: str = "http://server/*.*", output: str = "Solidus", exclude: str = "", sub_dirs: bool = False
) -> FileEntry:
    return FileEntry(1, include, output, exclude, sub_dirs, line=5)


def said(configuration: SetupConfig, identifiers: Identifiers = KNOWN) -> list[tuple[str, str]]:
    """(part, code) of every problem."""
    return [(one.message.partition(":")[0], one.code) for one in check(configuration, identifiers)]


@pytest.mark.parametrize(
    ("one", "problems"),
    [
        (entry(), []),
        (entry("$(WebServerUri)/a/*.*", "$(WebServer)\\x", "*.pdb; docs\\", True), []),
        (entry("ftp://server/a.exe", ""), []),
        (entry("server/a.exe"), [("include", "bad-include")]),
        (entry("http://server/a*/b"), [("include", "wildcard-in-folder")]),
        (entry("http://server/" + "?" * 2000), [("include", "bad-pattern")]),
        (entry("http://server/con.txt"), [("include", "unsafe-path")]),
        (entry("http://server/a%3Ab"), [("include", "unsafe-path")]),
        (entry(exclude="..\\a"), [("exclude", "bad-exclude")]),
        (entry(exclude="*" * 2000), [("exclude", "bad-pattern")]),
        (entry(output="..\\a"), [("outputFolder", "unsafe-path")]),
        (entry(output="$(InstallDir)a"), [("outputFolder", "unsafe-path")]),
        (entry("$(Nowhere)/a", "$(Nobody)", "$("), [
            ("include", "unknown-identifier"),
            ("exclude", "unterminated-identifier"),
            ("outputFolder", "unknown-identifier"),
        ]),
        (entry("$(WebServerUri)MiCCEInstallation/*.*"), [("include", "bad-include")]),
        (entry("http://server/a", exclude="*.txt"), [("include", "exclude-ignored")]),
        (entry("http://server/a", exclude=" ; "), []),
        (entry("http://server/a", sub_dirs=True), [("include", "sub-dirs-ignored")]),
        (entry(exclude="*.*"), [("exclude", "exclude-everything")]),
        (entry(exclude="*.txt, *.log"), [("exclude", "exclude-unmatchable")]),
        (entry(exclude="*.txt|*.log"), [("exclude", "exclude-unmatchable")]),
        (entry(exclude="a,b.txt"), []),
    ],
)  # fmt: skip
def test_a_file_entry(one: FileEntry, problems: list[tuple[str, str]]) -> None:
    assert said(config(one)) == problems
    assert all(problem.line == 5 for problem in check(config(one), KNOWN))


def test_an_unset_identifier_is_a_warning_and_hides_no_other_mistake() -> None:
    one = entry("$(WebServerUri)/a?b/*.*", "$(BrokerServer)\\NUL")
    assert said(config(one), Identifiers()) == [
        ("include", "unset-identifier"),
        ("include", "wildcard-in-folder"),
        ("outputFolder", "unset-identifier"),
        ("outputFolder", "unsafe-path"),
    ]
    assert [one.is_error for one in check(config(one), Identifiers())] == [False, True, False, True]


def test_however_many_identifiers_are_unset_every_entry_is_read() -> None:
    many = [entry("$(WebServerUri)/a")] * (MOST_PROBLEMS + 100)
    problems = check(config(*many, entry("$(WebServerUri)/a", "NUL")), Identifiers())
    assert len(problems) == MOST_PROBLEMS + 1
    assert [one.code for one in problems if one.is_error] == ["unsafe-path"]


def test_a_value_of_this_machine_can_be_what_is_wrong() -> None:
    one = entry(output="$(BrokerServer)")
    assert said(config(one)) == []
    assert said(config(one), KNOWN.with_values({"BrokerServer": "::1"}, "--set")) == [("outputFolder", "unsafe-path")]


@pytest.mark.parametrize(
    ("command", "problems"),
    [
        ("Solidus\\ClientSetup.exe", []),
        ("solidus/clientsetup.exe", []),
        (".\\Solidus\\ClientSetup.exe", []),
        ('"Solidus\\ClientSetup.exe"', []),
        ("Solidus\\Deep\\Setup.exe", [("command", "command-not-downloaded")]),
        ("ClientSetup.exe", [("command", "command-not-downloaded")]),
        ("Solidus", [("command", "command-not-downloaded")]),
        ("$(System32Dir)msiexec.exe", []),
        ("C:\\Windows\\notepad.exe", []),
        ("/usr/bin/true", []),
        ("\\\\server\\share\\setup.exe", []),
        ("http://server/setup.exe", [("command", "bad-command")]),
        ("Solidus\\ClientSetup.exe /Q", [("command", "bad-command")]),
        ('"Solidus\\ClientSetup.exe" /Q', [("command", "bad-command")]),
        (".", [("command", "bad-command")]),
        ("..\\setup.exe", [("command", "unsafe-path")]),
        ("C:setup.exe", [("command", "unsafe-path")]),
        ("Solidus\\NUL", [("command", "unsafe-path")]),
        ("$(Nowhere)\\setup.exe", [("command", "unknown-identifier")]),
    ],
)
def test_the_command(command: str, problems: list[tuple[str, str]]) -> None:
    assert said(config(entry(), command=command)) == problems


@pytest.mark.parametrize(
    ("one", "brought"),
    [
        (entry(sub_dirs=True), True),
        (entry(), False),
        (entry(output=""), False),
        (entry(output="", sub_dirs=True), True),
        (entry(output="solidus\\BIN"), True),
        (entry(output="Solidus\\Bin\\x64", sub_dirs=True), False),
        (entry("http://server/*.dll", sub_dirs=True), False),
        (entry("http://server/*.exe", sub_dirs=True, exclude="Setup*"), False),
        (entry("http://server/*.exe", sub_dirs=True, exclude="bin/"), False),
        (entry("http://server/SETUP.exe", "Solidus\\Bin"), True),
        (entry("http://server/Setup.exe"), False),
        (entry("http://server/other.exe", "Solidus\\Bin"), False),
        (entry("broken", "Solidus"), True),
    ],
)
def test_whether_an_entry_may_bring_the_command(one: FileEntry, brought: bool) -> None:
    problems = said(config(one, command="Solidus\\Bin\\Setup.exe"))
    assert (("command", "command-not-downloaded") in problems) is not brought


@pytest.mark.parametrize(
    ("args", "warned"),
    [
        ('/D:"$(InstallDir)" /Q', True),
        ('/D:"$(installdir)\\"', True),
        ('/D:"$(InstallDir)."', False),
        ('/D:"$(InstallDir)x"', False),
        ('/D:"$$(InstallDir)"', False),
        ('/W:"$(WebServer)"', False),
        ("/D:$(InstallDir)", False),
    ],
)
def test_a_folder_before_a_quotation_mark(args: str, warned: bool) -> None:
    problems = said(config(entry(), command="Solidus\\a.exe", args=args))
    assert problems == ([("args", "quoted-folder")] if warned else [])


def test_an_unknown_identifier_in_the_customers_name_has_its_line() -> None:
    problems = check(SetupConfig("Setup.config", 1, (entry(),), "$(Nowhere)", customer_line=4), KNOWN)
    assert [(one.code, one.line, one.file) for one in problems] == [("unknown-identifier", 4, "Setup.config")]


def test_no_message_holds_a_password() -> None:
    one = entry("http://user:canary@server/a?/b", "..", "..\\x")
    problems = check(config(one, command="http://user:canary@server/x", args="$(No) /password:canary"), KNOWN)
    assert len(problems) == 5
    assert "canary" not in "".join(map(str, problems))


def test_problems_come_by_line_and_errors_before_warnings_where_there_are_too_many() -> None:
    few = [error("b", "", line=9), warning("a", "", line=3), error("c", "")]
    assert [one.code for one in in_order(few)] == ["c", "a", "b"]
    many = [warning("w", "", line=1)] * MOST_PROBLEMS + [error("e", "", line=2)]
    bounded = in_order(many)
    assert [one.code for one in bounded[-2:]] == ["e", "more-problems"]
    assert len(bounded) == MOST_PROBLEMS + 1
    assert len(in_order((*bounded, error("late", "")))) == MOST_PROBLEMS + 1
