"""The form that makes a ClientSetup.ini: its fields read into values, and what is wrong said beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from deploy.config.model import DEFAULT_TENANT
from deploy.errors import Problem
from deploy.site.model import Customer, ServerSettings

LARGEST_FORM = 64 * 1024  # bytes
MOST_FIELDS = 60
PROOF_FIELD = "token"

FORMATS: Sequence[tuple[PasswordFormat, str, str]] = (
    (PasswordFormat.NONE, "Not at all", "The user is asked for it during the installation."),
    (
        PasswordFormat.OBFUSCATED,
        "Obfuscated",
        "This hides it from a casual look only: whoever has the file can find it out.",
    ),
    (PasswordFormat.PLAIN, "As it is", "Whoever opens the file reads it."),
)
REBOOTS: Sequence[tuple[Reboot, str]] = (
    (Reboot.SUPPRESS, "Do not restart"),
    (Reboot.PROMPT, "Ask the user"),
    (Reboot.FORCE, "Restart without asking"),
)
_FIELDS: Mapping[tuple[str, str], str] = {
    ("RunAs", "Account"): "account",
    ("RunAs", "Password"): "password",
    ("RunAs", "PasswordFormat"): "password_format",
    ("Features", ""): "feature",
    ("Options", "InstallDir"): "install_dir",
    ("Options", "LogFile"): "log_file",
}
_SAID: Mapping[str, str] = {
    "feature": "Choose one feature at least.",
    "password_format": "A password was typed, and the file is not to hold it. Choose how it stands in the file, "
    "or leave the password empty.",
}
"""Where the words of the rules are those of somebody who writes the file by hand."""
_ANCHORS = {"feature": "feature-Agent", "password_format": "format-none"}
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
    """What stands in the fields, and what is wrong with them by the name of the field.

    `others` are problems that no field can put right. `values` may hold a password, which is never shown.
    """

    values: Mapping[str, str] = field(default_factory=lambda: dict(_START), repr=False)
    features: frozenset[str] = frozenset({Feature.AGENT.value})
    faults: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[str] = ()

    def value(self, name: str) -> str:
        """The text of a field, empty where there is none."""
        return self.values.get(name, "")

    def anchor(self, name: str) -> str:
        """The id of the element to go to for a fault of this field."""
        return _ANCHORS.get(name, name)

    def with_faults(self, setup: ClientSetup) -> Form:
        """The same with everything that is wrong with the values it gave."""
        faults: dict[str, str] = {}
        others: list[str] = []
        for fault in clientini.faults(setup):
            name = _FIELDS.get((fault.section, fault.key))
            if name is None:
                others.append(_sentences(fault.problem))
            else:
                faults.setdefault(name, _SAID.get(name) or _sentences(fault.problem))
        return replace(self, faults=faults, others=others)

    def without_password(self) -> Form:
        """The same as it may be shown again."""
        return replace(self, values={name: text for name, text in self.values.items() if name != "password"})

    @property
    def is_faulty(self) -> bool:
        """Whether something is wrong."""
        return bool(self.faults or self.others)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says by itself, for people; None is not known to the server and stands in no line of the file."""

    customer: str
    tenant: int
    web_server: str | None
    broker: str | None


def facts_of(customer: Customer, settings: ServerSettings) -> Facts:
    """What goes into every file of this customer."""
    tenant = DEFAULT_TENANT if customer.config is None else customer.config.tenant_id
    return Facts(customer.id, tenant, settings.uri, settings.broker)


def form_of(pairs: Sequence[tuple[str, str]]) -> Form:
    """The fields as they were sent; of one sent twice the last counts, but for features."""
    values = {name: text for name, text in pairs if name not in ("feature", PROOF_FIELD)}
    return Form(values, frozenset(text for name, text in pairs if name == "feature"))


def setup_of(form: Form, facts: Facts, now: datetime) -> ClientSetup:
    """The values of the file; a text that is no choice of the form counts as not chosen."""
    wanted = _chosen(PasswordFormat, form.value("password_format"), PasswordFormat.NONE)
    return ClientSetup(
        General(facts.customer, facts.tenant, facts.web_server, facts.broker, now),
        RunAs(form.value("account").strip() or None, form.value("password"), wanted),
        frozenset(one for one in Feature if one.value in form.features),
        Options(
            form.value("install_dir").strip() or None,
            form.value("desktop_shortcuts") == "true",
            _chosen(Reboot, form.value("reboot"), Reboot.SUPPRESS),
            form.value("log_file").strip() or None,
        ),
        Updater(form.value("background_check") == "true", form.value("check_on_startup") == "true"),
    )


def _sentences(problem: Problem) -> str:
    return " ".join(f"{said[:1].upper()}{said[1:]}." for said in (problem.message, problem.hint) if said)


def _chosen(kind: type[_Choice], text: str, otherwise: _Choice) -> _Choice:
    try:
        return kind(text)
    except ValueError:
        return otherwise
