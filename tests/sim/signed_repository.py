"""A repository of signed metadata in memory, every part of which a test may falsify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from securesystemslib.signer import CryptoSigner
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

from deploy.errors import SourceError, error

TOP = ("root", "timestamp", "snapshot", "targets")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class SignedRepository:
    """What is signed, by whom, and the files that are served. `asked` are the names of requests, in order."""

    now: datetime = NOW
    signed: dict[str, Any] = field(default_factory=dict)
    signers: dict[str, list[CryptoSigner]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        expires = self.now + timedelta(days=30)
        root = Root(expires=expires, consistent_snapshot=True)
        self.signed = {
            "root": root,
            "timestamp": Timestamp(expires=expires),
            "snapshot": Snapshot(expires=expires),
            "targets": Targets(expires=expires),
        }
        for role in TOP:
            self.signers[role] = []
            self.add_key(role)
        self.publish_root()
        self.publish("targets")

    @property
    def first_root(self) -> bytes:
        return self.files["1.root.json"]

    def add_key(self, role: str, above: str = "root") -> CryptoSigner:
        """One more key for a role."""
        signer = CryptoSigner.generate_ed25519()
        self.signers.setdefault(role, []).append(signer)
        self.signed[above].add_key(signer.public_key, role)
        return signer

    def rotate(self, role: str) -> list[CryptoSigner]:
        """Another key in place of all that a top-level role had; returns the old ones."""
        old = self.signers[role]
        for one in old:
            self.signed["root"].revoke_key(one.public_key.keyid, role)
        self.signers[role] = []
        self.add_key(role)
        return old

    def delegate(self, role: str, paths: list[str], above: str = "targets", *, terminating: bool = False) -> Targets:
        """A role for paths; published with `publish(role, above)`."""
        parent = self.signed[above]
        if parent.delegations is None:
            parent.delegations = Delegations({}, {})
        parent.delegations.roles[role] = DelegatedRole(role, [], 1, terminating, paths)
        self.add_key(role, above)
        self.signed[role] = Targets(version=0 + 1, expires=self.now + timedelta(days=30))
        return self.signed[role]  # type: ignore[no-any-return]

    def add_target(self, role: str, path: str, data: bytes) -> None:
        """Promise a file."""
        digest = sha256(data).hexdigest()
        self.signed[role].targets[path] = TargetFile(len(data), {"sha256": digest}, path)

    def publish_root(self, *also: CryptoSigner) -> None:
        """Serve the root under its version."""
        root = self.signed["root"]
        self.files[f"{root.version}.root.json"] = self.bytes_of(root, *self.signers["root"], *also)

    def next_root(self, change: Callable[[Root], None] = lambda root: None, *also: CryptoSigner) -> None:
        """Serve another root, signed by its keys and by `also`."""
        self.signed["root"].version += 1
        change(self.signed["root"])
        self.publish_root(*also)

    def publish(self, *roles: str, raise_versions: bool = True) -> None:
        """Serve these roles with targets, and a snapshot and a timestamp that name them."""
        snapshot, timestamp = self.signed["snapshot"], self.signed["timestamp"]
        for role in roles:
            signed = self.signed[role]
            if raise_versions and f"{role}.json" in self._named:
                signed.version += 1
            snapshot.meta[f"{role}.json"] = MetaFile(signed.version)
            self._named.add(f"{role}.json")
            self.serve(role)
        if raise_versions and self._begun:
            snapshot.version += 1
            timestamp.version += 1
        self._begun = True
        timestamp.snapshot_meta = MetaFile(snapshot.version)
        self.serve("snapshot")
        self.serve("timestamp")

    _named: set[str] = field(default_factory=set)
    _begun: bool = False

    def serve(self, role: str) -> None:
        """Sign a role as it stands and serve it."""
        signed = self.signed[role]
        name = f"{quote(role, safe='')}.json"
        if role != "timestamp":
            name = f"{signed.version}.{name}"
        self.files[name] = self.bytes_of(signed, *self.signers[role])

    def bytes_of(self, signed: Signed, *signers: CryptoSigner) -> bytes:
        metadata = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def metadata(self, name: str, most: int) -> bytes:
        """What a client asks for."""
        self.asked.append(name)
        if name not in self.files:
            raise SourceError(error("not-found", name))
        data = self.files[name]
        if len(data) > most:
            raise SourceError(error("too-large", name))
        return data

    def saved(self) -> dict[str, bytes]:
        """Everything served now, to be served again later."""
        return dict(self.files)
