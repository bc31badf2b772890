"""The twelve identifiers: their values, and what a text becomes."""

from __future__ import annotations

import pytest

from deploy.config.identifiers import (
    IDENTIFIERS,
    MOST_PROBLEMS,
    NAMES,
    Identifiers,
    Kind,
    Value,
    expand,
    expand_config,
)
from deploy.config.model import Execute, FileEntry, SetupConfig
from deploy.errors import ConfigError, Severity

INSTALL = "C:\\Program Files (x86)\\Mitel\\"
KNOWN = Identifiers().with_values(
    {
        "InstallDir": INSTALL,
        "WebServer": "web",
        "WebServerPort": "8080",
        "WebServerUri": "http://web:8080",
    },
    "machine.toml",
)


def text_of(text: str, identifiers: Identifiers = KNOWN) -> str:
    expansion = expand(text, identifiers)
    assert expansion.problems == ()
    return expansion.text


def test_the_identifiers_are_the_manuals() -> None:
    assert NAMES == (
        "InstallDir",
        "SMInstallDir",
        "SMSGInstallDir",
        "TASInstallDir",
        "EricssonShareDir",
        "NextCCShareDir",
        "BrokerServer",
        "WebServer",
        "WebServerPort",
        "WebServerUri",
        "WindowsDir",
        "System32Dir",
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("C:\\x", "C:\\x\\"),
        ("C:\\x\\", "C:\\x\\"),
        ("C:/x//", "C:/x\\"),
        ("/opt/micce", "/opt/micce\\"),
        ("/opt/micce/", "/opt/micce\\"),
        ("\\\\server\\share", "\\\\server\\share\\"),
        ("C:\\", "C:\\"),
        ("C:", "C:\\"),
        ("/", "\\"),
        (" C:\\Program Files (x86) ", "C:\\Program Files (x86)\\"),
    ],
)
def test_a_folder_reads_with_one_backslash_at_its_end(written: str, read: str) -> None:
    values = Identifiers().with_values({"InstallDir": written}, "x")
    assert values.get("installdir") == Value(read, "x")


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("WebServerUri", "http://web:80/", "http://web:80"),
        ("WebServerUri", "HTTPS://web//", "HTTPS://web"),
        ("WebServerUri", "http://[::1]:80", "http://[::1]:80"),
        ("WebServerPort", "0080", "80"),
        ("WebServerPort", " 65535", "65535"),
        ("WebServer", "::1", "::1"),
        ("BROKERSERVER", "Server_1.example.com", "Server_1.example.com"),
    ],
)
def test_other_values(name: str, written: str, read: str) -> None:
    values = Identifiers().with_values({name: written}, "--set")
    assert values.get(name) == Value(read, "--set")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("InstallDir", ""),
        ("InstallDir", "  "),
        ("InstallDir", "C:\\a\nb"),
        ("InstallDir", "C:\\a\0b"),
        ("InstallDir", "C:\\a\x85b"),
        ("InstallDir", "C:\\a\ud800b"),
        ("InstallDir", 'C:\\a" /S "'),
        ("InstallDir", "C:\\*"),
        ("WebServer", "http://web"),
        ("WebServer", "web server"),
        ("WebServer", "user@web"),
        ("WebServerPort", "0"),
        ("WebServerPort", "65536"),
        ("WebServerPort", "-1"),
        ("WebServerPort", "http"),
        ("WebServerPort", "８０"),
        ("WebServerPort", "9" * 5000),
        ("WebServerUri", "web:80"),
        ("WebServerUri", "ftp://web"),
        ("WebServerUri", "http://"),
        ("WebServerUri", "http:///x"),
        ("WebServerUri", "http://web\r\nX: y"),
        ("WebServerUri", "http://web?x"),
    ],
)
def test_a_value_that_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Identifiers().with_values({name: text}, "--set")
    (problem,) = raised.value.problems
    assert problem.code == "bad-identifier-value"
    assert problem.message.startswith(f"{name} from --set ")
    assert problem.hint


def test_every_wrong_value_is_said_at_once_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as raised:
        Identifiers().with_values({"InstalDir": "C:\\", "WebServerPort": "x", "Colour": "red"}, "--set")
    assert [problem.code for problem in raised.value.problems] == [
        "unknown-identifier",
        "bad-identifier-value",
        "unknown-identifier",
    ]
    assert raised.value.problems[0].hint == "did you mean $(InstallDir)?"
    assert "BrokerServer" in raised.value.problems[2].hint


def test_later_values_win_and_the_value_given_is_not_changed() -> None:
    later = KNOWN.with_values({"webserver": "other"}, "--set")
    assert later.get("WebServer") == Value("other", "--set")
    assert later.get("WebServerPort") == Value("8080", "machine.toml")
    assert KNOWN.get("WebServer") == Value("web", "machine.toml")
    assert hash(later) != hash(KNOWN)


def test_what_is_known_is_listed_in_the_manuals_order() -> None:
    assert [name for name, _ in KNOWN] == list(NAMES)
    assert {name for name, value in KNOWN if value} == {"InstallDir", "WebServer", "WebServerPort", "WebServerUri"}
    assert KNOWN.get("NoSuchName") is None


def test_a_password_in_an_address_is_not_shown() -> None:
    values = Identifiers().with_values({"WebServerUri": "http://user:canary@web:80"}, "--set")
    value = values.get("WebServerUri")
    assert value is not None
    assert value.shown == "http://***@web:80"
    assert "canary" not in repr(values)
    assert text_of("$(WebServerUri)/x", values) == "http://user:canary@web:80/x"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(InstallDir)x", f"{INSTALL}x"),
        ("$(InstallDir)\\x", f"{INSTALL}x"),
        ("$(InstallDir)/x", f"{INSTALL}x"),
        ("$(InstallDir)\\/\\x", f"{INSTALL}x"),
        ("$(InstallDir)", INSTALL),
        ("$(installDIR)x", f"{INSTALL}x"),
        ("$(WebServerUri)/x", "http://web:8080/x"),
        ("$(WEBSERVERURI)//x", "http://web:8080//x"),
        ("http://$(WebServer):$(WebServerPort)/x", "http://web:8080/x"),
        ("$(WebServer)\\x", "web\\x"),
        ("$$(InstallDir)", "$(InstallDir)"),
        ("$$$(InstallDir)", "$$(InstallDir)"),
        ("$$($(WebServer))", "$(web)"),
        ("$(WebServer)$(WebServer)", "webweb"),
        ("%PATH% $HOME ${HOME} $ $) ()", "%PATH% $HOME ${HOME} $ $) ()"),
        ("", ""),
        ("$$(", "$("),
    ],
)
def test_what_a_text_becomes(text: str, expanded: str) -> None:
    assert text_of(text) == expanded


def test_a_value_is_not_read_again() -> None:
    values = KNOWN.with_values({"WindowsDir": "C:\\$(WebServer)\\$$(x"}, "--set")
    assert text_of("$(WindowsDir)a", values) == "C:\\$(WebServer)\\$$(x\\a"


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("$(WebServerUrl)/x", "unknown-identifier", "$(WebServerUrl)"),
        ("$( WebServer )", "unknown-identifier", "$( )"),
        ("$()", "unknown-identifier", "$( )"),
        ("a$(InstallDir", "unterminated-identifier", "$("),
        ("$(Install$(WebServer))", "unterminated-identifier", "$("),
        ("$(BrokerServer)", "unset-identifier", "$(BrokerServer)"),
        ("$(brokerserver)", "unset-identifier", "$(BrokerServer)"),
    ],
)
def test_what_cannot_be_replaced_is_named_and_left_as_it_is(text: str, code: str, named: str) -> None:
    expansion = expand(text, KNOWN)
    assert [problem.code for problem in expansion.problems] == [code]
    assert named in expansion.problems[0].message
    assert expansion.problems[0].is_error
    assert "$(" in expansion.text


def test_the_nearest_name_is_offered() -> None:
    assert expand("$(WebServerUrl)", KNOWN).problems[0].hint == "did you mean $(WebServerUri)?"
    assert expand("$( WebServer )", KNOWN).problems[0].hint == "did you mean $(WebServer)?"


def test_what_is_no_name_may_be_a_password_and_is_not_shown() -> None:
    (problem,) = expand("http://user:$(canary@host/)", KNOWN).problems
    assert "canary" not in str(problem)


def test_unset_is_as_bad_as_the_caller_says_and_unknown_is_an_error_anyway() -> None:
    problems = expand("$(BrokerServer)$(Nowhere)$(BrokerServer)", KNOWN, unset=Severity.WARNING).problems
    assert [(problem.code, problem.severity) for problem in problems] == [
        ("unset-identifier", Severity.WARNING),
        ("unknown-identifier", Severity.ERROR),
    ]


def test_the_problems_of_one_text_are_bounded() -> None:
    text = "".join(f"$(name{number})" for number in range(1000))
    assert len(expand(text, KNOWN).problems) == MOST_PROBLEMS


def test_every_text_of_a_configuration_is_replaced() -> None:
    config = SetupConfig(
        "Setup.config",
        1,
        (
            FileEntry(1, "$(WebServerUri)/a", "$(WebServer)", "$(WebServerPort)", True, 7),
            FileEntry(2, "plain", "out", line=8),
        ),
        "Customer of $(WebServer)",
        Execute("$(InstallDir)a.exe", "/w:$(WebServer)", True, 3),
        4,
    )
    expanded, problems = expand_config(config, KNOWN, unset=Severity.ERROR)
    assert problems == ()
    assert expanded == SetupConfig(
        "Setup.config",
        1,
        (FileEntry(1, "http://web:8080/a", "web", "8080", True, 7), config.files[1]),
        "Customer of web",
        Execute(f"{INSTALL}a.exe", "/w:web", True, 3),
        4,
    )


def test_every_problem_of_a_configuration_has_its_place_and_part() -> None:
    config = SetupConfig(
        "Setup.config",
        1,
        (FileEntry(1, "$(TASInstallDir)a", "$(Nowhere)", "$(BrokerServer)", line=7),),
        "$(SMInstallDir)",
        Execute("$(System32Dir)a.exe", "$(", line=3),
        4,
    )
    expanded, problems = expand_config(config, KNOWN, unset=Severity.WARNING)
    assert expanded == config
    assert [(one.line, one.message.partition(":")[0], one.code, one.is_error) for one in problems] == [
        (3, "command", "unset-identifier", False),
        (3, "args", "unterminated-identifier", True),
        (4, "customerName", "unset-identifier", False),
        (7, "include", "unset-identifier", False),
        (7, "exclude", "unset-identifier", False),
        (7, "outputFolder", "unknown-identifier", True),
    ]
    assert {one.file for one in problems} == {"Setup.config"}


def test_the_examples_are_values_and_fill_only_what_is_unset() -> None:
    examples = {identifier.name: identifier.example for identifier in IDENTIFIERS}
    assert [value for _, value in Identifiers().with_values(examples, "example")] == [
        value for _, value in Identifiers().with_examples()
    ]
    assert KNOWN.with_examples().get("WebServer") == Value("web", "machine.toml")


def test_folders_are_the_ones_the_manual_calls_folders() -> None:
    assert {one.name for one in IDENTIFIERS if one.kind is Kind.FOLDER} == {
        name for name in NAMES if name.endswith("Dir")
    }
