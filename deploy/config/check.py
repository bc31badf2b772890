r"""What can be said of a configuration without asking its sources: identifiers, addresses, paths, rules.

Pure. Where a value is not known on this machine, an example stands in for it, so that every other
mistake of the same text is found too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from deploy.config.identifiers import IDENTIFIERS, Identifiers, Kind, expand, in_part
from deploy.config.model import Execute, FileEntry, SetupConfig
from deploy.errors import ConfigError, Problem, Severity, error, quoted, warning
from deploy.relpath import RelPath, fold, segment_problem
from deploy.transport.contract import presentable
from deploy.transport.location import Source, parse_source
from deploy.wildcard import Exclude, Pattern

_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?[\\/]")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WITH_ARGUMENTS = re.compile(r"\.(?:exe|com|cmd|bat|msi)\"?\s+\S", re.IGNORECASE)
_UNMATCHABLE = re.compile(r'[<>:"|]|,\s*[*?.]')
_FOLDER_BEFORE_QUOTE = re.compile(
    rf'(?<!\$)\$\(({"|".join(one.name for one in IDENTIFIERS if one.kind is Kind.FOLDER)})\)[\\/]*"', re.IGNORECASE
)

MOST_PROBLEMS = 500
_MORE = "more-problems"

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class _Selection:
    """A `<file>` entry whose texts could be read."""

    source: Source
    exclude: Exclude
    output: RelPath
    sub_dirs: bool

    def may_bring(self, wanted: RelPath) -> bool:
        """Whether `wanted` may be among the files of this entry."""
        depth = len(self.output.segments)
        below = wanted.segments[depth:]
        if not below or fold("/".join(wanted.segments[:depth])) != self.output.key:
            return False
        if not self.source.wildcard:
            return len(below) == 1 and fold(presentable(self.source.name)) == fold(below[0])
        deep_enough = self.sub_dirs or len(below) == 1
        return deep_enough and Pattern(self.source.name).matches(below[-1]) and not self.exclude.matches(below)


def check(config: SetupConfig, identifiers: Identifiers) -> tuple[Problem, ...]:
    """Every problem of a configuration whose identifiers are not replaced yet, in the order of its lines.

    Errors: unknown-identifier, unterminated-identifier, bad-include, wildcard-in-folder, bad-pattern,
    bad-exclude, bad-command, unsafe-path. Warnings: unset-identifier, and what is allowed but hardly
    meant (exclude-ignored, exclude-unmatchable, exclude-everything, sub-dirs-ignored, quoted-folder,
    command-not-downloaded). After `MOST_PROBLEMS` errors it stops looking: more-problems.
    """
    checker = _Checker(config.name, identifiers, identifiers.with_examples())
    checker.text(config.customer_name, "customerName", config.customer_line)
    selections = []
    for entry in config.files:
        if checker.errors > MOST_PROBLEMS:
            break
        selections.append(checker.entry(entry))
    if config.execute is not None:
        checker.execute(config.execute, selections)
    return in_order(checker.problems)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of one document by line; of more than `MOST_PROBLEMS` the errors first, and more-problems."""
    ordered = sorted(problems, key=_line)
    kept = [problem for problem in ordered if problem.code != _MORE]
    if len(ordered) == len(kept) <= MOST_PROBLEMS:
        return tuple(kept)
    kept = sorted(sorted(kept, key=lambda problem: not problem.is_error)[:MOST_PROBLEMS], key=_line)
    return (*kept, warning(_MORE, "there are more problems than these", "correct these first", file=kept[0].file))


def _line(problem: Problem) -> int:
    return problem.line or 0


@dataclass(slots=True)
class _Checker:
    name: str
    identifiers: Identifiers
    examples: Identifiers
    problems: list[Problem] = field(default_factory=list)
    errors: int = 0

    def say(self, problems: Iterable[Problem], part: str, line: int | None) -> None:
        for problem in in_part(problems, part, self.name, line):
            self.problems.append(problem)
            self.errors += problem.is_error

    def text(self, text: str, part: str, line: int | None) -> str | None:
        """The text with values or examples for its identifiers; None if it holds what is none."""
        if "$(" not in text:
            return text
        expansion = expand(text, self.identifiers, unset=Severity.WARNING)
        if expansion.problems:
            self.say(expansion.problems, part, line)
            expansion = expand(text, self.examples)
        return None if expansion.problems else expansion.text

    def read(self, read: Callable[[str], _Read], text: str, part: str, line: int | None) -> _Read | None:
        expanded = self.text(text, part, line)
        if expanded is None:
            return None
        try:
            return read(expanded)
        except ConfigError as wrong:
            self.say(wrong.problems, part, line)
            return None

    def entry(self, entry: FileEntry) -> _Selection | None:
        source = self.read(parse_source, entry.include, "include", entry.line)
        exclude = self.read(Exclude.parse, entry.exclude, "exclude", entry.line)
        output = self.read(RelPath.parse, entry.output_folder, "outputFolder", entry.line)
        if source is not None:
            self.say(_name_problems(source), "include", entry.line)
            if not source.wildcard:
                self.say(_ignored(entry), "include", entry.line)
        if exclude is not None:
            self.say(_unlikely_rules(exclude), "exclude", entry.line)
        if source is None or exclude is None or output is None:
            return None
        return _Selection(source, exclude, output, entry.sub_dirs)

    def execute(self, execute: Execute, selections: Sequence[_Selection | None]) -> None:
        self.text(execute.args, "args", execute.line)
        self.say(quoted_folders(execute.args), "args", execute.line)
        command = self.read(_command, execute.command, "command", execute.line)
        if command is None or command is RelPath.BASE:
            return
        if not any(one is None or one.may_bring(command) for one in selections):
            said = f"no <file> brings {quoted(str(command))}"
            hint = "correct command or outputFolder, unless the file is on the machine already"
            self.say([warning("command-not-downloaded", said, hint)], "command", execute.line)


def _command(text: str) -> RelPath:
    """The command below the base download folder; `RelPath.BASE` for an absolute one."""
    command = text.strip().strip('"')
    if _ADDRESS.match(command):
        hint = "download it with a <file> and write where it lands, as in Solidus\\ClientSetup.exe"
        raise ConfigError(error("bad-command", "an address cannot be executed", hint))
    if _WITH_ARGUMENTS.search(command):
        hint = 'write them in args, as in command="Solidus\\ClientSetup.exe" args="/Q"'
        raise ConfigError(error("bad-command", "arguments follow the program", hint))
    if _ABSOLUTE.match(command):
        return RelPath.BASE
    path = RelPath.parse(command)
    if path == RelPath.BASE:
        raise ConfigError(error("bad-command", "no program is named", "write one, as in Solidus\\ClientSetup.exe"))
    return path


def _name_problems(source: Source) -> Iterator[Problem]:
    if source.wildcard:
        try:
            Pattern(source.name)
        except ConfigError as wrong:
            yield from wrong.problems
        return
    name = presentable(source.name)
    reason = segment_problem(name)
    if reason is not None:
        yield error(
            "unsafe-path", f"{quoted(name)} cannot be stored, because {reason}", "rename the file on its server"
        )


def _ignored(entry: FileEntry) -> Iterator[Problem]:
    if entry.exclude.strip("; \t"):
        hint = "use a wildcard, or remove exclude"
        yield warning("exclude-ignored", "names one file, so exclude has no effect", hint)
    if entry.sub_dirs:
        hint = "use a wildcard, or remove subDirs"
        yield warning("sub-dirs-ignored", "names one file, so subDirs has no effect", hint)


def _unlikely_rules(exclude: Exclude) -> Iterator[Problem]:
    for pattern in exclude.names:
        if pattern.text in ("*", "*.*"):
            hint = "name what to leave out, or remove the <file>"
            yield warning("exclude-everything", f"{quoted(pattern.text)} leaves out every file", hint)
        elif _UNMATCHABLE.search(pattern.text):
            hint = "separate rules with ; and use * and ? only"
            yield warning("exclude-unmatchable", f"no file on Windows is named like {quoted(pattern.text)}", hint)


def quoted_folders(args: str) -> Iterator[Problem]:
    """A warning (quoted-folder) for each folder identifier before a quotation mark, which it would escape."""
    for found in islice(_FOLDER_BEFORE_QUOTE.finditer(args), 20):
        said = f'$({found[1]})" ends in \\", which a program reads as a quotation mark inside the argument'
        yield warning("quoted-folder", said, f'write $({found[1]})." which is the same folder')
