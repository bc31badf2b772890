from __future__ import annotations

import pytest

from deploy.errors import ConfigError
from deploy.relpath import RelPath
from hotfix.places import POSIX, WINDOWS, below, is_inside, joined, native


@pytest.mark.parametrize(
    ("text", "on_windows", "on_posix"),
    [
        (r"C:\MiCC\Bin", r"C:\MiCC\Bin", None),
        ("C:/MiCC//Bin/", r"C:\MiCC\Bin", None),
        ("C:\\", "C:\\", None),
        ("C:relative", None, None),
        (r"\MiCC\Bin", None, "/MiCC/Bin"),
        ("/opt/micce\\Services\\Bin\\", None, "/opt/micce/Services/Bin"),
        ("/opt/./micce", None, "/opt/micce"),
        ("/", None, "/"),
        ("opt", None, None),
        ("", None, None),
    ],
)
def test_native(text: str, on_windows: str | None, on_posix: str | None) -> None:
    assert native(text, WINDOWS) == on_windows
    assert native(text, POSIX) == on_posix


def test_inside_compares_names_as_the_machine_does() -> None:
    assert is_inside(r"C:\MICC\bin\x", r"c:\micc", WINDOWS)
    assert not is_inside("/opt/MICCE/x", "/opt/micce", POSIX)
    assert is_inside("/opt/micce", "/opt/micce", POSIX)
    assert not is_inside("/opt/micce2", "/opt/micce", POSIX)
    assert is_inside("/opt", "/", POSIX)
    assert is_inside("D:\\x", "D:\\", WINDOWS)


def test_from_a_root_down_and_back() -> None:
    assert below("/opt/micce/a/b.dll", "/opt/micce", POSIX) == RelPath(("a", "b.dll"))
    assert below("D:\\b.dll", "D:\\", WINDOWS) == RelPath(("b.dll",))
    assert joined("D:\\", "a", "b", separator=WINDOWS) == r"D:\a\b"
    assert joined("/opt", "a", separator=POSIX) == "/opt/a"


def test_a_name_that_windows_does_not_allow_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        below("/opt/a:b/x", "/opt", POSIX)
    assert raised.value.code == "unsafe-path"
