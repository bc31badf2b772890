"""machine.toml: every value, every mistake with its line."""

from __future__ import annotations

import dataclasses

import pytest

from deploy.machine import (
    Machine,
    Network,
    ParsedMachine,
    RegistryDriver,
    Role,
    Services,
    ServicesDriver,
    SmbAccount,
    parse_machine,
)
from deploy.toml_document import SIZE_CAP

WHOLE = """\
state = "/var/lib/micce"
roles = ["client", "WEBSERVICES"]
product_version = "9.6.1.0"

[identifiers]
installdir = "/opt/micce"
WebServerPort = 8080
WebServerUri = 'http://server:8080'

[services]
driver = "Commands"
status = ["/opt/micce/svc", "status", "{name}"]
start = ["/opt/micce/svc", "start", "{name}"]
stop = ["/opt/micce/svc", "stop", "{name}"]

[registry]
driver = "none"

[network]
proxy = "http://user:s3cret@proxy:3128"
no_proxy = ["localhost", ".intern"]
ca_file = "ca.pem"

[[smb]]
host = "ACMESERVER"
username = 'ACME\\install'
password = "s3cret"

[[smb]]
host = "other"
password_file = "smb.txt"
port = 1445
"""


def parsed(text: str) -> ParsedMachine:
    return parse_machine(text.encode(), "machine.toml")


def said(text: str) -> list[tuple[str, str, int | None]]:
    """Severity, code and line of every problem."""
    return [(one.severity.value, one.code, one.line) for one in parsed(text).problems]


def test_every_value_is_read() -> None:
    result = parsed(WHOLE)
    assert result.problems == ()
    machine = result.machine
    assert machine is not None
    assert machine.state == "/var/lib/micce"
    assert machine.roles == {Role.CLIENT, Role.WEB_SERVICES}
    assert machine.product_version == "9.6.1.0"
    assert [(one.name, one.text, one.line) for one in machine.identifiers] == [
        ("InstallDir", "/opt/micce", 6),
        ("WebServerPort", "8080", 7),
        ("WebServerUri", "http://server:8080", 8),
    ]
    assert machine.services == Services(
        ServicesDriver.COMMANDS,
        ("/opt/micce/svc", "status", "{name}"),
        ("/opt/micce/svc", "start", "{name}"),
        ("/opt/micce/svc", "stop", "{name}"),
    )
    assert machine.registry is RegistryDriver.NONE
    assert machine.network == Network("http://user:s3cret@proxy:3128", ("localhost", ".intern"), "ca.pem")
    assert machine.smb == (
        SmbAccount("ACMESERVER", "ACME\\install", "s3cret"),
        SmbAccount("other", None, None, "smb.txt", 1445),
    )


def test_an_empty_file_says_nothing_at_all() -> None:
    assert parsed("") == ParsedMachine(Machine(), ())


def test_secrets_are_in_no_repr_and_are_known_to_be_there() -> None:
    machine = parsed(WHOLE).machine
    assert machine is not None
    assert "s3cret" not in repr(machine)
    assert machine.holds_secrets
    assert not Machine().holds_secrets
    assert dataclasses.replace(machine, smb=()).holds_secrets
    assert not parsed('[network]\nproxy = "http://proxy:3128"').machine.holds_secrets  # type: ignore[union-attr]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_notepads_marks_and_line_ends_are_read(mark: str, end: str) -> None:
    assert parsed(mark + WHOLE.replace("\n", end)).machine == parsed(WHOLE).machine


def test_unknown_keys_are_warnings_with_the_nearest_known_key() -> None:
    text = 'State = "/x"\n[network]\nproxi = "p"\n[[smb]]\nhost = "h"\nuser = "u"\n[other]\na = 1\n'
    result = parsed(text)
    assert result.machine is not None
    assert [(one.severity.value, one.code, one.line, one.hint) for one in result.problems] == [
        ("warning", "unknown-key", 1, "did you mean state?"),
        ("warning", "unknown-key", 3, "did you mean proxy?"),
        ("warning", "unknown-key", 6, "did you mean username?"),
        (
            "warning",
            "unknown-key",
            7,
            "known are state, roles, product_version, identifiers, services, registry, network, smb",
        ),
    ]
    assert [one.message.split(" ")[0] for one in result.problems] == ["State", "network.proxi", "smb.user", "other"]


def test_an_unknown_identifier_is_a_warning_and_a_double_one_an_error() -> None:
    text = '[identifiers]\nInstalDir = "/a"\nInstallDir = "/b"\nINSTALLDIR = "/c"\n'
    assert said(text) == [("warning", "unknown-key", 2), ("error", "bad-setting", 4)]
    assert "did you mean InstallDir?" in str(parsed(text).problems[0])
    assert "line 3" in parsed(text).problems[1].hint


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("state = 1", 1, "state is a number"),
        ("\nstate = true", 2, "state is true or false"),
        ('roles = "Client"', 1, "roles is a string"),
        ('roles = ["Client",\n 3]', 1, "roles holds a number"),
        ("product_version = 9.6", 1, "product_version is a number with a fraction"),
        ("product_version = 2024-01-01", 1, "product_version is a date or a time"),
        ("identifiers = []", 1, "identifiers is an array"),
        ("[identifiers]\nInstallDir = true", 2, "identifiers.InstallDir is true or false"),
        ("[services]\nstatus = 'x {name}'", 2, "services.status is a string"),
        ('registry = "file"', 1, "registry is a string"),
        ("[network]\nno_proxy = 'a,b'", 2, "network.no_proxy is a string"),
        ("[smb]\nhost = 'h'", 1, "smb is a table"),
        ("[[smb]]\nhost = 'h'\nport = '445'", 3, "smb.port is a string"),
    ],
)
def test_wrong_types_are_errors_that_name_both_types(text: str, line: int, words: str) -> None:
    result = parsed(text)
    assert result.machine is None
    (problem,) = result.problems
    assert (problem.code, problem.line, problem.file) == ("wrong-type", line, "machine.toml")
    assert words in problem.message
    assert problem.hint.startswith("write ")


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        ('state = "var/lib"', "bad-setting", 1, "not an absolute path"),
        ('roles = ["Cleint"]', "unknown-role", 1, "'Cleint' is not a role"),
        ('product_version = "9.6 SP1"', "bad-setting", 1, "'9.6 SP1' is not a version"),
        ('[services]\ndriver = "sysv"', "bad-setting", 2, "services.driver is 'sysv'"),
        ('[services]\nstart = ["svc", "start"]', "bad-setting", 2, "where the service's name goes"),
        ("[services]\nstop = []", "bad-setting", 2, "names no program"),
        ('[services]\nstart_type = ["svc", "{name}"]', "bad-setting", 2, "where the start type goes"),
        ('[services]\nstart_type = ["svc", "{start_type}"]', "bad-setting", 2, "where the service's name goes"),
        ("[registry]\ndriver = 'hive'", "bad-setting", 2, "registry.driver is 'hive'"),
        ("[[smb]]\nusername = 'u'", "bad-setting", 1, "without a host"),
        ("[[smb]]\nhost = 'h'\nport = 65536", "bad-setting", 3, "smb.port is 65536"),
        ("[[smb]]\nhost = 'h'\n[[smb]]\nhost = 'H'", "bad-setting", 4, "a second [[smb]]"),
        ("[[smb]]\nhost = 'h'\npassword = 'a'\npassword_file = 'b'", "bad-setting", 3, "both password and"),
    ],
)
def test_values_that_mean_nothing_are_errors(text: str, code: str, line: int, words: str) -> None:
    result = parsed(text)
    assert result.machine is None
    (problem,) = result.problems
    assert (problem.code, problem.line) == (code, line)
    assert words in problem.message
    assert problem.hint


def test_the_driver_commands_needs_all_three() -> None:
    text = '[services]\ndriver = "commands"\nstatus = ["svc", "{name}"]\n'
    assert [one.message for one in parsed(text).problems] == [
        "the driver commands needs start",
        "the driver commands needs stop",
    ]
    assert {one.line for one in parsed(text).problems} == {1}


def test_the_command_for_start_types_may_be_left_out() -> None:
    text = (
        '[services]\ndriver = "commands"\nstatus = ["a", "{name}"]\nstart = ["b", "{name}"]\nstop = ["c", "{name}"]\n'
    )
    machine = parsed(text).machine
    assert machine is not None
    assert machine.services.start_type == ()
    machine = parsed(text + 'start_type = ["d", "{name}={start_type}"]\n').machine
    assert machine is not None
    assert machine.services.start_type == ("d", "{name}={start_type}")


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = 'roles = ["x"]\nstate = 1\n[registry]\nfoo = 1\n[network]\nproxy = 2\n[[smb]]\nport = 0\n'
    assert said(text) == [
        ("error", "unknown-role", 1),
        ("error", "wrong-type", 2),
        ("warning", "unknown-key", 4),
        ("error", "wrong-type", 6),
        ("error", "bad-setting", 7),
        ("error", "bad-setting", 8),
    ]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"state = \n", 1),
        (b"\n\nstate = 1\nstate = 2\n", 4),
        (b"a = 1\nb = [1,\n", 2),
        (b'state = "C:\\Program Files"\n', 1),
        (b"# ok\nstate = '/\xff'\n", 2),
        (WHOLE.encode("utf-16"), 1),
        (b"a" + b"=[" * 50_000, 1),
    ],
)
def test_what_is_not_toml_is_one_error_with_its_line(data: bytes, line: int) -> None:
    result = parse_machine(data, "machine.toml")
    assert result.machine is None
    (problem,) = result.problems
    assert (problem.code, problem.line) == ("bad-machine-file", line)
    assert "at line" not in problem.message


def test_a_file_without_end_is_refused() -> None:
    result = parse_machine(b"#" * (SIZE_CAP + 1), "machine.toml")
    assert [one.code for one in result.problems] == ["too-large"]


@pytest.mark.parametrize("text", ["[network]\nproxy = 's3cret'\nproxy = 1", "[[smb]]\npassword = ['s3cret']"])
def test_no_message_shows_a_secret(text: str) -> None:
    assert parsed(text).machine is None
    assert "s3cret" not in "".join(map(str, parsed(text).problems))
