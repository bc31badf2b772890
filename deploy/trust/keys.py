"""Private keys: a folder of PEM files that only the server's account may read.

A key's file is named by its key id. Keys that a person keeps elsewhere are encrypted with a
passphrase (PKCS#8); those the server signs with by itself are not, and are worth what the account is
worth that may read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key, Signer

from deploy.atomic import write_atomic
from deploy.disk import target_error
from deploy.errors import TargetError, error

PRIVATE = 0o600
_SUFFIX = ".pem"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key whose private part is at hand."""

    key: Key
    path: Path

    @property
    def id(self) -> str:
        """The key id of TUF: a digest of the public key."""
        return self.key.keyid


class KeyFolder:
    """The keys in one folder, made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ids(self) -> frozenset[str]:
        """The ids of the keys that are here, encrypted or not."""
        if not self.folder.is_dir():
            return frozenset()
        return frozenset(path.stem for path in self.folder.iterdir() if path.suffix == _SUFFIX)

    def create(self, passphrase: bytes | None = None) -> StoredKey:
        """Make an Ed25519 key and keep it, encrypted where there is a passphrase; raises `TargetError`."""
        signer = CryptoSigner.generate_ed25519()
        hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            hidden = serialization.BestAvailableEncryption(passphrase)
        private = serialization.load_pem_private_key(signer.private_bytes, None)
        data = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
        path = self._path(signer.public_key.keyid)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(path, data, mode=PRIVATE)
        except OSError as wrong:
            raise target_error(wrong, path) from wrong
        return StoredKey(signer.public_key, path)

    def signer(self, id: str, passphrase: bytes | None = None) -> Signer:
        """What signs with a key; raises `TargetError` (no-key, bad-key)."""
        path = self._path(id)
        try:
            data = path.read_bytes()
        except OSError as wrong:
            hint = "bring the key here, or sign where it is kept"
            raise TargetError(error("no-key", f"{path}: {wrong.strerror}", hint, file=str(path))) from wrong
        try:
            private = serialization.load_pem_private_key(data, passphrase)
        except (ValueError, TypeError) as wrong:
            hint = "give its passphrase; a file that is damaged has to come back from a backup"
            raise TargetError(error("bad-key", f"{path} cannot be opened", hint, file=str(path))) from wrong
        if not isinstance(private, Ed25519PrivateKey):
            raise TargetError(error("bad-key", f"{path} is no Ed25519 key", "make a new one", file=str(path)))
        signer = CryptoSigner(private)
        if signer.public_key.keyid != id:
            said = f"{path} holds another key than its name says"
            raise TargetError(error("bad-key", said, "bring the right file back from a backup", file=str(path)))
        return signer

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}{_SUFFIX}"
