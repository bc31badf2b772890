"""The form that makes a ClientSetup.ini: its fields read into values, and what is wrong said beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from deploy.config import clientini
from deploy.config.clientini import (
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    Reboot,
    RunAs,
    Updater,
)
from deploy.site.model import Customer, ServerSettings

LARGEST_FORM = 64 * 1024
MOST_FIELDS = 60

FEATURES: Sequence[tuple[str, str]] = (
    ("Agent", "Agent"),
    ("ConfigurationManager", "Configuration Manager"),
    ("InformationManager", "Information Manager"),
    ("ReportManager", "Report Manager"),
    ("ScriptManager", "Script Manager"),
    ("DatabaseMaintenanceUtility", "Database Maintenance Utility"),
    ("TenantClientConfiguration", "Tenant Client Configuration"),
)
FORMATS: Sequence[tuple[str, str, str]] = (
    ("none", "Not at all", "The user is asked for it during the installation."),
    (
        "obfuscated",
        "Obfuscated",
        "This hides it from a casual look only: whoever has the file can read it. Use an account that may install "
        "software and nothing else, and change its password often.",
    ),
    ("plain", "As it is", "Everybody who opens the file reads it."),
)
REBOOTS: Sequence[tuple[str, str]] = (
    ("suppress", "Do not restart"),
    ("prompt", "Ask the user"),
    ("force", "Restart"),
)
_FIELDS: Mapping[tuple[str, str], str] = {
    ("RunAs", "Account"): "account",
    ("RunAs", "Password"): "password",
    ("RunAs", "PasswordFormat"): "password_format",
    ("Features", ""): "feature",
    ("Options", "InstallDir"): "install_dir",
    ("Options", "LogFile"): "log_file",
}
_ANCHORS = {"feature": "features", "password_format": "format-none"}
_START = {
    "password_format": "none",
    "reboot": "suppress",
    "desktop_shortcuts": "true",
    "background_check": "true",
    "check_on_startup": "true",
}
_Choice = TypeVar("_Choice", Reboot, PasswordFormat)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields, and what is wrong with them by the name of the field. The password is never shown."""

    values: Mapping[str, str] = field(default_factory=lambda: dict(_START), repr=False)
    features: frozenset[str] = frozenset({"Agent"})
    faults: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """The text of a field, empty where there is none."""
        return self.values.get(name, "")

    def anchor(self, name: str) -> str:
        """The id of the element a fault of this field is about."""
        return _ANCHORS.get(name, name)


def form_of(pairs: Sequence[tuple[str, str]]) -> Form:
    """The fields as they were sent; of one sent twice the last counts, but for features."""
    values = {name: text for name, text in pairs if name != "feature"}
    return Form(values, frozenset(text for name, text in pairs if name == "feature"))


def setup_of(form: Form, customer: Customer, settings: ServerSettings, now: datetime) -> ClientSetup:
    """The values of the file; texts that are no choice of the form count as not chosen."""
    config = customer.config
    assert config is not None
    wanted = _chosen(PasswordFormat, form.value("password_format"), PasswordFormat.NONE)
    account = form.value("account").strip() or None
    return ClientSetup(
        General(customer.id, config.tenant_id, settings.uri, settings.broker, now),
        RunAs(account, "" if wanted is PasswordFormat.NONE else form.value("password"), wanted),
        frozenset(one for one in Feature if one.value in form.features),
        Options(
            form.value("install_dir").strip() or None,
            form.value("desktop_shortcuts") == "true",
            _chosen(Reboot, form.value("reboot"), Reboot.SUPPRESS),
            form.value("log_file").strip() or None,
        ),
        Updater(form.value("background_check") == "true", form.value("check_on_startup") == "true"),
    )


def faults_of(setup: ClientSetup) -> dict[str, str]:
    """What is wrong, by the name of the field; what no field can put right stands under "account"."""
    found: dict[str, str] = {}
    for fault in clientini.faults(setup):
        name = _FIELDS.get((fault.section, fault.key), "account")
        said = f"{fault.problem.message[:1].upper()}{fault.problem.message[1:]}"
        found.setdefault(name, f"{said}: {fault.problem.hint}" if fault.problem.hint else said)
    return found


def _chosen(kind: type[_Choice], text: str, otherwise: _Choice) -> _Choice:
    try:
        return kind(text)
    except ValueError:
        return otherwise
