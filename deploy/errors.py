"""The one error tree: a stable code, what happened, where, what to do next, and the exit code.

Grouped by who has to act: the author of a document (`ConfigError`), whoever runs a source
(`SourceError`), the administrator of this machine (`TargetError`), whoever typed the command
(`UsageError`). Every code is explained in docs/reference/errors.md.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

EXIT_FAILED = 1
EXIT_USAGE = 2


SHOWN_LENGTH = 160


def quoted(text: str) -> str:
    """A foreign text made fit for a message: in quotes, on one line, what does not print escaped, a long one cut."""
    if len(text) > SHOWN_LENGTH:
        text = text[: SHOWN_LENGTH - 1] + "\u2026"
    shown = text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"'{shown}'"


class Severity(enum.StrEnum):
    """How bad a problem is; an error stops the work, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about an input.

    `code` is stable kebab-case, `message` says what is wrong, `hint` what would be right.
    `file` is a path or an address without credentials, `line` is 1-based.
    """

    severity: Severity
    code: str
    message: str
    hint: str = ""
    file: str | None = None
    line: int | None = None

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def at(self, file: str | None, line: int | None = None) -> Problem:
        """The same problem with its place filled in where it is not known yet."""
        return replace(self, file=self.file or file, line=self.line if self.line is not None else line)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        text = f"{self.severity.value}: {self.message} [{self.code}]"
        if place:
            text = f"{place}: {text}"
        return f"{text}\n    {self.hint}" if self.hint else text


def error(code: str, message: str, hint: str = "", *, file: str | None = None, line: int | None = None) -> Problem:
    """A problem that stops the work."""
    return Problem(Severity.ERROR, code, message, hint, file, line)


def warning(code: str, message: str, hint: str = "", *, file: str | None = None, line: int | None = None) -> Problem:
    """A problem that is worth saying and stops nothing."""
    return Problem(Severity.WARNING, code, message, hint, file, line)


class MicceError(Exception):
    """Base of every error this product raises on purpose; holds one or more problems."""

    exit_code = EXIT_FAILED

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def code(self) -> str:
        """The code of the first problem."""
        return self.problems[0].code


class UsageError(MicceError):
    """The command line is wrong; exit code 2."""

    exit_code = EXIT_USAGE


class ConfigError(MicceError):
    """A document is wrong; its author has to act."""


class TargetError(MicceError):
    """This machine is in the way: disk full, no permission, busy."""


class ExecuteError(MicceError):
    """The program a Setup.config names could not be started or failed."""


class TrustError(MicceError):
    """What a server signed cannot be believed; whoever runs it has to act."""


class SourceError(MicceError):
    """A source did not give what was asked of it.

    `transient` says whether trying again can help; `retry_after` is the wait in seconds the
    server asked for, when it did (RFC 9110 section 10.2.3).
    """

    def __init__(
        self, problems: Problem | Iterable[Problem], *, transient: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(problems)
        self.transient = transient
        self.retry_after = retry_after
