"""The small script a visitor runs instead of typing the command. Pure.

Only two foreign texts get into it: the address of a page and a CustomerID. Both are put in so that no
shell reads anything in them, whatever they are.
"""

from __future__ import annotations

import enum
import re
import shlex
from dataclasses import dataclass
from urllib.parse import quote

COMMAND = "micce-deploy"
_CMD_READS = re.compile(r'[\x00-\x20\x7f"^&|<>!`]')
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Shell(enum.StrEnum):
    """What runs the script; the value stands in the address (`?script=windows`)."""

    CMD = "windows"
    POSIX = "linux"


@dataclass(frozen=True, slots=True)
class Script:
    """A file to download: its name and its bytes."""

    name: str
    data: bytes


def install_script(id: str, address: str, shell: Shell) -> Script:
    """A script that installs from the page at `address` for the customer `id`, into a folder of the visitor's own.

    It says so when the toolkit is not on the computer, and ends with the exit code of the command. A
    window stays open until a key is pressed. Lines end as the shell wants them.
    """
    if shell is Shell.CMD:
        return Script(script_name(id, shell), _cmd(id, address).encode())
    return Script(script_name(id, shell), _posix(id, address).encode())


def script_name(id: str, shell: Shell) -> str:
    """The file's name: letters, digits, `.`, `_` and `-` only."""
    end = ".cmd" if shell is Shell.CMD else ".sh"
    return f"install-{_NO_NAME.sub('-', id)}{end}"


def _cmd(id: str, address: str) -> str:
    lines = [
        "@echo off",
        "setlocal EnableExtensions DisableDelayedExpansion",
        *([] if (id + address).isascii() else ["chcp 65001 >nul"]),
        f"where {COMMAND} >nul 2>nul",
        "if errorlevel 1 goto missing",
        rf'{COMMAND} install "{_in_cmd(address)}" --to "%LOCALAPPDATA%\MiCCE\{_in_cmd(id, also=" ")}"',
        'set "code=%errorlevel%"',
        "pause",
        "exit /b %code%",
        ":missing",
        f"echo {COMMAND} is not on this computer yet. Your administrator knows where to get it.",
        "pause",
        "exit /b 1",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def _posix(id: str, address: str) -> str:
    lines = [
        "#!/bin/sh",
        f"if ! command -v {COMMAND} >/dev/null 2>&1; then",
        f"    echo '{COMMAND} is not on this computer yet. Your administrator knows where to get it.' >&2",
        "    exit 1",
        "fi",
        f'exec {COMMAND} install {shlex.quote(address)} --to "$HOME"/micce/{shlex.quote(id)}',
    ]
    return "".join(f"{line}\n" for line in lines)


def _in_cmd(text: str, also: str = "") -> str:
    """A text as it stands between double quotes in a batch file, where `%` is doubled and `"` cannot be written.

    What could end the quotes or the line is written as an address has it, `%22`; `also` is left as it is.
    """
    written = _CMD_READS.sub(lambda found: found[0] if found[0] in also else quote(found[0], safe=""), text)
    return written.replace("%", "%%")
