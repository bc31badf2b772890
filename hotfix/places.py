r"""Absolute paths of this machine as texts: in its own form, one in another, taken apart.

Pure. `separator` is that of the machine: `\` on Windows, where a path begins with a drive and names
are compared in any case, else `/`.
"""

from __future__ import annotations

import re

from deploy.relpath import RelPath, fold

WINDOWS = "\\"
POSIX = "/"

_SEPARATORS = re.compile(r"[\\/]+")
_DRIVE = re.compile(r"[A-Za-z]:")


def native(text: str, separator: str) -> str | None:
    r"""An absolute path, written with `\` or `/`, in the machine's own form; None where such a machine has none.

    Doubled separators, `.` and one at the end go; `..` is the business of whoever read the text.
    """
    drive = _DRIVE.match(text)
    rest = text[2:] if drive else text
    if rest[:1] not in ("\\", "/") or (separator == WINDOWS) != (drive is not None):
        return None
    names = [name for name in _SEPARATORS.split(rest) if name not in ("", ".")]
    return f"{drive.group() if drive else ''}{separator}{separator.join(names)}"


def joined(folder: str, *names: str, separator: str) -> str:
    """The path of something below a folder."""
    return separator.join((folder.rstrip(separator), *names))


def is_inside(path: str, folder: str, separator: str) -> bool:
    """Whether a path is the folder or below it, as the machine compares names."""
    if separator == WINDOWS:
        path, folder = fold(path), fold(folder)
    folder = folder.rstrip(separator)
    return path == folder or path.startswith(folder + separator)


def below(path: str, folder: str, separator: str) -> RelPath:
    """The path from a folder to what is inside it; raises `ConfigError` (unsafe-path) for names that cannot be used."""
    names = path[len(folder.rstrip(separator)) :].split(separator)
    return RelPath(tuple(name for name in names if name))
