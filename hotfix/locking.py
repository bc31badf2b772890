"""One installer for each machine, and none beside an installation of a release in the same folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.disk import target_error
from deploy.lock import only_one
from deploy.record import record_path
from hotfix.staging import read_note
from hotfix.target import Target

LOCK = "installer.lock"
_FOLDER_MODE = 0o700


@contextmanager
def alone(target: Target, roots: Iterable[str] = ()) -> Iterator[None]:
    """Hold the lock of the machine, then that of every root, also of those that a kill left something in.

    Makes the state folder. Raises `TargetError`: busy, cannot-write, cannot-read.
    """
    _made(target.state)
    with ExitStack() as held:
        held.enter_context(only_one(target.state / LOCK, "hotfixes of this machine"))
        _made(target.hotfixes)
        note = read_note(target.hotfixes)
        wanted = {*roots, *(() if note is None else note.roots)}
        for root in sorted(wanted):
            path = record_path(target.state, Path(root)).with_suffix(".lock")
            _made(path.parent)
            held.enter_context(only_one(path, root))
        yield


def _made(folder: Path) -> None:
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as wrong:
        raise target_error(wrong, folder) from wrong
