"""What happens to each file: compared with the package by digest, placed, edited, deleted, or kept and why.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import ConfigError, Problem, error, quoted, warning
from deploy.relpath import RelPath, fold
from hotfix.applicability import Situation
from hotfix.known import Facts, Folder, Kind, Part, Seen
from hotfix.model import FileEntry, Manifest, Overwrite
from hotfix.places import WINDOWS, native
from hotfix.plan_edits import Edited, edits_of
from hotfix.plan_roots import Roots, roots_for
from hotfix.planned import FileAction, PlannedFile
from hotfix.softening import softened
from hotfix.versions import is_newer, is_same, parse_version
from hotfix.wishes import Wish, wishes_of

RIGHT = "it is right already"


@dataclass(frozen=True, slots=True)
class FilesPlan:
    """The files of a plan and the roots they lie in; every error and warning."""

    files: tuple[PlannedFile, ...]
    roots: Roots
    problems: tuple[Problem, ...] = ()


def plan_files(manifest: Manifest, situation: Situation, also: Folder | None = None) -> FilesPlan:
    """Plan every file that the manifest concerns on this machine; `also` is a folder that a root has to hold besides.

    With `onError="continue"` an entry whose file cannot be changed here is left out with a warning; what is wrong
    with the package is always an error. Codes: bad-path, contradiction, file-and-folder, digest-mismatch,
    version-mismatch, in-the-way, no-such-volume, cannot-read, cannot-write, unsafe-path, restart-pending,
    same-version, replaces-later and what edits say.
    """
    facts = situation.facts
    wishes, problems = wishes_of(manifest, situation)
    found = [*problems, *_foreign(manifest, situation), *_wrong_parts(facts.package, manifest.source)]
    found += _wrong_versions(wishes, manifest, facts)
    planner = _Planner(manifest.source, facts)
    drafts = []
    for wish in wishes:
        planned, said = planner.plan(wish)
        found += said
        if planned is not None:
            drafts.append((wish, planned))
    concerned = (draft for draft in drafts if draft[1].action is not FileAction.KEEP or draft[0].seen.folder.is_there)
    folders = [wish.seen.folder for wish, _ in concerned]
    roots = roots_for(folders if also is None else [*folders, also], facts)
    files = []
    for wish, draft in drafts:
        try:
            place = roots.place(wish.seen.folder, draft.path)
        except ConfigError as wrong:
            found += softened(wrong.problems, wish.when, manifest.source)
            continue
        # What is kept and lies in no root is not there, nor is its folder.
        if place is not None:
            files.append(replace(draft, root=place.root, target=place.target))
    found += _waiting(files, facts, manifest.source)
    found += _over_later(files, situation, manifest.source)
    return FilesPlan(tuple(files), roots, tuple(found))


def _foreign(manifest: Manifest, situation: Situation) -> Iterator[Problem]:
    """Paths of entries that apply which are no paths of this machine."""
    separator = situation.facts.separator
    hint = "begin it with an identifier that has a value on this machine"
    hint = f"write it with its drive, or {hint}" if separator == WINDOWS else hint
    found = [
        *((one.output_folder, "outputFolder", one.when) for one in manifest.files),
        *((one.path, "path", one.when) for one in manifest.deletes),
        *((one.path, "path", one.when) for one in manifest.config_files),
    ]
    for text, part, when in found:
        if native(text, separator) is None and situation.holds(when):
            said = f"{part}: {quoted(text)} is not an absolute path of this machine"
            yield from softened((error("bad-path", said, hint),), when, manifest.source)


def _wrong_parts(parts: Iterable[Part], source: str) -> Iterator[Problem]:
    """Files of the package that are not what the manifest says, with both digests."""
    for part in parts:
        if part.declared not in (None, part.sha256):
            said = f"{part.path} has the SHA-256 {part.sha256}, and the manifest says {part.declared}"
            hint = "get the whole package again, or build it again"
            yield error("digest-mismatch", said, hint, file=source, line=part.line)


def _wrong_versions(wishes: Iterable[Wish], manifest: Manifest, facts: Facts) -> Iterator[Problem]:
    parts = {one.path: one for one in facts.package}
    placed = [one.placement for one in wishes if one.placement is not None and one.placement.entry.version]
    for placement in placed:
        entry, part = placement.entry, parts[placement.source]
        if part.version and not is_same(part.version, entry.version):
            said = f"{part.path} has the version {part.version}, and the manifest says {entry.version}"
            hint = "get the whole package again, or correct version"
            yield error("version-mismatch", said, hint, file=manifest.source, line=entry.when.line)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a wish comes to, before edits: bytes of the package, or what is there stays, or nothing is there."""

    part: Part | None = None
    stays: str = ""
    problems: tuple[Problem, ...] = ()


class _Planner:
    """Plans one file after the other."""

    def __init__(self, source: str, facts: Facts) -> None:
        self._source = source
        self._facts = facts
        self._parts = {one.path: one for one in facts.package}

    def plan(self, wish: Wish) -> tuple[PlannedFile | None, tuple[Problem, ...]]:
        """The file, None where it is left out or cannot be planned, and what is wrong."""
        problems = tuple(_obstacles(wish.seen))
        if problems:
            nothing_to_do = wish.seen.folder.volume is None and not wish.seen.folder.existing and _only_if_there(wish)
            return None, () if nothing_to_do else softened(problems, wish.when, self._source)
        planned, said = self._planned(wish)
        if planned.action is not FileAction.KEEP and not wish.seen.folder.writable:
            text = f"{wish.seen.folder.existing} may not be changed by this account ({self._facts.account})"
            hint = "run it as an administrator, or let the account write there"
            refused = error("cannot-write", text, hint)
            return None, (*said, *softened((refused,), wish.when, self._source))
        return planned, said

    def _planned(self, wish: Wish) -> tuple[PlannedFile, tuple[Problem, ...]]:
        seen = wish.seen
        if wish.delete is not None:
            return _deleted(wish), ()
        outcome = self._outcome(wish)
        kept = _kept(seen, wish.when.line, outcome.stays)
        if outcome.part is None and not wish.edits:
            return kept, outcome.problems
        base = seen.content if outcome.part is None else outcome.part.content
        edited = edits_of(wish.edits, base, seen, self._source) if wish.edits else Edited()
        problems = (*outcome.problems, *edited.problems)
        if outcome.part is not None:
            return _placed(wish, outcome.part, edited), problems
        if edited.content is None:
            reason = edited.reason or "no edit is left"
            return replace(kept, reason=reason), problems
        return _edited(seen, wish.when.line, edited), problems

    def _outcome(self, wish: Wish) -> _Outcome:
        """What `overwrite` says."""
        if wish.placement is None:
            return _Outcome()
        entry, part, seen = wish.placement.entry, self._parts[wish.placement.source], wish.seen
        if seen.kind is not Kind.FILE:
            if entry.overwrite is Overwrite.ONLY_IF_EXISTS:
                return _Outcome(stays="it is not there, and overwrite is onlyIfExists")
            return _Outcome(part)
        if seen.sha256 == part.sha256:
            return _Outcome(part)
        if entry.overwrite is Overwrite.NEVER:
            return _Outcome(stays="it is there, and overwrite is never")
        if entry.overwrite is Overwrite.NEWER:
            return self._newer(entry, part, seen)
        return _Outcome(part)

    def _newer(self, entry: FileEntry, part: Part, seen: Seen) -> _Outcome:
        new = part.version or entry.version
        if is_newer(new, seen.version) or (parse_version(new) is None and parse_version(seen.version) is None):
            return _Outcome(part)
        stays = f"version {seen.version} is there, and overwrite is newer ({new or 'the new one has no version'})"
        if not is_same(new, seen.version):
            return _Outcome(stays=stays)
        said = f"{seen.path} is another file of the same version {seen.version}, and stays, because overwrite is newer"
        hint = 'see which one is right: a rebuilt file needs a higher version, or overwrite="always"'
        return _Outcome(stays=stays, problems=(warning("same-version", said, hint).at(self._source, entry.when.line),))


def _obstacles(seen: Seen) -> Iterator[Problem]:
    """Why a file cannot be there at all."""
    if seen.folder.blocked:
        yield _in_the_way(seen.folder.blocked, "is not a folder")
    elif seen.folder.volume is None:
        said = f"there is no folder above {seen.path}"
        yield error("no-such-volume", said, "connect or mount the disk it lies on, or correct the path")
    elif seen.kind is Kind.FOLDER:
        yield _in_the_way(seen.path, "is a folder where a file is meant")
    elif seen.kind is Kind.LINK:
        yield _in_the_way(seen.path, "is a link, and what it leads to would be changed")
    elif seen.problems:
        yield from seen.problems
    elif seen.kind is Kind.OTHER:
        yield _in_the_way(seen.path, "is not a regular file")
    elif seen.kind is Kind.FILE and seen.sha256 is None:
        yield error("cannot-read", f"{seen.path} is gone since it was looked at", "run the same command again")


def _in_the_way(path: str, said: str) -> Problem:
    return error("in-the-way", f"{path} {said}", "move it away, or correct the path")


def _only_if_there(wish: Wish) -> bool:
    """Whether nothing is to be done where the file is missing."""
    placement = wish.placement
    return wish.delete is not None or (
        placement is not None and placement.entry.overwrite is Overwrite.ONLY_IF_EXISTS and not wish.edits
    )


def _draft(action: FileAction, seen: Seen, after: Sha256 | None, size: int, line: int | None) -> PlannedFile:
    """A file whose place below a root is not known yet."""
    return PlannedFile(action, 0, RelPath.BASE, seen.path, seen.sha256, after, size, line=line)


def _kept(seen: Seen, line: int | None, reason: str) -> PlannedFile:
    return replace(_draft(FileAction.KEEP, seen, seen.sha256, seen.size, line), reason=reason)


def _deleted(wish: Wish) -> PlannedFile:
    seen, line = wish.seen, wish.when.line
    if seen.kind is Kind.NOTHING:
        return _kept(seen, line, "it is not there")
    return _draft(FileAction.DELETE, seen, None, 0, line)


def _placed(wish: Wish, part: Part, edited: Edited) -> PlannedFile:
    """A file of the package, and what the edits of the same hotfix make of it."""
    assert wish.placement is not None
    seen, entry = wish.seen, wish.placement.entry
    sha256, size, source, content = part.sha256, part.size, wish.placement.source, None
    if edited.content is not None and edited.content != part.content:
        sha256, size, content = sha256_of_bytes(edited.content), len(edited.content), edited.content
    right = seen.sha256 == sha256
    action = FileAction.CREATE if seen.sha256 is None else FileAction.REPLACE
    return replace(
        _draft(FileAction.KEEP if right else action, seen, sha256, size, entry.when.line),
        source=source if content is None else None,
        content=content,
        in_use=entry.in_use,
        backup=entry.backup,
        reason=RIGHT if right else "",
    )


def _edited(seen: Seen, line: int | None, edited: Edited) -> PlannedFile:
    assert edited.content is not None
    sha256 = sha256_of_bytes(edited.content)
    right = seen.sha256 == sha256
    action = FileAction.CREATE if seen.sha256 is None else FileAction.EDIT
    return replace(
        _draft(FileAction.KEEP if right else action, seen, sha256, len(edited.content), line),
        content=None if right else edited.content,
        reason=RIGHT if right else "",
        edits=edited.entries,
    )


def _waiting(files: Iterable[PlannedFile], facts: Facts, source: str) -> Iterator[Problem]:
    """Files that get what an earlier hotfix brought at the next restart only."""
    changed = {fold(one.path): one for one in files if one.action is not FileAction.KEEP}
    for known in facts.history:
        for path in known.record.waiting:
            if fold(path) in changed:
                said = f"{path} gets what {known.record.label} brought at the next restart"
                line = changed[fold(path)].line
                yield error("restart-pending", said, "restart first", file=source, line=line)


def _over_later(files: Iterable[PlannedFile], situation: Situation, source: str) -> Iterator[Problem]:
    """A reinstallation writes over what was installed later, which is worth saying."""
    own = situation.own
    if own is None:
        return
    changed = {fold(one.path) for one in files if one.action in (FileAction.REPLACE, FileAction.DELETE)}
    for known in situation.facts.history:
        later = known.record
        covered = sorted(one.path for one in later.files if one.key in changed)
        if later.sequence > own.sequence and covered:
            said = f"{later.label} was installed later, and {len(covered)} of its files are written over: {covered[0]}"
            yield warning("replaces-later", said, f"apply {later.id} again afterwards", file=source)
