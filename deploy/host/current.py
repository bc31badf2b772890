"""Which computer this is: the only place that asks."""

from __future__ import annotations

import os
import sys

from deploy.host.contract import Host

if sys.platform == "win32":
    from deploy.host.windows import WindowsHost as ThisHost
else:
    from deploy.host.posix import PosixHost as ThisHost


def current() -> Host:
    """This computer, with the environment of this process."""
    return ThisHost(os.environ)


def opens_unc_paths() -> bool:
    """Whether the system itself opens `\\\\SERVER\\Share` paths."""
    return current().opens_unc_paths()
