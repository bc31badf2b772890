r"""The replaceable identifiers of a Setup.config (manual: Replaceable Identifiers).

Pure. Names are read in any case and replaced once in attribute and text values: never in raw XML,
and not again in what a replacement brought. `$$(` stands for `$(`. A folder always reads with
exactly one backslash at its end and takes up the separators written after it, so that
`$(InstallDir)\x` and `$(InstallDir)x` are one path; `$(WebServerUri)` never ends in a slash.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from deploy.config.model import SetupConfig
from deploy.config.spelling import nearest
from deploy.errors import ConfigError, Problem, Severity, error, quoted

MOST_PROBLEMS = 20  # in one text


class Kind(enum.Enum):
    """What an identifier stands for."""

    FOLDER = enum.auto()
    COMPUTER = enum.auto()
    PORT = enum.auto()
    ADDRESS = enum.auto()


@dataclass(frozen=True, slots=True)
class Identifier:
    """One row of the manual's table; `example` is a value as the manual or a usual installation has it."""

    name: str
    kind: Kind
    example: str


_PROGRAMS = "C:\\Program Files (x86)\\"
IDENTIFIERS = (
    Identifier("InstallDir", Kind.FOLDER, f"{_PROGRAMS}Mitel\\MiCC Enterprise\\"),
    Identifier("SMInstallDir", Kind.FOLDER, f"{_PROGRAMS}Mitel\\Script Manager\\"),
    Identifier("SMSGInstallDir", Kind.FOLDER, f"{_PROGRAMS}Mitel\\SMS Gateway\\"),
    Identifier("TASInstallDir", Kind.FOLDER, f"{_PROGRAMS}Mitel\\TAS\\"),
    Identifier("EricssonShareDir", Kind.FOLDER, f"{_PROGRAMS}Common Files\\EricssonShare\\"),
    Identifier("NextCCShareDir", Kind.FOLDER, f"{_PROGRAMS}Common Files\\EricssonShare\\NextCCShare\\"),
    Identifier("BrokerServer", Kind.COMPUTER, "MICCESERVER"),
    Identifier("WebServer", Kind.COMPUTER, "WEBSERVER"),
    Identifier("WebServerPort", Kind.PORT, "80"),
    Identifier("WebServerUri", Kind.ADDRESS, "http://WEBSERVER:80"),
    Identifier("WindowsDir", Kind.FOLDER, "C:\\Windows\\"),
    Identifier("System32Dir", Kind.FOLDER, "C:\\Windows\\System32\\"),
)
NAMES = tuple(identifier.name for identifier in IDENTIFIERS)

_POSITIONS = {name.lower(): position for position, name in enumerate(NAMES)}
_TOKEN = re.compile(r"\$\$\(|\$\(([^()]*)\)|\$\(")
_SEPARATORS = re.compile(r"[\\/]*")
_WORD = re.compile(r"\w{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_USERINFO = re.compile(r"(?<=//)[^/\\]*@")
_FORMS = {
    Kind.FOLDER: (re.compile(r'[^"<>|*?]+'), r"write a folder, as in C:\Program Files (x86)\Mitel"),
    Kind.COMPUTER: (re.compile(r'[^\s"<>|*?@/\\]+'), "write the name of a computer, without http:// and without port"),
    Kind.PORT: (re.compile(r"[0-9]{1,5}"), "write a number from 1 to 65535"),
    Kind.ADDRESS: (
        re.compile(r'https?://[^\s"<>|*?/\\][^\s"<>|*?]*', re.IGNORECASE),
        "write the whole address, as in http://WEBSERVER:80",
    ),
}


@dataclass(frozen=True, slots=True)
class Value:
    """What an identifier is replaced by, and where that is known from ("--set", "machine.toml", "registry")."""

    text: str = field(repr=False)
    origin: str

    @property
    def shown(self) -> str:
        """The text fit to be shown: a user and password in an address are left out."""
        return _USERINFO.sub("***@", self.text)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The values known on this machine, one place for each of `NAMES`, None where none is known."""

    values: tuple[Value | None, ...] = (None,) * len(NAMES)

    def get(self, name: str) -> Value | None:
        """The value of an identifier, its name in any case; None when it is unset or unknown."""
        position = _POSITIONS.get(name.lower())
        return None if position is None else self.values[position]

    def __iter__(self) -> Iterator[tuple[str, Value | None]]:
        """Every identifier of the manual with its value, in the manual's order."""
        return iter(zip(NAMES, self.values, strict=True))

    def with_values(self, values: Mapping[str, str], origin: str) -> Identifiers:
        """The same with these values instead; names in any case, folders with `/` or `\\`, ended or not.

        Raises `ConfigError` with every name that is not in the manual (unknown-identifier) and every
        value that is empty, holds a control character or is not of its kind (bad-identifier-value).
        """
        known = list(self.values)
        problems: list[Problem] = []
        for name, text in values.items():
            position = _POSITIONS.get(name.lower())
            if position is None:
                problems.append(_unknown(name, f"{quoted(name)} from {origin}"))
                continue
            identifier = IDENTIFIERS[position]
            problem = _value_problem(identifier, text.strip(" \t"), origin)
            if problem is None:
                known[position] = Value(_ended(identifier.kind, text.strip(" \t")), origin)
            else:
                problems.append(problem)
        if problems:
            raise ConfigError(problems)
        return Identifiers(tuple(known))

    def with_examples(self) -> Identifiers:
        """The same with an example instead of every unset value, for judging a text before values are known."""
        examples = (Value(identifier.example, "example") for identifier in IDENTIFIERS)
        return Identifiers(tuple(value or example for value, example in zip(self.values, examples, strict=True)))


def _value_problem(identifier: Identifier, text: str, origin: str) -> Problem | None:
    form, hint = _FORMS[identifier.kind]
    right = form.fullmatch(text) is not None and not _CONTROL.search(text)
    if right and identifier.kind is Kind.PORT:
        right = 0 < int(text) < 65536
    if right:
        return None
    said = "is empty" if not text else f"is not the value of a {identifier.kind.name.lower()}"
    return error("bad-identifier-value", f"{identifier.name} from {origin} {said}", hint)


def _ended(kind: Kind, text: str) -> str:
    match kind:
        case Kind.FOLDER:
            return text.rstrip("\\/") + "\\"
        case Kind.ADDRESS:
            return text.rstrip("\\/")
        case Kind.PORT:
            return str(int(text))
        case Kind.COMPUTER:
            return text


@dataclass(frozen=True, slots=True)
class Expansion:
    """A text with its identifiers replaced. What `problems` name stands in `text` as it was written."""

    text: str
    problems: tuple[Problem, ...] = ()


def expand(text: str, identifiers: Identifiers, *, unset: Severity = Severity.ERROR) -> Expansion:
    """Replace every identifier of one text, from left to right, once.

    Problems: unknown-identifier and unterminated-identifier (errors), unset-identifier (of the
    severity `unset`); one for each name, `MOST_PROBLEMS` at most.
    """
    if "$(" not in text:
        return Expansion(text)
    parts: list[str] = []
    problems: dict[str | None, Problem] = {}
    place = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[place : token.start()])
        place = token.end()
        name = token[1]
        if token.group() == "$$(":
            parts.append("$(")
            continue
        position = None if name is None else _POSITIONS.get(name.lower())
        value = None if position is None else identifiers.values[position]
        if position is not None and value is not None:
            parts.append(value.text)
            if IDENTIFIERS[position].kind is Kind.FOLDER:
                place = _end_of_separators(text, place)
            continue
        parts.append(token.group())
        if name not in problems and len(problems) < MOST_PROBLEMS:
            problems[name] = _problem_of(name, position, unset)
    parts.append(text[place:])
    return Expansion("".join(parts), tuple(problems.values()))


def _end_of_separators(text: str, place: int) -> int:
    found = _SEPARATORS.match(text, place)
    return place if found is None else found.end()


def _problem_of(name: str | None, position: int | None, unset: Severity) -> Problem:
    if name is None:
        return error("unterminated-identifier", "a $( has no ) of its own", "close it, or write $$( for a plain $(")
    if position is None:
        return _unknown(name, f"$({name})" if _WORD.fullmatch(name) else "what stands in $( )")
    return Problem(
        unset,
        "unset-identifier",
        f"$({NAMES[position]}) has no value on this machine",
        f"give it with --set {NAMES[position]}=..., or under [identifiers] in machine.toml",
    )


def _unknown(name: str, shown: str) -> Problem:
    near = nearest(name, NAMES)
    hint = f"did you mean $({near})?" if near else f"known are {', '.join(NAMES)}"
    return error("unknown-identifier", f"{shown} is not an identifier", hint)


@dataclass(slots=True)
class _Expander:
    """Gathers the problems of several texts of one document."""

    name: str
    identifiers: Identifiers
    unset: Severity
    problems: list[Problem] = field(default_factory=list)

    def __call__(self, text: str, part: str, line: int | None) -> str:
        if "$(" not in text:
            return text
        expansion = expand(text, self.identifiers, unset=self.unset)
        self.problems += in_part(expansion.problems, part, self.name, line)
        return expansion.text


def expand_config(
    config: SetupConfig, identifiers: Identifiers, *, unset: Severity
) -> tuple[SetupConfig, tuple[Problem, ...]]:
    """Replace the identifiers of every text of a configuration; all problems at once, each with its line.

    What a problem names is left in the configuration as written, so it must not be carried out while
    there is one, error or warning.
    """
    text = _Expander(config.name, identifiers, unset)
    execute = config.execute
    if execute is not None:
        execute = replace(
            execute,
            command=text(execute.command, "command", execute.line),
            args=text(execute.args, "args", execute.line),
        )
    customer_name = text(config.customer_name, "customerName", config.customer_line)
    files = tuple(
        replace(
            entry,
            include=text(entry.include, "include", entry.line),
            exclude=text(entry.exclude, "exclude", entry.line),
            output_folder=text(entry.output_folder, "outputFolder", entry.line),
        )
        for entry in config.files
    )
    expanded = replace(config, execute=execute, customer_name=customer_name, files=files)
    return expanded, tuple(text.problems)


def in_part(problems: Iterable[Problem], part: str, name: str, line: int | None) -> Iterator[Problem]:
    """The problems of one attribute or element of a document, saying so."""
    for problem in problems:
        yield replace(problem, message=f"{part}: {problem.message}").at(name, line)
