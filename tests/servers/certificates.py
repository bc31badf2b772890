"""A certificate authority of the test's own and certificates it signed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the authority, a server's certificate chain, and its private key."""

    ca_file: Path
    certificate: Path
    key: Path


def issue(folder: Path, *names: str) -> Certificates:
    """A new authority and a server certificate for `names` (127.0.0.1, ::1 and localhost if none given)."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    leaf = authority.issue_cert(*(names or ("127.0.0.1", "::1", "localhost")))
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(str(made.ca_file))
    for number, blob in enumerate(leaf.cert_chain_pems):
        blob.write_to_path(str(made.certificate), append=number > 0)
    leaf.private_key_pem.write_to_path(str(made.key))
    return made
