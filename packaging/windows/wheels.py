"""Print the part of requirements.lock that a Windows Python 3.11 needs to run the program and its tests.

pip judges the markers of a requirements file by the computer it runs on, also with --platform; so
they are judged here, and left out.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.markers import Marker

WINDOWS = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.9",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_release": "10",
    "platform_system": "Windows",
    "platform_version": "10.0.19043",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "win32",
}
# Style and types are checked on Linux, FTP servers and browsers run there, and one process runs the Windows tests.
NOT_NEEDED = frozenset(
    {
        "ast-serialize",
        "axe-playwright-python",
        "execnet",
        "greenlet",
        "librt",
        "lxml-stubs",
        "mypy",
        "mypy-extensions",
        "pathspec",
        "playwright",
        "pyee",
        "pyftpdlib",
        "pytest-xdist",
        "ruff",
        "types-pywin32",
    }
)


def main() -> None:
    lock = Path(__file__).resolve().parents[2] / "requirements.lock"
    text = lock.read_text(encoding="utf-8")
    for match in re.finditer(r"(?m)^([a-z0-9._-]+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=\S+(?: \\)?\n)+)", text):
        name, version, marker, hashes = match.groups()
        if name in NOT_NEEDED or (marker and not Marker(marker).evaluate(dict(WINDOWS))):
            continue
        sys.stdout.write(f"{name}=={version} \\\n{hashes}")


if __name__ == "__main__":
    main()
