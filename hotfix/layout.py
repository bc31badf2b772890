"""Where things lie below the folder of installed hotfixes (`Target.hotfixes`), as paths relative to it.

    <ID>/<revision>/record.json     what was installed; it is there exactly while the hotfix is
    <ID>/<revision>/waiting.json    the files that get their content at the next restart, where there are any
    <ID>/<revision>/package         the package as it was verified; commands run from here
    <ID>/<revision>/package-2       another package of the same revision, while or since it was reinstalled
    .originals/<sha256>             what files held before the first hotfix changed them, by their content
    .unfinished.json                what a start that finds it has to tidy up

Pure. `<ID>` is the hotfix's id in capitals, for ids are compared in any case.
"""

from __future__ import annotations

from deploy.digest import Sha256
from deploy.relpath import RelPath, fold

RECORD = "record.json"
WAITING = "waiting.json"
ORIGINALS = ".originals"
UNFINISHED = ".unfinished.json"
STAGING = ".micce-hotfix"
"""The staging folder in each root of a change, the folder of hotfixes among them."""
_PACKAGE = "package"


def hotfix(id: str) -> RelPath:
    """The folder of all revisions of a hotfix."""
    return RelPath((fold(id),))


def revision(id: str, number: int) -> RelPath:
    """The folder of one revision."""
    return hotfix(id).child(str(number))


def record(id: str, number: int) -> RelPath:
    """The record of a revision."""
    return revision(id, number).child(RECORD)


def package(id: str, number: int, copy: int = 1) -> RelPath:
    """The folder of the package of a revision; what is planned names the first `copy`."""
    return revision(id, number).child(_PACKAGE if copy == 1 else f"{_PACKAGE}-{copy}")


def is_package(name: str) -> bool:
    """Whether a folder of this name in that of a revision is a package."""
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}-")


def original(sha256: Sha256) -> RelPath:
    """The file that keeps an original."""
    return RelPath((ORIGINALS, sha256))
