"""The steps of a change of files, and the order they are taken in; what is wanted, not yet what is there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from deploy.digest import Sha256
from deploy.relpath import RelPath


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """A folder that is not there yet; missing folders above it are made too."""

    target: RelPath


@dataclass(frozen=True, slots=True)
class Create:
    """A file where none is. `staged` is the absolute path of its bytes below the folder the target is in.

    `new` and `size` (bytes) are what the staged file was proven to have; `modified` is the time it
    is to get, in POSIX seconds, None to leave it.
    """

    target: RelPath
    staged: str
    new: Sha256
    size: int
    modified: float | None


@dataclass(frozen=True, slots=True)
class Replace:
    """Another content for a file that is there; `old` is its digest where the caller knows it. Else as `Create`."""

    target: RelPath
    staged: str
    old: Sha256 | None
    new: Sha256
    size: int
    modified: float | None


@dataclass(frozen=True, slots=True)
class Delete:
    """A file that is there and is to go; `old` as in `Replace`."""

    target: RelPath
    old: Sha256 | None


@dataclass(frozen=True, slots=True)
class Put:
    """A file whether or not one is there, as a release has it. Else as `Create`."""

    target: RelPath
    staged: str
    new: Sha256
    size: int
    modified: float | None


Step = MakeFolder | Create | Replace | Put | Delete


_TURN = {MakeFolder: 0, Create: 1, Replace: 1, Put: 1, Delete: 2}


def ordered(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Folders first, upper before lower, then files as they were given, deletions last.

    Raises `ValueError` where two steps change one path, or one needs a folder where another has a
    file: no order could be right.
    """
    taken = sorted(
        steps, key=lambda step: (_TURN[type(step)], len(step.target.segments) * isinstance(step, MakeFolder))
    )
    files = {step.target.key for step in taken if not isinstance(step, MakeFolder)}
    seen: set[str] = set()
    above: dict[tuple[str, ...], bool] = {}
    for step in taken:
        if step.target.key in seen:
            raise ValueError(f"two steps change {step.target}")
        seen.add(step.target.key)
        folder = step.target.segments[:-1]
        if folder not in above:
            above[folder] = any("/".join(parts) in files for parts in _prefixes(step.target))
        if above[folder]:
            raise ValueError(f"{step.target} lies in what another step has as a file")
    return tuple(taken)


def _prefixes(target: RelPath) -> list[tuple[str, ...]]:
    names = target.key.split("/")
    return [tuple(names[:count]) for count in range(1, len(names))]


def with_folders(steps: Sequence[Step], is_folder: Callable[[RelPath], bool]) -> tuple[Step, ...]:
    """The steps with one `MakeFolder` for every folder that is missing, in the order they are taken in.

    `is_folder` is asked once for each folder. A `MakeFolder` whose folder is there is left out.
    """
    missing: dict[tuple[str, ...], RelPath] = {}
    asked: set[tuple[str, ...]] = set()
    for step in steps:
        folder = step.target if isinstance(step, MakeFolder) else None
        if folder is None and step.target.segments[:-1] not in asked and not isinstance(step, Delete):
            folder = step.target.parent
        while folder is not None and folder.segments and folder.segments not in asked:
            asked.add(folder.segments)
            if is_folder(folder):
                break
            missing[folder.segments] = folder
            folder = folder.parent
    files = [step for step in steps if not isinstance(step, MakeFolder)]
    return ordered([*map(MakeFolder, missing.values()), *files])
