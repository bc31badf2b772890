"""The roots of a plan and the room it needs, for machines of any shape."""

from __future__ import annotations

import pytest

from deploy.relpath import RelPath
from hotfix.known import Facts, Folder
from hotfix.places import POSIX, WINDOWS
from hotfix.plan_roots import SLACK, Place, Roots, roots_for, space_needed, too_little_room
from hotfix.planned import FileAction, PlannedFile
from tests.unit.hotfix.planning import sha256

MB = 2**20


def there(path: str, volume: int = 1, *, writable: bool = True) -> Folder:
    return Folder(path, path, volume, writable)


def missing(path: str, existing: str, volume: int = 1) -> Folder:
    return Folder(path, existing, volume)


def facts(*roots: Folder, separator: str = POSIX) -> Facts:
    return Facts(separator=separator, roots=roots)


@pytest.mark.parametrize(
    ("folders", "roots", "expected"),
    [
        ([there("/opt/micce/bin"), there("/opt/micce/share")], [there("/opt/micce")], ["/opt/micce"]),
        ([there("/opt/micce/bin")], [there("/opt/micce/bin"), there("/opt/micce")], ["/opt/micce"]),
        ([there("/opt/micce/bin")], [there("/opt/micce", writable=False)], ["/opt/micce/bin"]),
        ([there("/opt/micce/mnt", 2)], [there("/opt/micce")], ["/opt/micce/mnt"]),
        (
            [there("/opt/micce/bin"), there("/opt/micce/mnt", 2)],
            [there("/opt/micce")],
            ["/opt/micce", "/opt/micce/mnt"],
        ),
        ([missing("/opt/new/deep", "/opt")], [], ["/opt"]),
        ([missing("/opt/new", "/opt"), there("/opt/micce")], [there("/opt/micce")], ["/opt"]),
        ([there("/srv/x"), there("/srv/x/y"), there("/srv/xy")], [], ["/srv/x", "/srv/xy"]),
        ([Folder("/e/x", "", None)], [], []),
    ],
)
def test_roots(folders: list[Folder], roots: list[Folder], expected: list[str]) -> None:
    assert sorted(roots_for(folders, facts(*roots)).folders) == sorted(expected)


def test_names_are_compared_as_windows_does() -> None:
    found = roots_for([there(r"c:\MICC\Bin")], facts(there(r"C:\MiCC"), separator=WINDOWS))
    assert found.folders == (r"C:\MiCC",)
    assert found.place(there(r"c:\MICC\Bin"), r"c:\MICC\Bin\a.dll") == Place(0, RelPath(("Bin", "a.dll")))


def test_a_file_lies_in_the_innermost_root_of_its_volume() -> None:
    roots = Roots(("/opt/micce", "/opt/micce/mnt", "/srv"), (1, 2, 1), POSIX)
    assert roots.place(there("/opt/micce/mnt/x", 2), "/opt/micce/mnt/x/a") == Place(1, RelPath(("x", "a")))
    assert roots.place(there("/opt/micce/x"), "/opt/micce/x/a") == Place(0, RelPath(("x", "a")))
    assert roots.place(there("/home"), "/home/a") is None


def planned(action: FileAction, size: int, root: int = 0) -> PlannedFile:
    after = None if action is FileAction.DELETE else sha256(b"x")
    return PlannedFile(action, root, RelPath(("a",)), "/opt/micce/a", None, after, size)


def test_the_room_in_each_root() -> None:
    roots = Roots(("/a", "/b"), (1, 2), POSIX)
    files = [
        planned(FileAction.CREATE, 10),
        planned(FileAction.REPLACE, 20),
        planned(FileAction.EDIT, 5, 1),
        planned(FileAction.KEEP, 1000),
        planned(FileAction.DELETE, 0, 1),
    ]
    assert space_needed(files, roots) == (SLACK + 30, SLACK + 5)


@pytest.mark.parametrize(
    ("free", "short"),
    [
        ({1: 10 * MB, 2: 3 * MB}, []),
        ({1: 10 * MB - 1, 2: 3 * MB}, ["/a"]),
        ({1: 10 * MB, 2: 3 * MB - 1}, ["/b"]),
        ({1: 0, 2: 0}, ["/a", "/b"]),
        ({1: None, 2: None}, []),
        ({}, []),
    ],
)
def test_the_room_on_each_volume(free: dict[int, int | None], short: list[str]) -> None:
    roots = Roots(("/a", "/b"), (1, 2), POSIX)
    machine = Facts(store="/state", store_folder=there("/state"), repository=there("/a"), free=free)
    problems = list(too_little_room((4 * MB, 3 * MB), roots, 5 * MB, 1 * MB, machine))
    assert [one.message.partition(":")[0] for one in problems] == short
    assert {one.code for one in problems} <= {"disk-full"}
