"""The privilege under which an administrator may open the programs of other accounts (SeDebugPrivilege)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pywintypes
import win32api
import win32con
import win32security


@contextmanager
def of_other_accounts() -> Iterator[None]:
    """Use that privilege meanwhile; without it, as other accounts are, one's own programs remain."""
    token = win32security.OpenProcessToken(
        win32api.GetCurrentProcess(), win32con.TOKEN_ADJUST_PRIVILEGES | win32con.TOKEN_QUERY
    )
    privilege = win32security.LookupPrivilegeValue("", win32con.SE_DEBUG_NAME)
    wanted: Any = [(privilege, win32con.SE_PRIVILEGE_ENABLED)]
    before: Any = None
    with suppress(pywintypes.error):
        before = win32security.AdjustTokenPrivileges(token, False, wanted)
    try:
        yield
    finally:
        if before:
            win32security.AdjustTokenPrivileges(token, False, before)
