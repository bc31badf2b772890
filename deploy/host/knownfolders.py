"""Windows known folders, asked from the shell itself and never from the environment (KNOWNFOLDERID)."""

from __future__ import annotations

import ctypes
import enum
import uuid
from ctypes import wintypes

_DONT_VERIFY = 0x4000  # KF_FLAG_DONT_VERIFY: the path, whether or not the folder is there


class KnownFolder(enum.Enum):
    """The folders this product needs, by their KNOWNFOLDERID."""

    WINDOWS = "F38BF404-1D43-42F2-9305-67DE0B28FC23"
    SYSTEM = "1AC14E77-02E7-4E5D-B744-2EB1AE5198B7"
    PROGRAM_DATA = "62AB5D82-FDC1-4DC3-A9DD-070D1D495D97"
    LOCAL_APP_DATA = "F1B32785-6FBA-4FCF-9D55-7B8E7F157091"
    PROGRAM_FILES = "905E63B6-C1BF-494E-B29C-65B732D3D21A"
    PROGRAM_FILES_X86 = "7C5A40EF-A0FB-4BFC-874A-C0F2E0B9FA8E"
    COMMON_FILES = "F7F1ED05-9F6D-47A2-AAAE-29D317C6F066"
    COMMON_FILES_X86 = "DE974D24-D9C6-4D3E-BF91-F4455120B917"


def known_folder(folder: KnownFolder) -> str | None:
    """The path of `folder` without a separator at its end; None where this Windows has none."""
    ask = ctypes.WinDLL("shell32").SHGetKnownFolderPath
    ask.argtypes = (ctypes.c_char_p, wintypes.DWORD, wintypes.HANDLE, ctypes.POINTER(ctypes.c_void_p))
    ask.restype = ctypes.c_long
    release = ctypes.WinDLL("ole32").CoTaskMemFree
    release.argtypes = (ctypes.c_void_p,)
    release.restype = None
    text = ctypes.c_void_p()
    failed = ask(uuid.UUID(folder.value).bytes_le, _DONT_VERIFY, None, ctypes.byref(text))
    try:
        return None if failed or text.value is None else ctypes.wstring_at(text.value)
    finally:
        release(text)


def is_administrator() -> bool:
    """Whether this process has the rights of an administrator now (elevated, or SYSTEM)."""
    return bool(ctypes.WinDLL("shell32").IsUserAnAdmin())
