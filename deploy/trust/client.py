"""The client's side of trust: refresh what is believed from a repository, look a target up, check its bytes.

Everything that is accepted is kept before it is used, so that a kill at any moment leaves a state from
which the next refresh goes on, and never one that believes something older.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile, Targets

from deploy.errors import SourceError, TrustError, error
from deploy.trust.rules import (
    MOST_ROTATIONS,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Found,
    Trusted,
    cap,
    walk,
)
from deploy.trust.state import TrustState

NO_MORE_ROOTS = frozenset({"not-found", "access-denied"})


class MetadataSource(Protocol):
    """Where metadata comes from."""

    def metadata(self, name: str, most: int) -> bytes:
        """The file `name` of the repository's metadata, at most so many bytes; raises `SourceError`."""
        ...


class TrustClient:
    """One client of one repository; `state` has a root to start from."""

    def __init__(self, state: TrustState, source: MetadataSource, now: datetime) -> None:
        """Read what is kept. Raises `TrustError` (no-root, bad-signature, bad-metadata), `TargetError`."""
        self._state = state
        self._source = source
        self._now = now
        self.trusted = self._kept()

    def refresh(self) -> None:
        """Bring roots, timestamp, snapshot and top-level targets up to date (TUF specification 5.3 to 5.6).

        Raises `TrustError`: expired-metadata, rolled-back, bad-signature, bad-metadata; `SourceError` where
        the repository cannot be had; `TargetError` where nothing can be kept, or another program
        is about it for long (busy).
        """
        with self._state.alone():
            # Another may have come further since.
            self.trusted = self._kept()
            self._refresh_root()
            self._refresh_timestamp()
            self._refresh_snapshot()
            self._targets_of(TARGETS, ROOT)
            self._state.keep_floor(self.trusted.floor)

    def find(self, path: str) -> Found | None:
        """The target with this path and the role that vouches for it; None if no role names it. Raises as `refresh`."""
        return walk(path, self._targets_of)

    def _kept(self) -> Trusted:
        root = self._state.metadata(ROOT)
        if root is None:
            hint = "give the root.json that came with the client, or its digest"
            raise TrustError(error("no-root", f"{self._state.folder} holds no root to start from", hint))
        return Trusted(root, self._now, self._state.floor())

    def _refresh_root(self) -> None:
        for _ in range(MOST_ROTATIONS):
            try:
                data = self._source.metadata(f"{self.trusted.root.version + 1}.{ROOT}.json", cap(ROOT))
            except SourceError as wrong:
                if wrong.code not in NO_MORE_ROOTS:
                    raise
                break
            self.trusted.accept_root(data)
            self._state.keep(ROOT, data)
        self.trusted.require_current_root()

    def _refresh_timestamp(self) -> None:
        kept = self._state.metadata(TIMESTAMP)
        if kept is not None:
            self._try(lambda: self.trusted.accept_timestamp(kept))
        data = self._source.metadata(f"{TIMESTAMP}.json", cap(TIMESTAMP))
        new = self.trusted.accept_timestamp(data)
        self.trusted.require_current_timestamp()
        if new:
            self._state.keep(TIMESTAMP, data)
            self._state.keep_floor(self.trusted.floor)

    def _refresh_snapshot(self) -> None:
        kept = self._state.metadata(SNAPSHOT)
        if kept is not None and self._try(lambda: self._final_snapshot(kept)):
            return
        meta = self.trusted.require_current_timestamp().snapshot_meta
        data = self._versioned(SNAPSHOT, meta.version, meta.length)
        self.trusted.accept_snapshot(data)
        self.trusted.require_final_snapshot()
        self._state.keep(SNAPSHOT, data)

    def _final_snapshot(self, kept: bytes) -> None:
        self.trusted.accept_snapshot(kept, stored=True)
        self.trusted.require_final_snapshot()

    def _targets_of(self, role: str, delegator: str) -> Targets:
        if self.trusted.holds(role, delegator):
            return self.trusted.targets[role]
        kept = self._state.metadata(role)
        if kept is not None and self._try(lambda: self.trusted.accept_targets(kept, role, delegator)):
            return self.trusted.targets[role]
        meta = self.trusted.require_final_snapshot().meta.get(f"{role}.json")
        if meta is None:
            raise TrustError(error("bad-metadata", f"{role}: the snapshot does not name it", _HINT))
        data = self._versioned(role, meta.version, meta.length)
        targets = self.trusted.accept_targets(data, role, delegator)
        self._state.keep(role, data)
        return targets

    def _versioned(self, role: str, version: int, length: int | None) -> bytes:
        name = f"{quote(role, safe='')}.json"
        if self.trusted.root.consistent_snapshot:
            name = f"{version}.{name}"
        return self._source.metadata(name, min(length or cap(role), cap(role)))

    def _try(self, accept: _Accept) -> bool:
        """Whether what was kept still holds; if not, it is fetched anew."""
        try:
            accept()
        except TrustError:
            return False
        return True


class _Accept(Protocol):
    def __call__(self) -> object: ...


_HINT = "the repository contradicts itself; whoever publishes there has to publish again"


def target_address(path: str, target: TargetFile, *, hashed: bool) -> str:
    """Where the bytes of a target lie below the base of the targets (5.7.3); `hashed` for consistent snapshots."""
    folder, slash, name = path.rpartition("/")
    if hashed:
        name = f"{next(iter(target.hashes.values()))}.{name}"
    return quote(f"{folder}{slash}{name}")


def verify_target(path: str, target: TargetFile, data: bytes) -> None:
    """Raise `TrustError` (digest-mismatch) unless these are the bytes that were signed."""
    try:
        target.verify_length_and_hashes(data)
    except LengthOrHashMismatchError as wrong:
        hint = "nothing was installed from it; try again, and tell whoever runs the server if it stays"
        raise TrustError(error("digest-mismatch", f"{path}: {wrong}", hint)) from wrong
