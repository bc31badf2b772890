"""A registry in a file, where the system has none: one JSON document, replaced as a whole with every change."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from deploy.atomic import sweep, write_atomic
from deploy.errors import TargetError, error
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.registrytree import Entry, RegistryTree, failed

FILE = "registry.json"
FORMAT = 1
LOCK_SECONDS = 30.0
MOST_BYTES = 64 * 1024 * 1024
_PRIVATE = 0o700


class FileRegistry:
    """The registry of one machine in `file`; without it, one that is empty.

    Every question reads the file, so that several processes see the same; changes are made one at a
    time. What cannot be understood is never written over: `TargetError` (registry-failed).
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        return self._tree().value(key, name)

    def has_key(self, key: RegistryKey) -> bool:
        return self._tree().has_key(key)

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        return self._tree().subkeys(key)

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        return self._tree().value_names(key)

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:
        with self._changed() as tree:
            tree.set_value(key, name, value)

    def delete_value(self, key: RegistryKey, name: str) -> None:
        with self._changed() as tree:
            tree.delete_value(key, name)

    def make_key(self, key: RegistryKey) -> None:
        with self._changed() as tree:
            tree.make_key(key)

    def delete_key(self, key: RegistryKey) -> None:
        with self._changed() as tree:
            tree.delete_key(key)

    def _tree(self) -> RegistryTree:
        return _parsed(self._read(), self._file)

    def _read(self) -> bytes:
        try:
            with open(self._file, "rb") as opened:
                data = opened.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return b""
        except OSError as wrong:
            raise _refused(wrong, self._file) from wrong
        if len(data) > MOST_BYTES:
            raise failed(str(self._file), f"more than {MOST_BYTES} bytes", "this is not the registry of this machine")
        return data

    @contextmanager
    def _changed(self) -> Iterator[RegistryTree]:
        """What it holds, to be changed and kept durably; nothing is written where nothing was changed."""
        try:
            self._file.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock"), timeout=LOCK_SECONDS):
                before = self._read()
                tree = _parsed(before, self._file)
                yield tree
                after = _written(tree)
                if after != (before or _written(RegistryTree())):
                    sweep(self._file)
                    write_atomic(self._file, after)
        except Timeout as taken:
            said = f"another program has been changing it for {LOCK_SECONDS:g} seconds"
            raise failed(str(self._file), said, "see which one that is, and try again") from taken
        except OSError as wrong:
            raise _refused(wrong, self._file) from wrong


def _refused(wrong: OSError, file: Path) -> TargetError:
    if isinstance(wrong, PermissionError):
        said = f"{file}: this account may not use this registry"
        return TargetError(error("no-permission", said, "run this as root, or let this account use the state folder"))
    return failed(str(file), wrong.strerror or type(wrong).__name__, "see to it that the disk is in order and has room")


def _written(tree: RegistryTree) -> bytes:
    """One key a line, in ASCII, so that every text survives and a difference shows which key it is in."""
    lines = (
        json.dumps({"hive": entry.hive, "key": entry.path, "values": [_row(*one) for one in entry.values]})
        for entry in tree.entries()
    )
    listed = ",\n".join(lines)
    return f'{{"format": {FORMAT}, "keys": [\n{listed}\n]}}\n'.encode("ascii")


def _row(name: str, value: RegistryValue) -> list[object]:
    data = base64.b64encode(value.data).decode("ascii") if isinstance(value.data, bytes) else value.data
    return [name, value.type, data]


def _parsed(data: bytes, file: Path) -> RegistryTree:
    tree = RegistryTree()
    if not data:
        return tree
    try:
        match json.loads(data):
            case {"format": int(version), "keys": list(keys)} if version == FORMAT:
                for key in keys:
                    tree.put(_entry(key))
                return tree
            case {"format": int(version)}:
                raise ValueError(f"it is of format {version}, which another version of this program wrote")
            case _:
                raise ValueError("it holds something else")
    except (ValueError, RecursionError, TargetError) as wrong:
        hint = "restore this file from a backup; or, to begin with an empty registry, move it away"
        raise failed(str(file), f"this registry is damaged: {wrong}", hint) from wrong


def _entry(key: Any) -> Entry:
    match key:
        case {"hive": str(hive), "key": str(path), "values": list(rows)}:
            return Entry(Hive(hive), path, tuple(_value(row) for row in rows))
    raise ValueError("one of its keys is none")


def _value(row: Any) -> tuple[str, RegistryValue]:
    match row:
        case [str(name), str(kind), data]:
            type = ValueType(kind)
            return name, RegistryValue(type, _data(type, data))
    raise ValueError("one of its values is none")


def _data(type: ValueType, data: Any) -> str | int | bytes | tuple[str, ...]:
    match type, data:
        case ValueType.BINARY, str(text):
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as wrong:
                raise ValueError("one of its values is not base64") from wrong
        case ValueType.MULTI, list(texts) if all(isinstance(text, str) for text in texts):
            return tuple(texts)
        case _, str() | int():
            found: str | int = data
            return found
    raise ValueError("one of its values is none")
