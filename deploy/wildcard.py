r"""`*` and `?` as Windows reads them, and the `exclude` rules built on them.

Pure. The meaning is that of FindFirstFile: the pattern is first rewritten as Win32 does (`?` becomes
DOS_QM, a `.` before a wildcard DOS_DOT, a final `*.` DOS_STAR; `*.*` is `*`), then matched by the
rules of [MS-FSA] 2.1.4.4. So `*.*` matches `README`, `a?` matches `a`, `a.*` matches `a`, and `*.`
matches names without a dot; `*.htm` does not match `x.html` (8.3 names are not looked at).

Every name is matched in time linear in its length for each `*`: see `_regex`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from deploy.errors import ConfigError, error, quoted
from deploy.relpath import fold

LONGEST_PATTERN = 1024
WILDCARDS = "*?"

_SEPARATORS = re.compile(r"[\\/]+")
_DOS_QM = r"(?>[^.]|(?=\.|\Z))"  # any character but a dot, or nothing before a dot or at the end
_DOS_DOT = r"(?>\.|\Z)"  # a dot, or nothing at the end
_DOS_STAR = r"[^.]*"  # as the last part of a pattern: everything, if no dot is in it


def has_wildcard(text: str) -> bool:
    """Whether `text` holds `*` or `?`."""
    return "*" in text or "?" in text


@dataclass(frozen=True, slots=True)
class Pattern:
    """A file-name pattern, compiled once, when first asked; compares in any case as `deploy.relpath.fold` does.

    `?` stands for one Unicode character. Raises `ConfigError` (bad-pattern) for a text longer than
    `LONGEST_PATTERN` characters.
    """

    text: str
    _compiled: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > LONGEST_PATTERN:
            raise ConfigError(
                error(
                    "bad-pattern",
                    f"the pattern {quoted(self.text)} has {len(self.text)} characters",
                    f"write at most {LONGEST_PATTERN}; no file name has more than 255",
                )
            )

    def matches(self, name: str) -> bool:
        """Whether `name`, one path segment, fits; "" fits nothing."""
        return self.matches_folded(fold(name))

    def matches_folded(self, folded: str) -> bool:
        """The same for a name that went through `fold` already."""
        return (self._compiled or self._compile()).fullmatch(folded) is not None

    def _compile(self) -> re.Pattern[str]:
        compiled = re.compile(_regex(fold(self.text)), re.DOTALL)
        object.__setattr__(self, "_compiled", compiled)
        return compiled


def _regex(pattern: str) -> str:
    r"""The regular expression of a folded pattern, to be matched as a whole with DOTALL.

    The pattern is cut at its `*` into pieces. A piece consumes at most one way from a given place
    (its parts are atomic), and one that starts later never ends earlier. So the first place where a
    middle piece fits leaves the most to the `*` after it, and `(?>.*?piece)` need never be tried
    again; the last piece is tried once at each place. Before DOS_STAR it is the last place that
    leaves least, hence `(?>.*piece)`. Nothing else repeats: no backtracking between the pieces.
    """
    pattern = pattern or "*"
    ends_in_dos_star = pattern.endswith("*.")
    if ends_in_dos_star:
        pattern = pattern[:-2]
    first, *pieces = re.split(r"\*+", _with_dos_dots(pattern, followed=ends_in_dos_star))
    regex = _piece(first)
    if ends_in_dos_star and pieces:
        last = pieces.pop()
        regex += "".join(f"(?>.*?{_piece(piece)})" for piece in pieces)
        # A `*` before DOS_STAR leaves it nothing to do.
        return f"(?=.){regex}" + (f"(?>.*{_piece(last)}){_DOS_STAR}" if last else ".*")
    if ends_in_dos_star:
        return f"(?=.){regex}{_DOS_STAR}"
    for number, piece in enumerate(pieces, start=1):
        regex += f".*{_piece(piece)}" if number == len(pieces) else f"(?>.*?{_piece(piece)})"
    return f"(?=.){regex}"


def _with_dos_dots(pattern: str, *, followed: bool) -> str:
    """Mark the dots that stand before a wildcard as `"`, which no file name holds."""
    marked = re.sub(r"\.(?=[*?])", '"', pattern.replace('"', "\0"))
    return marked[:-1] + '"' if followed and marked.endswith(".") else marked


def _piece(piece: str) -> str:
    parts = {"?": _DOS_QM, '"': _DOS_DOT, "\0": '"'}
    return "".join(parts.get(character) or re.escape(character) for character in piece)


@dataclass(frozen=True, slots=True)
class _PathRule:
    """`folders` is matched from the included folder on; with `subtree` everything below it too."""

    parts: tuple[Pattern, ...]
    subtree: bool

    def matches(self, folded: tuple[str, ...]) -> bool:
        length = len(self.parts)
        fits = len(folded) > length if self.subtree else len(folded) == length
        return fits and all(map(Pattern.matches_folded, self.parts, folded))

    def covers(self, folded: tuple[str, ...]) -> bool:
        return self.subtree and len(folded) >= len(self.parts) and all(map(Pattern.matches_folded, self.parts, folded))


@dataclass(frozen=True, slots=True)
class Exclude:
    r"""The rules of an `exclude` attribute, in the order written.

    A rule without separator is a file-name pattern for any depth, one with a separator (`/` or `\`)
    is a path below the included folder, and one that ends in a separator is everything below that
    folder. Wildcards may stand in every part of a rule.
    """

    names: tuple[Pattern, ...] = ()
    paths: tuple[_PathRule, ...] = ()

    @staticmethod
    def parse(text: str) -> Exclude:
        """Read rules separated by `;`, blanks around them trimmed, empty ones skipped.

        Raises `ConfigError` (bad-exclude, bad-pattern) with every rule that cannot be meant.
        """
        names: list[Pattern] = []
        paths: list[_PathRule] = []
        problems = []
        for rule in filter(None, map(str.strip, text.split(";"))):
            parts = [part for part in _SEPARATORS.split(rule) if part not in ("", ".")]
            problem = _rule_problem(parts)
            if problem is not None:
                problems.append(error("bad-exclude", f"the rule {quoted(rule)} {problem[0]}", problem[1]))
            elif "\\" in rule or "/" in rule:
                paths.append(_PathRule(tuple(map(Pattern, parts)), subtree=rule[-1] in "\\/"))
            else:
                names.append(Pattern(rule))
        if problems:
            raise ConfigError(problems)
        return Exclude(tuple(names), tuple(paths))

    def matches(self, relative_segments: tuple[str, ...]) -> bool:
        """Whether the file at `relative_segments` (folders, then name) below the included folder is left out."""
        if not self.names and not self.paths:
            return False
        name = fold(relative_segments[-1])
        if any(pattern.matches_folded(name) for pattern in self.names):
            return True
        if not self.paths:
            return False
        folded = tuple(map(fold, relative_segments))
        return any(rule.matches(folded) for rule in self.paths)

    def covers(self, folder: tuple[str, ...]) -> bool:
        """Whether every file below `folder` is left out by a subtree rule, so that it need not be listed."""
        folded = tuple(map(fold, folder))
        return any(rule.covers(folded) for rule in self.paths)


def _rule_problem(parts: list[str]) -> tuple[str, str] | None:
    if ".." in parts:
        return "leaves the included folder", "write a path below the folder that include names"
    if not parts:
        return "leaves out everything", "name what to leave out, or remove the <file>"
    return None
