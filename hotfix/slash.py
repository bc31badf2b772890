"""The command line of MiCCEHotFixInstaller: `[/i:<file>] [/s] [/text] [/?]` (manual: MICCEHOTFIXINSTALLER).

Pure. Options are read in any case and may begin with `/`, `-` or `--`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.errors import Problem, UsageError, error, quoted

USAGE = """\
MiCCEHotFixInstaller [/i:<file>] [/s] [/text] [/?]

Applies a hotfix to this computer, wholly or not at all.

  /i:<file>  the *.config file of the hotfix; /i <file> is read too
  /s         silent: asks nothing and opens no window; needs /i;
             a hotfix that is installed is installed again
  /text      ask in the terminal instead of a window
  /?         show this text

Options are read in any case; - may be written for /.
Exit code: 0 applied, or nothing to do on this computer; 1 an error occurred, and
everything is as it was. Without /s also 2: the command line is wrong.

Examples:
  MiCCEHotFixInstaller
  MiCCEHotFixInstaller /i:"C:\\HotFixes\\HF003\\HF003.config" /s
  MiCCEHotFixInstaller -i ./HF003/HF003.config -s
"""

_OPTION = re.compile(r"(?is)(?:--?|/)(i|s|h|help|\?|text)(?:[:=](.*))?\Z")
_LOOKS_LIKE_ONE = re.compile(r"(?:--?|/)[^\\/]*\Z")
_SILENT, _TEXT, _HELP, _FILE = "s", "text", "help", "i"
_SAME = {"?": _HELP, "h": _HELP}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; `config` is a path as written, without quotation marks, None where none was named."""

    config: str | None = None
    silent: bool = False
    text: bool = False
    help: bool = False


def parse_slash(arguments: Sequence[str]) -> Options:
    """Read the arguments after the program's name; `/?` beside anything else is a question for help.

    Raises `UsageError` with every problem: unknown-option, stray-argument, missing-value,
    unexpected-value, repeated-option, silent-without-file.
    """
    reading = _Reading(_rejoined(arguments))
    reading.read()
    if _HELP in reading.seen:
        return Options(help=True)
    if _SILENT in reading.seen and _FILE not in reading.seen:
        reading.fault("silent-without-file", "/s needs the hotfix", r"add /i:<file>, as in /i:C:\HotFixes\HF003.config")
    if reading.problems:
        raise UsageError(reading.problems)
    return Options(reading.config, _SILENT in reading.seen, _TEXT in reading.seen)


def asks_for_silence(arguments: Sequence[str]) -> bool:
    """Whether `/s` is among arguments that may be wrong otherwise: nothing may be asked then."""
    found = (_OPTION.match(argument) for argument in arguments)
    return any(one is not None and one[1].lower() == _SILENT for one in found)


class _Reading:
    """Arguments on the way to options."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self.config: str | None = None
        self.seen: set[str] = set()
        self.problems: list[Problem] = []

    def fault(self, code: str, message: str, hint: str) -> None:
        """Note a problem."""
        self.problems.append(error(code, message, hint))

    def read(self) -> None:
        """Take every argument."""
        while self._arguments:
            argument = self._arguments.pop(0)
            found = _OPTION.match(argument)
            if found is not None:
                name = found[1].lower()
                self._option(_SAME.get(name, name), found[2])
            elif _LOOKS_LIKE_ONE.match(argument):
                self.fault("unknown-option", f"{quoted(argument)} is not an option", "see MiCCEHotFixInstaller /?")
            else:
                hint = f"write /i:{argument} if it is the hotfix"
                self.fault("stray-argument", f"{quoted(argument)} belongs to no option", hint)

    def _option(self, name: str, value: str | None) -> None:
        if name in self.seen and name == _FILE:
            self.fault("repeated-option", "/i is there twice", "apply one hotfix after the other")
        self.seen.add(name)
        if name == _FILE:
            self._file(value)
        elif value is not None:
            self.fault("unexpected-value", f"/{name} takes no value", f"write /{name}")

    def _file(self, value: str | None) -> None:
        if value is None and self._arguments and _OPTION.match(self._arguments[0]) is None:
            value = self._arguments.pop(0)
        path = _unquoted((value or "").strip())
        if not path:
            self.fault("missing-value", "/i names no file", r"write /i:<file>, as in /i:C:\HotFixes\HF003.config")
        else:
            self.config = self.config or path


def _rejoined(arguments: Sequence[str]) -> list[str]:
    """Put together what a caller split at the blanks inside of quotation marks that reached us as text."""
    whole: list[str] = []
    is_open = False
    for argument in arguments:
        if is_open:
            whole[-1] += f" {argument}"
        else:
            whole.append(argument)
        is_open = is_open != (argument.count('"') % 2 == 1)
    return whole


def _unquoted(text: str) -> str:
    r"""Without the quotation marks around it; a lone one at the end comes from a folder's `\"`."""
    if text[:1] in ('"', "'") and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1].strip()
    return text.strip('"')
