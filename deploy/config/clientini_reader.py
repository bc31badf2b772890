"""The bytes of a ClientSetup.ini to its values, every problem of the file at once.

Pure. A key that is not known is said and left out: nothing but what the specification names is ever taken
from such a file.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from deploy.config import profile
from deploy.config.check import MOST_PROBLEMS, in_order
from deploy.config.clientini_rules import LARGEST_TENANT, faults
from deploy.config.clientini_values import (
    FORMAT_VERSION,
    LAYOUT,
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    RunAs,
    Updater,
    reveal,
)
from deploy.config.model import DEFAULT_TENANT
from deploy.config.profile import Profile, Section
from deploy.config.spelling import nearest
from deploy.errors import ConfigError, Problem, error, quoted, warning
from deploy.relpath import fold

_KEYS = dict(LAYOUT)
_SECTIONS = tuple(_KEYS)
_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_SOME_CUSTOMER = "Default"  # stands in for one that is missing, so that the rest can be judged
_TENANT_HINT = "write the number of the tenant, or -1 for the default tenant"

_Choice = TypeVar("_Choice", bound=enum.StrEnum)


@dataclass(frozen=True, slots=True)
class ParsedClientSetup:
    """What reading a file gave: every problem, and the values when there is no error.

    `lines` has the 1-based line of every section and key, as in `LAYOUT`, that the file gives a value for; all
    others have their defaults.
    """

    setup: ClientSetup | None
    problems: tuple[Problem, ...]
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)


def read(data: bytes, name: str) -> ParsedClientSetup:
    """Read a ClientSetup.ini; `name` is its path or address without credentials, for the problems.

    Never raises for what the file says. Errors: document-too-large, document-encoding, missing-key,
    newer-format, and those of `deploy.config.clientini_rules.faults`. Warnings: unknown-key,
    unknown-section, repeated-key, repeated-section, unclosed-section, stray-line, foreign-encoding.
    """
    try:
        found = profile.read(data)
    except ConfigError as wrong:
        return ParsedClientSetup(None, tuple(problem.at(name) for problem in wrong.problems))
    reader = _Reader(name, found)
    reader.form()
    setup = reader.setup()
    judged = frozenset(reader.wrong)
    sections = {section for section, _ in judged}
    for fault in faults(setup):
        # What a draft lacks because it could not be read was said.
        if (fault.section, fault.key) not in judged and (fault.key or fault.section not in sections):
            reader.fault(fault.section, fault.key, fault.problem)
    complete = not any(problem.is_error for problem in reader.problems)
    return ParsedClientSetup(setup if complete else None, in_order(reader.problems), reader.lines)


@dataclass(slots=True)
class _Reader:
    """Asks a file for one value after the other, as the installer does, and notes what is wrong."""

    name: str
    profile: Profile
    problems: list[Problem] = field(default_factory=list)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    wrong: set[tuple[str, str]] = field(default_factory=set)

    def setup(self) -> ClientSetup:
        """The draft: what is missing or wrong has its default."""
        self.version()
        return ClientSetup(
            General(
                customer_id=self.required("CustomerID", "the name of the customer's folder") or _SOME_CUSTOMER,
                tenant_id=self.tenant(),
                web_server_uri=self.text("General", "WebServerUri"),
                broker_server=self.text("General", "BrokerServer"),
                generated=self.generated(),
            ),
            self.run_as(),
            frozenset(feature for feature in Feature if self.boolean("Features", feature.value, False)),
            Options(
                install_dir=self.text("Options", "InstallDir"),
                desktop_shortcuts=self.boolean("Options", "DesktopShortcuts", Options().desktop_shortcuts),
                reboot=self.choice("Options", "Reboot", Options().reboot),
                log_file=self.text("Options", "LogFile"),
            ),
            Updater(
                background_check=self.boolean("Updater", "BackgroundCheck", Updater().background_check),
                check_on_startup=self.boolean("Updater", "CheckOnStartup", Updater().check_on_startup),
            ),
        )

    def text(self, section: str, key: str) -> str | None:
        """The value of a key; None if it is not there or empty."""
        there = self.profile.section(section)
        entry = None if there is None else there.find(key)
        if entry is None or not entry.value:
            return None
        self.lines[section, key] = entry.line
        return entry.value

    def required(self, key: str, what: str) -> str | None:
        """A value below [General] that has to be there."""
        text = self.text("General", key)
        if text is None:
            problem = error("missing-key", f"{key} is missing below [General], or empty", f"write {key}= and {what}")
            self.fault("General", key, problem)
        return text

    def version(self) -> None:
        text = self.required("FormatVersion", f"{FORMAT_VERSION}")
        number = int(text) if text is not None and _INTEGER.fullmatch(text) else 0
        if number > FORMAT_VERSION:
            said = f"the file is of format {number}, and this program reads {FORMAT_VERSION}"
            self.fault("General", "FormatVersion", error("newer-format", said, "use a later version of this program"))
        elif text is not None and number != FORMAT_VERSION:
            self.bad("General", "FormatVersion", text, f"write FormatVersion={FORMAT_VERSION}")

    def tenant(self) -> int:
        text = self.required("TenantID", "the number of the tenant, or -1 for the default tenant")
        if text is None:
            return DEFAULT_TENANT
        if _INTEGER.fullmatch(text) and DEFAULT_TENANT <= int(text) <= LARGEST_TENANT:
            return int(text)
        self.bad("General", "TenantID", text, _TENANT_HINT)
        return DEFAULT_TENANT

    def generated(self) -> datetime | None:
        text = self.text("General", "Generated")
        if text is None:
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            self.bad("General", "Generated", text, "write the time in UTC, as in 2023-07-14T09:00:00Z")
            return None

    def run_as(self) -> RunAs:
        account, written = self.text("RunAs", "Account"), self.text("RunAs", "Password")
        form = self.choice("RunAs", "PasswordFormat", PasswordFormat.NONE)
        password = written or ""
        if form is PasswordFormat.OBFUSCATED:
            revealed = reveal(password)
            if revealed is None:
                said = "Password is not what PasswordFormat=obfuscated says"
                hint = "generate the file again, or write PasswordFormat=none"
                self.fault("RunAs", "Password", error("bad-password", said, hint))
            password = revealed or ""
        return RunAs(account, password, form)

    def boolean(self, section: str, key: str, default: bool) -> bool:
        text = self.text(section, key)
        value = default if text is None else _BOOLEANS.get(text.lower())
        if value is None:
            self.bad(section, key, text or "", f"write {key}=true or {key}=false")
            return default
        return value

    def choice(self, section: str, key: str, default: _Choice) -> _Choice:
        text = self.text(section, key)
        if text is None:
            return default
        for one in type(default):
            if one.value == text.lower():
                return one
        hint = f"write {key}= and one of {', '.join(type(default))}"
        # What stands beside a password may be one.
        self.bad(section, key, None if section == "RunAs" else text, hint)
        return default

    def bad(self, section: str, key: str, text: str | None, hint: str) -> None:
        said = f"{key} cannot be what it is" if text is None else f"{key} is {quoted(text)}"
        self.fault(section, key, error("bad-value", said, hint))

    def fault(self, section: str, key: str, problem: Problem) -> None:
        """Note a problem at the line of its key, else at that of its section."""
        self.wrong.add((section, key))
        there = self.profile.section(section)
        entry = there.find(key) if there is not None and key else None
        line = entry.line if entry is not None else None if there is None else there.line
        self.problems.append(problem.at(self.name, line))

    def form(self) -> None:
        """Say what of the file is not looked at, or read otherwise by Windows."""
        encoding = self.profile.encoding
        if not encoding.is_read_by_windows:
            said = f"the file is {encoding}, which Windows reads otherwise"
            self.remark("foreign-encoding", 1, said, "save it as UTF-16LE with a byte order mark, or as ANSI")
        for entry in self.profile.before:
            self.remark("stray-line", entry.line, "a line before the first section is ignored", "remove it")
        seen: dict[str, Section] = {}
        for section in self.profile.sections:
            if not section.closed:
                said = f"[{_shown(section.name)} has no ]: the whole line is the name of the section"
                self.remark("unclosed-section", section.line, said, "close the bracket")
            first = seen.setdefault(fold(section.name), section)
            if first is not section:
                said = f"[{_shown(section.name)}] is there already, on line {first.line}, and only that counts"
                self.remark("repeated-section", section.line, said, "move its keys there")
            else:
                self.keys(section)

    def keys(self, section: Section) -> None:
        name = next((one for one in _SECTIONS if fold(one) == fold(section.name)), None)
        if name is None:
            near = self.guess(section.name, _SECTIONS)
            hint = f"did you mean [{near}]?" if near else f"known are {', '.join(f'[{one}]' for one in _SECTIONS)}"
            self.remark("unknown-section", section.line, f"[{_shown(section.name)}] is unknown and ignored", hint)
            return
        seen: dict[str, int] = {}
        for entry in section.entries:
            first = seen.setdefault(fold(entry.key), entry.line)
            if entry.value is None:
                # It may be the rest of anything, of a password too: not shown.
                said = f"a line below [{name}] has no = and is ignored"
                self.remark("stray-line", entry.line, said, "write Key=Value, or ; before a comment")
            elif first != entry.line:
                said = f"{_shown(entry.key)} is there already, on line {first}, and only that counts"
                self.remark("repeated-key", entry.line, said, "keep one of them")
            elif fold(entry.key) not in map(fold, _KEYS[name]):
                near = self.guess(entry.key, _KEYS[name])
                hint = f"did you mean {near}?" if near else f"known are {', '.join(_KEYS[name])}"
                # The rest of a password that was broken in two may stand before an = of its own.
                shown = "a key" if name == "RunAs" and near is None else _shown(entry.key)
                said = f"{shown} below [{name}] is unknown and ignored"
                self.remark("unknown-key", entry.line, said, hint)

    def guess(self, name: str, known: tuple[str, ...]) -> str | None:
        return nearest(name, known) if len(self.problems) < MOST_PROBLEMS else None

    def remark(self, code: str, line: int, message: str, hint: str) -> None:
        if len(self.problems) <= MOST_PROBLEMS:
            self.problems.append(warning(code, message, hint, file=self.name, line=line))


def _shown(name: str) -> str:
    return quoted(name)[1:-1]
