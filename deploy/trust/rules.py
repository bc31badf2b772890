"""The client workflow of The Update Framework as rules: bytes and a time in, decisions out. Pure.

Source: the TUF specification 1.0.33, section 5 (detailed client workflow). Signatures, thresholds,
hashes and forms are checked by `tuf.api`; in which order, against what, and what counts as older is
decided here. Nothing is read or fetched: the caller hands in what it has stored and what it was sent,
and keeps what was accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, T, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from deploy.errors import TrustError, error

ROOT = "root"
TIMESTAMP = "timestamp"
SNAPSHOT = "snapshot"
TARGETS = "targets"
MOST_ROTATIONS = 256
MOST_DELEGATIONS = 32
ISSUED = "x-micce-issued"
"""A field of our own metadata: when it was signed. The latest one seen is a floor for the clock."""
AHEAD = timedelta(days=3)
"""How far ahead of the time that counts a server may sign for its time to be taken as a floor.

Less than a timestamp lives, so that what is signed after a server's clock was put right is not past already.
"""

CAPS: Mapping[str, int] = {ROOT: 512_000, TIMESTAMP: 16_384, SNAPSHOT: 2_000_000, TARGETS: 32 * 1024 * 1024}
"""The most bytes a file of a role may have; delegated roles count as targets."""


def cap(role: str) -> int:
    """The most bytes the metadata of a role may have."""
    return CAPS.get(role, CAPS[TARGETS])


@dataclass(frozen=True, slots=True)
class Floor:
    """The versions below which nothing is believed again, and the latest time that was signed.

    They hold as long as `keys` (the key ids of timestamp and snapshot) are those of the root: after a
    rotation versions and times may start anew (section 5.3.11, recovery from fast-forward attacks).
    """

    keys: tuple[str, ...] = ()
    timestamp: int = 0
    snapshot: int = 0
    roles: Mapping[str, int] = field(default_factory=dict)
    issued: datetime | None = None


class Trusted:
    """What is believed so far. Each `accept_...` verifies one file completely or raises `TrustError` and changes
    nothing.

    `now` is UTC; with a floor that was signed later, that time counts: a clock set back revives nothing.
    """

    def __init__(self, root: bytes, now: datetime, floor: Floor | None = None) -> None:
        """Start from a root that is trusted as it is: it has to be signed by itself only."""
        metadata = _parsed(Root, root, ROOT)
        _believing(ROOT, lambda: metadata.signed.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures))
        self.root = metadata.signed
        self.timestamp: Timestamp | None = None
        self.snapshot: Snapshot | None = None
        self.targets: dict[str, Targets] = {}
        self._verified: set[tuple[str, str]] = set()
        self._floor = floor or Floor()
        self._now = now

    @property
    def now(self) -> datetime:
        """The time that counts: the clock's, or the latest that was signed."""
        issued = self._floor_now().issued
        return self._now if issued is None else max(self._now, issued)

    @property
    def floor(self) -> Floor:
        """The floor that everything accepted so far makes."""
        before = self._floor_now()
        # Not the word of roles with targets: a customer's key could stop that customer's clients for ever. And not
        # that of a server whose clock is far ahead, which would stop them until that time comes.
        found = [one for one in (self.root, self.timestamp, self.snapshot) if one is not None]
        signed = [time for time in map(issued_at, found) if time is not None and time <= self.now + AHEAD]
        times = [*signed] if before.issued is None else [before.issued, *signed]
        snapshot = self.snapshot if self._is_final(self.snapshot) else None
        return Floor(
            keys=self._keys(),
            timestamp=max(before.timestamp, self.timestamp.version if self.timestamp else 0),
            snapshot=max(before.snapshot, self.timestamp.snapshot_meta.version if self.timestamp else 0),
            roles=before.roles if snapshot is None else {name: one.version for name, one in snapshot.meta.items()},
            issued=max(times, default=None),
        )

    def accept_root(self, data: bytes) -> None:
        """The root of the next version, signed by the keys of the one before and by its own (5.3.4, 5.3.5)."""
        metadata = self._verified_by(self.root, Root, data, ROOT)
        new = metadata.signed
        if new.version != self.root.version + 1:
            raise _wrong("rolled-back", ROOT, f"version {self.root.version + 1} was due, not {new.version}")
        _believing(ROOT, lambda: new.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures))
        self.root = new

    def require_current_root(self) -> None:
        """Raise if the last root has expired (5.3.10)."""
        self._require_current(self.root, ROOT)

    def accept_timestamp(self, data: bytes) -> bool:
        """A timestamp, expired or not; False if it is the version that is known, which then stays (5.4)."""
        new = self._verified_by(self.root, Timestamp, data, TIMESTAMP).signed
        floor = self._floor_now()
        known = self.timestamp
        if known is not None and new.version == known.version:
            return False
        least = max(floor.timestamp, known.version if known else 0)
        if new.version < least:
            raise _wrong("rolled-back", TIMESTAMP, f"version {least} was seen before, and this is {new.version}")
        least = max(floor.snapshot, known.snapshot_meta.version if known else 0)
        if new.snapshot_meta.version < least:
            said = f"it names version {new.snapshot_meta.version} of the snapshot, and {least} was seen before"
            raise _wrong("rolled-back", TIMESTAMP, said)
        self.timestamp = new
        return True

    def require_current_timestamp(self) -> Timestamp:
        """The timestamp; raises if there is none or it has expired."""
        if self.timestamp is None:
            raise _wrong("bad-metadata", TIMESTAMP, "it is not there")
        self._require_current(self.timestamp, TIMESTAMP)
        return self.timestamp

    def accept_snapshot(self, data: bytes, *, stored: bool = False) -> None:
        """A snapshot (5.5). One that was `stored` was compared with its timestamp when it came."""
        timestamp = self.require_current_timestamp()
        if not stored:
            _believing(SNAPSHOT, lambda: timestamp.snapshot_meta.verify_length_and_hashes(data))
        new = self._verified_by(self.root, Snapshot, data, SNAPSHOT).signed
        known = {name: one.version for name, one in self.snapshot.meta.items()} if self.snapshot else {}
        for name, version in {**self._floor_now().roles, **known}.items():
            found = new.meta.get(name)
            if found is None:
                raise _wrong("rolled-back", SNAPSHOT, f"{name} is no longer in it")
            if found.version < version:
                said = f"it names version {found.version} of {name}, and {version} was seen before"
                raise _wrong("rolled-back", SNAPSHOT, said)
        self.snapshot = new

    def require_final_snapshot(self) -> Snapshot:
        """The snapshot the timestamp names, not expired; raises otherwise."""
        timestamp, snapshot = self.require_current_timestamp(), self.snapshot
        if snapshot is None:
            raise _wrong("bad-metadata", SNAPSHOT, "it is not there")
        self._require_current(snapshot, SNAPSHOT)
        if snapshot.version != timestamp.snapshot_meta.version:
            said = f"version {timestamp.snapshot_meta.version} was announced, not {snapshot.version}"
            raise _wrong("rolled-back", SNAPSHOT, said)
        return snapshot

    def accept_targets(self, data: bytes, role: str = TARGETS, delegator: str = ROOT) -> Targets:
        """The metadata of a role with targets, as its delegator and the snapshot have it (5.6)."""
        snapshot = self.require_final_snapshot()
        meta = snapshot.meta.get(f"{role}.json")
        if meta is None:
            raise _wrong("bad-metadata", role, "the snapshot does not name it")
        _believing(role, lambda: meta.verify_length_and_hashes(data))
        above = self.root if delegator == ROOT else self.targets[delegator]
        new = self._verified_by(above, Targets, data, role).signed
        if new.version != meta.version:
            raise _wrong("rolled-back", role, f"version {meta.version} was announced, not {new.version}")
        self._require_current(new, role)
        self.targets[role] = new
        self._verified.add((role, delegator))
        return new

    def holds(self, role: str, delegator: str) -> bool:
        """Whether a role was accepted for this delegator."""
        return (role, delegator) in self._verified

    def _floor_now(self) -> Floor:
        return self._floor if self._floor.keys == self._keys() else Floor()

    def _keys(self) -> tuple[str, ...]:
        roles = self.root.roles
        return tuple(sorted((*roles[TIMESTAMP].keyids, *roles[SNAPSHOT].keyids)))

    def _is_final(self, snapshot: Snapshot | None) -> bool:
        return (
            snapshot is not None
            and self.timestamp is not None
            and snapshot.version == self.timestamp.snapshot_meta.version
        )

    def _require_current(self, signed: Signed, role: str) -> None:
        if signed.is_expired(self.now):
            said = f"what {role} said held until {signed.expires:%Y-%m-%d %H:%M} UTC"
            hint = "the server has to sign anew; look whether it runs, and whether this computer's clock is right"
            raise TrustError(error("expired-metadata", said, hint))

    def _verified_by(self, above: Root | Targets, kind: type[T], data: bytes, role: str) -> Metadata[T]:
        metadata = _parsed(kind, data, role)
        _believing(role, lambda: above.verify_delegate(role, metadata.signed_bytes, metadata.signatures))
        return metadata


@dataclass(frozen=True, slots=True)
class Found:
    """A target and the role whose word is taken for it."""

    role: str
    target: TargetFile


def issued_at(signed: Signed) -> datetime | None:
    """When metadata of our own was signed; None for others'."""
    text = signed.unrecognized_fields.get(ISSUED)
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def walk(path: str, targets_of: Callable[[str, str], Targets]) -> Found | None:
    """Look a target up through the delegations, the most trusted first (5.6.7).

    `targets_of` gives the accepted metadata of a role under a delegator, and raises what it raises.
    """
    waiting = [(TARGETS, ROOT)]
    visited: set[str] = set()
    while waiting and len(visited) <= MOST_DELEGATIONS:
        role, delegator = waiting.pop()
        if role in visited:
            continue
        targets = targets_of(role, delegator)
        if path in targets.targets:
            return Found(role, targets.targets[path])
        visited.add(role)
        children = list(_children(targets, path))
        if any(terminating for _, terminating in children):
            waiting.clear()
        waiting += [(name, role) for name, _ in reversed(children)]
    return None


def _children(targets: Targets, path: str) -> Iterator[tuple[str, bool]]:
    """The roles a path is delegated to, in order, to the first that lets no other speak after it."""
    if targets.delegations is None:
        return
    for name, terminating in targets.delegations.get_roles_for_target(path):
        yield name, terminating
        if terminating:
            return


def _parsed(kind: type[T], data: bytes, role: str) -> Metadata[T]:
    if len(data) > cap(role):
        raise _wrong("bad-metadata", role, f"it has more than {cap(role)} bytes")
    try:
        metadata: Metadata[T] = Metadata.from_bytes(data)
    except (DeserializationError, RecursionError) as wrong:
        raise _wrong("bad-metadata", role, "it cannot be read") from wrong
    if not isinstance(metadata.signed, kind):
        raise _wrong("bad-metadata", role, f"it is of the type {metadata.signed.type}")
    return metadata


def _believing(role: str, verify: Callable[[], None]) -> None:
    try:
        verify()
    except (RepositoryError, ValueError) as wrong:
        raise _wrong("bad-signature", role, str(wrong)) from wrong


def _wrong(code: str, role: str, said: str) -> TrustError:
    hint = "nothing was installed from it; look who answers at this address, and what the server signed last"
    return TrustError(error(code, f"{role}: {said}", hint))
