"""ClientSetup.ini: what is written, and what every problem of one that is read is called."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from deploy.config.clientini import (
    LAYOUT,
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    Reboot,
    RunAs,
    Updater,
    read,
    write,
)
from deploy.config.clientini_values import obfuscate, reveal

NAME = "ClientSetup.ini"
WHEN = datetime(2023, 7, 14, 9, 0, tzinfo=UTC)
WHOLE = ClientSetup(
    General("acmecorp", 1, "http://MICCSERVER:80", "MICCESERVER", WHEN),
    RunAs("ACME\\installer", "Geheim", PasswordFormat.OBFUSCATED),
    frozenset({Feature.AGENT, Feature.REPORT_MANAGER}),
    Options("D:\\MiCC Enterprise", False, Reboot.PROMPT, "C:\\Logs\\setup.log"),
    Updater(False, True),
)
WRITTEN = b"""[General]
FormatVersion=1
CustomerID=acmecorp
TenantID=1
WebServerUri=http://MICCSERVER:80
BrokerServer=MICCESERVER
Generated=2023-07-14T09:00:00Z

[RunAs]
Account=ACME\\installer
Password=RwBlAGgAZQBpAG0AUABhAHMAcwB3AG8AcgBkAA==
PasswordFormat=obfuscated

[Features]
Agent=true
ConfigurationManager=false
InformationManager=false
ReportManager=true
ScriptManager=false
DatabaseMaintenanceUtility=false
TenantClientConfiguration=false

[Options]
InstallDir=D:\\MiCC Enterprise
DesktopShortcuts=false
Reboot=prompt
LogFile=C:\\Logs\\setup.log

[Updater]
BackgroundCheck=false
CheckOnStartup=true
"""
SMALLEST = ClientSetup(General("Default"), features=frozenset({Feature.AGENT}))


def test_every_key_has_its_place() -> None:
    assert write(WHOLE) == WRITTEN.replace(b"\n", b"\r\n")


def test_what_is_not_set_has_no_line() -> None:
    text = write(SMALLEST).decode("ascii")
    keys = set(re.findall(r"^(\w+)=", text, flags=re.MULTILINE))
    absent = {"WebServerUri", "BrokerServer", "Generated", "Account", "Password", "InstallDir", "LogFile"}
    assert keys == {key for _, keys in LAYOUT for key in keys} - absent
    assert "TenantID=-1\r\n" in text
    assert "PasswordFormat=none\r\n" in text


def test_the_layout_names_every_feature_in_its_order() -> None:
    assert dict(LAYOUT)["Features"] == tuple(feature.value for feature in Feature)


@pytest.mark.parametrize(
    "setup", [WHOLE, SMALLEST, replace(WHOLE, run_as=RunAs(".\\Jörg", " ü' ", PasswordFormat.PLAIN))]
)
def test_what_is_written_is_read_again(setup: ClientSetup) -> None:
    parsed = read(write(setup), NAME)
    assert parsed.problems == ()
    assert parsed.setup == setup


def test_the_same_values_are_the_same_bytes() -> None:
    elsewhere = WHEN.astimezone(timezone(timedelta(hours=5))).replace(microsecond=123456)
    assert write(replace(WHOLE, general=replace(WHOLE.general, generated=elsewhere))) == write(WHOLE)


def test_a_time_without_a_zone_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        General("Default", generated=WHEN.replace(tzinfo=None))


def test_another_alphabet_takes_utf_16() -> None:
    data = write(replace(WHOLE, run_as=RunAs("ФИРМА\\установка")))
    assert data.startswith(b"\xff\xfe")
    assert "\r\nAccount=ФИРМА\\установка\r\n" in data.decode("utf-16")


def test_obfuscation_is_that_of_unattend_xml() -> None:
    assert obfuscate("password") == "cABhAHMAcwB3AG8AcgBkAFAAYQBzAHMAdwBvAHIAZAA="
    assert reveal(obfuscate("Geheim🙂")) == "Geheim🙂"
    assert reveal(obfuscate("")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "Geheim",
        "RwBl",
        "RwBl\nAGgA",
        "RwBlAGgAZQBpAG0A",
        "RwBlAGgAZQBpAG0AUABhAHMAcwB3AG8AcgBkAA",
        "ä",
        "AAA=",
        base64.b64encode("\ud800Password".encode("utf-16-le", "surrogatepass")).decode(),
    ],
)
def test_any_other_text_is_not_obfuscated(text: str) -> None:
    assert reveal(text) is None


def test_no_repr_shows_the_account_or_the_password() -> None:
    parsed = read(WRITTEN, NAME)
    for shown in (repr(WHOLE), repr(parsed), str(parsed.setup), repr(WHOLE.run_as)):
        assert "Geheim" not in shown
        assert "installer" not in shown
