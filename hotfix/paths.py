r"""The paths and command lines that a manifest writes, judged without touching a file.

Pure. `\` and `/` mean the same. A path is absolute, with its drive on Windows; a program may also be
below the folder of the `*.config`.
"""

from __future__ import annotations

import re

from deploy.errors import ConfigError, error, quoted
from deploy.relpath import RelPath, segment_problem

_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?[\\/]")
_UNC = re.compile(r"[\\/]{2}")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SEPARATORS = re.compile(r"[\\/]+")
_WITH_ARGUMENTS = re.compile(r"\.(?:exe|com|cmd|bat|msi|ps1|vbs)\"?\s+\S", re.IGNORECASE)
_COMMAND_LINE = re.compile(r'\s*(?:"([^"]*)"?|(\S+))\s*(.*)', re.DOTALL)
_EXAMPLE = r"write the whole path, as in $(InstallDir)Services\Bin"


def check_absolute(text: str, *, names: bool = True) -> None:
    """Refuse what is no absolute path of this computer, goes upwards or (`names`) holds a name Windows does not allow.

    Raises `ConfigError`: bad-path, unsafe-path.
    """
    if _UNC.match(text):
        hint = "a hotfix changes the computer it is applied to; name a folder of that computer"
        raise ConfigError(error("bad-path", f"{quoted(text)} is on another computer", hint))
    if not _ABSOLUTE.match(text):
        raise ConfigError(error("bad-path", f"{quoted(text)} is not an absolute path", _EXAMPLE))
    start = 2 if text[1:2] == ":" else 0
    for name in _SEPARATORS.split(text[start:]):
        if name in ("", "."):
            continue
        problem = "it means the folder above" if name == ".." else segment_problem(name) if names else None
        if problem is not None:
            raise ConfigError(
                error("unsafe-path", f"{quoted(text)} cannot be used, because of {quoted(name)}: {problem}", _EXAMPLE)
            )


def is_absolute(text: str) -> bool:
    r"""Whether a path begins at a root: `C:\`, `\` or `/`."""
    return _ABSOLUTE.match(text) is not None


def packaged_program(command: str) -> RelPath | None:
    """Where a program lies below the folder of the `*.config`; None for an absolute path.

    Raises `ConfigError`: bad-command, unsafe-path, bad-path.
    """
    command = command.strip().strip('"')
    if _ADDRESS.match(command):
        raise ConfigError(error("bad-command", "an address cannot be executed", "put the program into the package"))
    if _WITH_ARGUMENTS.search(command):
        raise ConfigError(error("bad-command", "arguments follow the program", "write them in args"))
    if is_absolute(command):
        check_absolute(command, names=False)
        return None
    path = RelPath.parse(command)
    if path == RelPath.BASE:
        raise ConfigError(error("bad-command", "no program is named", r"write one, as in tools\Reindex.exe"))
    return path


def split_command_line(text: str) -> tuple[str, str]:
    """The program of a command line, without quotation marks, and the rest, as it stands."""
    found = _COMMAND_LINE.fullmatch(text)
    if found is None:
        return "", ""
    return (found[1] if found[2] is None else found[2]), found[3].rstrip()


def join_command_line(program: str, args: str) -> str:
    """The command line that `split_command_line` takes apart."""
    return f'"{program}" {args}'.rstrip()
