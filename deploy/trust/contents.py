"""What the release role says of published contents: which files there are to install, and what may be executed. Pure.

A customer's manifest says what goes where and is signed by that customer's key; these documents are signed
by the release's, and only what they name may bring programs and commands:

    releases/shared.json       every file of the shares
    releases/<id>.json         for one customer: files ingested for it, its command, the server's addresses
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.config.model import Execute
from deploy.digest import Sha256
from deploy.errors import ConfigError, error
from deploy.jsonobject import JsonObject, as_text, read_object
from deploy.relpath import fold

FORMAT = 1
LARGEST = 64 * 1024 * 1024  # bytes
MOST_FILES = 1_000_000
SHARED = "releases/shared.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")

Files = frozenset[tuple[str, Sha256]]
"""Folded names, without folders, each with a digest it may have."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is released: for everybody, or for one customer (then with its command and the server's identifiers)."""

    files: Files = frozenset()
    execute: Execute | None = None
    identifiers: tuple[tuple[str, str], ...] = ()

    def holds(self, name: str, digest: Sha256) -> bool:
        """Whether a file with this name, in any case, may have this digest."""
        return (fold(name), digest) in self.files


def path_of(customer: str) -> str:
    """The target that holds what is released for one customer."""
    return f"releases/customers/{customer.lower()}.json"


def released(files: Iterable[tuple[str, Sha256]]) -> Files:
    """Names as they are spelled, each with its digest."""
    return frozenset((fold(name), digest) for name, digest in files)


def encode_contents(contents: Contents) -> bytes:
    """The document: JSON in UTF-8, the same bytes for the same contents."""
    execute = contents.execute
    document = {
        "format": FORMAT,
        "execute": None if execute is None else [execute.command, execute.args, execute.hidden],
        "identifiers": [list(pair) for pair in contents.identifiers],
        "files": [list(one) for one in sorted(contents.files)],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def parse_contents(data: bytes, source: str) -> Contents:
    """Read the document; raises `ConfigError` (bad-contents)."""
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it has more than {LARGEST} bytes")
        root = read_object(data, "the document")
        root.number("format", 1, FORMAT)
        return Contents(
            frozenset(map(_file, root.many("files", MOST_FILES))),
            _execute(root),
            tuple(_pair(one) for one in root.many("identifiers", 10)),
        )
    except (UnicodeDecodeError, ValueError) as wrong:
        said = f"what is said to be released cannot be used: {wrong}"
        raise ConfigError(error("bad-contents", said, "publish again", file=source)) from wrong


def _execute(root: JsonObject) -> Execute | None:
    match root.values.get("execute"):
        case None:
            return None
        case [str(command), str(args), bool(hidden)]:
            return Execute(command, args, hidden)
    raise ValueError("execute is no command")


def _file(row: object) -> tuple[str, Sha256]:
    match row:
        case [str(name), str(digest)] if _DIGEST.fullmatch(digest):
            return name, Sha256(digest)
    raise ValueError("a row is no file")


def _pair(row: object) -> tuple[str, str]:
    match row:
        case [name, text]:
            return as_text(name), as_text(text)
    raise ValueError("a row is no identifier")
