"""A place in the text of a Razor view: lines, blanks, brackets, and what is said about them. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from deploy.errors import Problem, error, warning
from deploy.site.csharp import BLANKS, CLOSING, DEEPEST, NAME, NotInSubsetError, closing_bracket, next_token, shown

MOST_PROBLEMS = 100
NEW_LINE = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_LINE_SIGNS = "\r\n\x85\u2028\u2029"
_SPACE = frozenset(" \t\f\v\u00a0")

_Read = TypeVar("_Read")


class LostError(Exception):
    """Nothing sensible can be said about the rest of a view; its problem has been said."""


@dataclass(slots=True)
class Cursor:
    """Where the reader of a view is. `source` is the whole text, `file` its name in problems."""

    source: str
    file: str
    position: int = 0
    problems: list[Problem] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _depth: int = 0

    def startswith(self, text: str) -> bool:
        """Whether `text` comes next."""
        return self.source.startswith(text, self.position)

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.source)

    # Lines and blanks.

    def line(self, at: int) -> int:
        """The 1-based line of a place."""
        if not self._starts:
            self._starts = [0, *(found.end() for found in re.finditer(r"\r\n|[\r\n]", self.source))]
        return bisect_right(self._starts, at)

    def next_line(self, at: int) -> int:
        """Where the line after the one at `at` begins."""
        newline = NEW_LINE.search(self.source, at)
        return len(self.source) if newline is None else newline.end()

    def rest_of_line(self, at: int) -> str:
        """What stands on the line from `at` on, its end left out."""
        newline = NEW_LINE.search(self.source, at)
        return self.source[at : None if newline is None else newline.start()]

    def line_start(self, start: int, at: int) -> int:
        """Where the blanks before `at` begin if only they are before it, from `start` or on its line; else `at`."""
        begin = at
        while begin > start and self.source[begin - 1] in _SPACE:
            begin -= 1
        return begin if self.begins_line(begin) else at

    def begins_line(self, at: int) -> bool:
        """Whether nothing is before `at` on its line."""
        return at == 0 or self.source[at - 1] in _LINE_SIGNS

    def line_end(self, at: int) -> int:
        """After the end of the line if only blanks follow on it; else `at`."""
        end = at
        while end < len(self.source) and self.source[end] in _SPACE:
            end += 1
        newline = NEW_LINE.match(self.source, end)
        return at if newline is None else newline.end()

    def blanks_end(self, at: int) -> int:
        """After the blanks at `at`, and after the end of the line if that comes next."""
        while at < len(self.source) and self.source[at] in _SPACE:
            at += 1
        return self.line_end(at)

    def skip_blanks(self) -> int:
        """Go to the next sign of code; returns where the blanks right before it on its line began."""
        start = self.position
        blanks = BLANKS.match(self.source, start)
        if blanks is None:
            return start
        begin = self.position = blanks.end()
        while begin > start and self.source[begin - 1] in _SPACE:
            begin -= 1
        return begin

    # Words and brackets.

    def name(self, at: int) -> str:
        """The name that begins at `at`, empty if none does."""
        found = NAME.match(self.source, at)
        return "" if found is None else found.group()

    def word(self) -> str:
        """The next word of code, taken; empty, and nothing taken, if there is none."""
        before = self.position
        self.skip_blanks()
        found = self.name(self.position)
        self.position = self.position + len(found) if found else before
        return found

    def brackets(self, owner: str) -> tuple[int, int]:
        """The inside of the brackets that come next."""
        self.skip_blanks()
        start = self.position
        if not self.startswith("("):
            self.lost(start, f"a ( is missing after {owner}", f"write it as {owner} (...) {{ ... }}")
        self.position = self.closing(start)
        return start + 1, self.position - 1

    def closing(self, opening: int) -> int:
        """After the bracket that closes the one at `opening`."""
        end = closing_bracket(self.source, opening)
        if end is None:
            sign = self.source[opening]
            self.lost(opening, f"this {sign} is never closed", "look for a missing bracket or quotation mark")
        return end

    def statement_end(self, start: int) -> int:
        """After the ; that ends a statement, or before the } that ends its block; always after `start`."""
        end = start
        while (token := next_token(self.source, end, len(self.source))) is not None:
            if token.text == "}":
                return max(token.start, start + 1)
            end = self.closing(token.start) if token.text in CLOSING else token.end
            if token.text == ";":
                return end
        return len(self.source)

    def value_end(self, at: int) -> int:
        """The end of `Model.Name` and the like at `at`: names joined by dots, with brackets right after a name."""
        end = at + len(self.name(at))
        while True:
            sign = self.source[end : end + 1]
            member = self.name(end + 1) if sign == "." else ""
            if member:
                end += 1 + len(member)
            elif sign and sign in "([":
                end = self.closing(end)
            else:
                return end

    # What is said.

    def say(self, at: int, code: str, message: str, hint: str = "") -> None:
        """Note an error; after `MOST_PROBLEMS` nothing more is read."""
        self._note(at, error(code, message, hint))

    def _note(self, at: int, problem: Problem) -> None:
        self.problems.append(problem.at(self.file, self.line(at)))
        if len(self.problems) >= MOST_PROBLEMS:
            more = warning("more-problems", "there may be more problems than these", "correct these first")
            self.problems.append(more.at(self.file))
            raise LostError

    def lost(self, at: int, message: str, hint: str) -> NoReturn:
        """Note razor-syntax and give up."""
        self.say(at, "razor-syntax", message, hint)
        raise LostError

    def unsupported(self, at: int, text: str) -> None:
        """Note that `text` is no part of the subset."""
        self.say(at, "razor-unsupported", f"this is not understood in a view: {shown(text)}", "remove it")

    def read(self, read: Callable[[], _Read], at: int) -> _Read | None:
        """What `read` gives; None when that is not understood, which is noted."""
        try:
            return read()
        except NotInSubsetError as wrong:
            self._note(max(at, wrong.at), wrong.problem)
            return None

    def deeper(self, at: int) -> None:
        """One more block inside a block."""
        self._depth += 1
        if self._depth > DEEPEST:
            self.say(at, "view-too-deep", f"more than {DEEPEST} blocks are nested here", "write it simpler")
            raise LostError

    def shallower(self) -> None:
        """A block has ended."""
        self._depth -= 1
