"""The signing side: metadata that says what is published, written so that every reader finds a whole of it.

    metadata/<n>.root.json      metadata/<n>.snapshot.json      metadata/<n>.<role>.json
    metadata/timestamp.json

Versions never change once they are named; the timestamp names them and is replaced last. Roles:

- `root` says who the others are; its keys belong offline (`promote`).
- `targets` delegates and holds nothing itself.
- `releases` (`releases/*`) and `hotfixes` (`hotfixes/*`) alone may bring programs and commands.
- `customer-<id>` (`customers/<id>/*`) has a key of its own for each customer.
- `snapshot` and `timestamp` are signed by the server whenever something changes, and when they grow old.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from deploy.atomic import write_atomic
from deploy.digest import Sha256
from deploy.disk import target_error
from deploy.errors import TargetError, TrustError, error
from deploy.trust.keys import KeyFolder
from deploy.trust.rules import ISSUED, ROOT, SNAPSHOT, TARGETS, TIMESTAMP

METADATA = "metadata"
RELEASES = "releases"
HOTFIXES = "hotfixes"
CUSTOMER = "customer-"
READABLE = 0o644

LIFETIMES: Mapping[str, timedelta] = {
    ROOT: timedelta(days=5 * 365),
    TARGETS: timedelta(days=2 * 365),
    SNAPSHOT: timedelta(days=60),
    TIMESTAMP: timedelta(days=7),
}
"""How long what a role signs holds; a delegated role counts as targets. Renewed after a seventh of it."""
RENEWED_AFTER = 7

Checkpoint = Callable[[str], None]
_ROOT_FILE = re.compile(r"([1-9][0-9]{0,8})\.root\.json")


@dataclass(frozen=True, slots=True)
class Content:
    """What is promised of one target: `size` in bytes."""

    size: int
    sha256: Sha256


def customer_role(id: str) -> str:
    """The role that signs for a customer."""
    return f"{CUSTOMER}{id.casefold()}"


def paths_of(role: str) -> list[str]:
    """The patterns of the targets a delegated role may sign; `*` stands for no slash."""
    if role.startswith(CUSTOMER):
        return [f"customers/{role.removeprefix(CUSTOMER)}/*"]
    return ["releases/*", "releases/*/*"] if role == RELEASES else [f"{role}/*"]


def _pass_by(_: str) -> None:
    return


class SigningRepository:
    """The metadata in one folder and the keys that sign it. One writer at a time: that is up to who calls."""

    def __init__(
        self, folder: Path, keys: KeyFolder, now: Callable[[], datetime], checkpoint: Checkpoint = _pass_by
    ) -> None:
        self.folder = folder
        self.keys = keys
        self._now = now
        self._reached = checkpoint

    @property
    def exists(self) -> bool:
        """Whether it was begun."""
        return (self.folder / f"{TIMESTAMP}.json").exists()

    def begin(self) -> None:
        """Make keys and sign a repository that holds nothing yet; nothing happens where there is one."""
        if self.exists:
            return
        root = Root(consistent_snapshot=True)
        for role in (ROOT, TARGETS, SNAPSHOT, TIMESTAMP):
            root.add_key(self.keys.create().key, role)
        targets = Targets(delegations=Delegations({}, {}))
        for role in (RELEASES, HOTFIXES):
            self._delegate(targets, role)
        self._write_root(root, self._signers(root, ROOT))
        self._write(targets, TARGETS, self._signers(root, TARGETS))
        meta = {f"{TARGETS}.json": MetaFile(1)}
        for role in (RELEASES, HOTFIXES):
            self._write(Targets(), role, self._signers(targets, role))
            meta[f"{role}.json"] = MetaFile(1)
        self._write_snapshot(root, Snapshot(meta=meta))

    def root(self) -> Root:
        """The newest root; raises `TrustError` (no-root, bad-metadata)."""
        return self._root().signed

    def root_bytes(self, version: int | None = None) -> bytes:
        """A root as it is published, the newest if none is named."""
        return self._read(f"{version or self._newest_root()}.{ROOT}.json")

    def promised(self, role: str) -> dict[str, Content]:
        """What a role promises now, by path; nothing for a role there is not. Raises as `root`."""
        snapshot = self._snapshot()
        if f"{role}.json" not in snapshot.meta:
            return {}
        targets = self._targets(snapshot, role).targets
        return {path: Content(one.length, Sha256(one.hashes["sha256"])) for path, one in targets.items()}

    def roles(self) -> frozenset[str]:
        """The roles that promise something or once did."""
        return frozenset(name.removesuffix(".json") for name in self._snapshot().meta) - {TARGETS}

    def publish(self, wanted: Mapping[str, Mapping[str, Content]]) -> bool:
        """Have these roles promise exactly these targets; other roles stay. Returns whether anything changed.

        A customer's role that is new gets a key. Raises `TrustError`, `TargetError` (no-key where a key is
        kept elsewhere, cannot-write, disk-full).
        """
        root = self.root()
        snapshot = self._snapshot()
        targets = self._targets(snapshot, TARGETS)
        changed: dict[str, Targets] = {}
        unknown = [role for role in wanted if f"{role}.json" not in snapshot.meta]
        if unknown:
            for role in unknown:
                self._delegate(targets, role)
            changed[TARGETS] = _next(targets)
        for role, contents in wanted.items():
            signed = Targets() if role in unknown else self._targets(snapshot, role)
            promised = {path: _target(path, content) for path, content in contents.items()}
            if role in unknown or signed.targets != promised:
                signed.targets = promised
                changed[role] = signed if role in unknown else _next(signed)
        if not changed:
            return False
        self._commit(root, targets, snapshot, changed)
        return True

    def renew(self) -> bool:
        """Sign anew what has lived a part of its time and whose keys are here; whether there was any.

        Signatures by keys that are kept elsewhere are left alone: see `status`.
        """
        root, snapshot = self.root(), self._snapshot()
        targets = self._targets(snapshot, TARGETS)
        changed: dict[str, Targets] = {}
        for name in snapshot.meta:
            role = name.removesuffix(".json")
            signed = targets if role == TARGETS else self._targets(snapshot, role)
            above: Root | Targets = root if role == TARGETS else targets
            if self._is_due(signed, role) and self._can_sign(above, role):
                changed[role] = _next(signed)
        if changed or self._is_due(snapshot, SNAPSHOT):
            self._commit(root, targets, snapshot, changed)
            return True
        timestamp = self._load(Timestamp, f"{TIMESTAMP}.json").signed
        if self._is_due(timestamp, TIMESTAMP):
            self._write_timestamp(root, _next(timestamp))
            return True
        return False

    def replace_root(self, change: Callable[[Root], None], signers: Sequence[Signer] = ()) -> Root:
        """Publish the next root: changed, signed by the old root's keys that are here, by `signers`, and by its own.

        Raises `TrustError` (bad-signature) where either threshold is not met, with nothing published.
        """
        before = self._root().signed
        after = self._root().signed
        change(after)
        after.version = before.version + 1
        metadata = self._dated(after, ROOT)
        known = {one.public_key.keyid: one for one in signers}
        for id in {*before.roles[ROOT].keyids, *after.roles[ROOT].keyids}:
            if id not in known and id in self.keys.ids():
                known[id] = self.keys.signer(id)
        for signer in known.values():
            metadata.sign(signer, append=True)
        for root, which in ((before, "old"), (after, "new")):
            found = root.get_verification_result(ROOT, metadata.signed_bytes, metadata.signatures)
            if not found:
                said = f"the new root lacks {found.missing} signatures of the {which} root's keys"
                raise TrustError(error("bad-signature", said, "give the private keys of as many as are needed"))
        self._put(f"{after.version}.{ROOT}.json", metadata.to_bytes())
        # Whatever is signed by keys that the new root no longer names has to be signed anew.
        self._commit(after, self._targets(self._snapshot(), TARGETS), self._snapshot(), {})
        return after

    def _commit(self, root: Root, targets: Targets, snapshot: Snapshot, changed: Mapping[str, Targets]) -> None:
        for role, signed in changed.items():
            above: Root | Targets = root if role == TARGETS else targets
            self._write(signed, role, self._signers(above, role))
            snapshot.meta[f"{role}.json"] = MetaFile(signed.version)
        self._reached("targets")
        self._write_snapshot(root, _next(snapshot))

    def _write_snapshot(self, root: Root, snapshot: Snapshot) -> None:
        self._write(snapshot, SNAPSHOT, self._signers(root, SNAPSHOT))
        self._reached("snapshot")
        timestamp = _next(self._load(Timestamp, f"{TIMESTAMP}.json").signed) if self.exists else Timestamp()
        timestamp.snapshot_meta = MetaFile(snapshot.version)
        self._write_timestamp(root, timestamp)
        self._reached("timestamp")

    def _write_timestamp(self, root: Root, timestamp: Timestamp) -> None:
        metadata = self._signed(timestamp, TIMESTAMP, self._signers(root, TIMESTAMP))
        self._put(f"{TIMESTAMP}.json", metadata.to_bytes())

    def _write_root(self, root: Root, signers: Iterable[Signer]) -> None:
        self._put(f"{root.version}.{ROOT}.json", self._signed(root, ROOT, signers).to_bytes())

    def _write(self, signed: Targets | Snapshot, role: str, signers: Iterable[Signer]) -> None:
        name = f"{signed.version}.{quote(role, safe='')}.json"
        self._put(name, self._signed(signed, role, signers).to_bytes())

    def _signed(self, signed: Signed, role: str, signers: Iterable[Signer]) -> Metadata[Any]:
        metadata = self._dated(signed, role)
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata

    def _dated(self, signed: Signed, role: str) -> Metadata[Any]:
        now = self._now().astimezone(UTC).replace(microsecond=0)
        signed.expires = now + LIFETIMES.get(role, LIFETIMES[TARGETS])
        signed.unrecognized_fields[ISSUED] = now.isoformat()
        return Metadata(signed)

    def _is_due(self, signed: Signed, role: str) -> bool:
        life = LIFETIMES.get(role, LIFETIMES[TARGETS])
        return self._now() >= signed.expires - life + life / RENEWED_AFTER

    def _delegate(self, targets: Targets, role: str) -> None:
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        targets.delegations.roles[role] = DelegatedRole(role, [], 1, True, paths_of(role))
        targets.add_key(self.keys.create().key, role)

    def _can_sign(self, above: Root | Targets, role: str) -> bool:
        needed = above.get_delegated_role(role)
        return len(set(needed.keyids) & self.keys.ids()) >= needed.threshold

    def _signers(self, above: Root | Targets, role: str) -> list[Signer]:
        needed = above.get_delegated_role(role)
        here = [id for id in needed.keyids if id in self.keys.ids()]
        if len(here) < needed.threshold:
            said = f"{role} takes {needed.threshold} signatures, and {len(here)} of its keys are here"
            raise TargetError(error("no-key", said, "sign where the keys are kept: micce-deploy trust status"))
        return [self.keys.signer(id) for id in here[: needed.threshold]]

    def _newest_root(self) -> int:
        names = [one.name for one in self.folder.iterdir()] if self.folder.is_dir() else []
        versions = [int(match[1]) for match in map(_ROOT_FILE.fullmatch, names) if match]
        if not versions:
            hint = "publish once, or bring the folder back from a backup"
            raise TrustError(error("no-root", f"{self.folder} holds no root", hint))
        return max(versions)

    def _root(self) -> Metadata[Root]:
        return self._load(Root, f"{self._newest_root()}.{ROOT}.json")

    def _snapshot(self) -> Snapshot:
        timestamp = self._load(Timestamp, f"{TIMESTAMP}.json").signed
        found: Snapshot = self._load(Snapshot, f"{timestamp.snapshot_meta.version}.{SNAPSHOT}.json").signed
        return found

    def _targets(self, snapshot: Snapshot, role: str) -> Targets:
        version = snapshot.meta[f"{role}.json"].version
        found: Targets = self._load(Targets, f"{version}.{quote(role, safe='')}.json").signed
        return found

    def _load(self, kind: type[Any], name: str) -> Metadata[Any]:
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(self._read(name))
        except DeserializationError as wrong:
            raise _damaged(self.folder / name) from wrong
        if not isinstance(metadata.signed, kind):
            raise _damaged(self.folder / name)
        return metadata

    def _read(self, name: str) -> bytes:
        path = self.folder / name
        try:
            return path.read_bytes()
        except OSError as wrong:
            said = f"{path}: {wrong.strerror}"
            raise TargetError(error("cannot-read", said, "bring it back from a backup", file=str(path))) from wrong

    def _put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomic(path, data, mode=READABLE)
        except OSError as wrong:
            raise target_error(wrong, path) from wrong


def public_keys(root: Root, role: str) -> list[Key]:
    """The keys a root names for a role."""
    return [root.keys[id] for id in root.roles[role].keyids]


def _next(signed: Any) -> Any:
    signed.version += 1
    return signed


def _target(path: str, content: Content) -> TargetFile:
    return TargetFile(content.size, {"sha256": content.sha256}, path)


def _damaged(path: Path) -> TrustError:
    hint = "bring it back from a backup; clients go on with what they have"
    return TrustError(error("bad-metadata", f"{path} cannot be read", hint, file=str(path)))
