"""A server with shares and customers, published into a folder, and a look at it as a client has it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deploy.config.document import parse
from deploy.digest import sha256_of_bytes
from deploy.manifest import CUSTOMERS, MANIFEST, OBJECTS, PACKS, ClientEntry, Manifest, address_of
from deploy.manifest_json import parse_manifest
from deploy.site.model import Customer, ServerSettings, Share
from deploy.site.packing import files_of, usage
from deploy.site.publish import Means, publish
from deploy.site.publish_result import PublishResult

OLD = time.time() - 86_400.0
NEXT = '<file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="Solidus"/>'
OWN = '<file include="$(WebServerUri)/MiCCEInstallation/WebDeployment/{id}/ClientSetup.ini" outputFolder="Solidus"/>'
UNC = r'<file include="\\SRV\Share\*.*" outputFolder="Theirs"/>'


@dataclass
class Bench:
    """A server in a folder, which may hold one already. `settings` may be replaced."""

    folder: Path
    settings: ServerSettings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = ServerSettings(
            root=self.folder / "WebDeployment",
            published=self.folder / "published",
            state=self.folder / "state",
            shares=(Share("NextCCClient", self.folder / "next"), Share("ScriptManager", self.folder / "script")),
            quiet=0.0,
        )
        for path in (self.settings.root, *(share.folder for share in self.settings.shares)):
            path.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, data: bytes | str, *, modified: float = OLD) -> Path:
        """Write a file below the folder of the server, changed long ago."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(path, (modified, modified))
        return path

    def customer(self, id: str = "acme", entries: str = NEXT, more: str = "") -> Customer:
        """A customer with the `<file>` elements given; `{id}` in them is its id."""
        text = (
            f"<configuration>{more}<customerName>{id} Ltd</customerName><tenantID>7</tenantID>"
            f"<files>{entries.replace('{id}', id)}</files></configuration>"
        )
        path = self.put(f"WebDeployment/{id}/Setup.config", text)
        return self.read(path.parent)

    def read(self, folder: Path) -> Customer:
        """A customer as its folder is now."""
        path = folder / "Setup.config"
        parsed = parse(path.read_bytes(), str(path))
        return Customer(folder.name, folder, parsed.config, parsed.problems)

    def publish(self, *customers: Customer, **more: Any) -> PublishResult:
        """Publish customers, all there are if none are named."""
        given: Sequence[Customer] = customers or [self.read(one) for one in sorted(self.settings.root.iterdir())]
        return publish(self.settings, given, complete=not customers, **more)

    def manifest(self, id: str = "acme") -> Manifest:
        """The manifest a client would read."""
        path = self.settings.published / CUSTOMERS / id.lower() / MANIFEST
        return parse_manifest(path.read_bytes(), str(path))

    def manifest_bytes(self, id: str = "acme") -> bytes:
        return (self.settings.published / CUSTOMERS / id.lower() / MANIFEST).read_bytes()

    def installed(self, id: str = "acme") -> dict[str, bytes]:
        """What a client would have of the server's files, each verified."""
        return installed(self.settings.published, self.manifest(id))

    def left(self, id: str = "acme") -> list[str]:
        """The includes that are left to the clients."""
        return [one.entry.include for one in self.manifest(id).entries if isinstance(one, ClientEntry)]

    def contents(self) -> dict[str, int]:
        """Every pack and object of the tree with its size."""
        found = {}
        for kind in (PACKS, OBJECTS):
            for path in (self.settings.published / kind).rglob("*"):
                if path.is_file():
                    found[path.relative_to(self.settings.published).as_posix()] = path.stat().st_size
        return found

    def use(self, **more: Any) -> None:
        """Other settings."""
        self.settings = replace(self.settings, **more)

    def lose_index(self) -> None:
        shutil.rmtree(self.settings.published / ".work")


def installed(tree: Path, manifest: Manifest) -> dict[str, bytes]:
    """What a manifest brings, output by output, as a client reads it: ranges of packs, whole objects."""
    found = {}
    for file in files_of(manifest):
        if file.place is None:
            data = (tree / address_of(file.sha256, OBJECTS)).read_bytes()
        else:
            pack = (tree / address_of(file.place.pack, PACKS)).read_bytes()
            data = pack[file.place.offset : file.place.offset + file.size]
        assert len(data) == file.size, file
        assert sha256_of_bytes(data) == file.sha256, file
        assert str(file.output) not in found
        found[str(file.output)] = data
    return found


def addresses(bench: Bench, id_: str) -> list[str]:
    """What the manifest of a customer refers to."""
    return list(usage(bench.manifest(id_)).addresses())


def ahead(seconds: float) -> Means:
    """A clock that is ahead."""
    return Means(clock=lambda: time.time() + seconds)
