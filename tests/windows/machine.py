"""This Windows as a machine to be changed: a folder of files with services and programs that use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.change.means import Means
from deploy.change.model import Change, FileChange, InUse
from deploy.change.steps import Delete, Put
from deploy.digest import sha256_of_bytes
from deploy.host.current import current
from deploy.machine import RegistryDriver, Services
from deploy.relpath import RelPath


def means_of_this_machine(state: Path) -> Means:
    """The real services, registry and processes."""
    host = current()
    return Means(host, host.services(Services(), state), host.registry(RegistryDriver.FILE, state), host.processes())


@dataclass(frozen=True, slots=True)
class Product:
    """A folder with the files of a product, and what changes them; the journal is in `state`."""

    base: Path
    state: Path

    @classmethod
    def make(cls, folder: Path, files: Mapping[str, bytes]) -> Product:
        """`folder` is there; files by path below the product's folder."""
        product = cls(folder / "MiCC Enterprise", folder / "state")
        product.base.mkdir()
        product.state.mkdir()
        for name, data in files.items():
            (product.base / name).parent.mkdir(parents=True, exist_ok=True)
            (product.base / name).write_bytes(data)
        return product

    @property
    def home(self) -> Path:
        return self.state / "change"

    def put(self, name: str, data: bytes, in_use: InUse = InUse.RETRY) -> FileChange:
        """A new content, staged below the product's folder."""
        staged = self.base / ".staging" / name.replace("\\", "-")
        staged.parent.mkdir(exist_ok=True)
        staged.write_bytes(data)
        return FileChange(Put(RelPath.parse(name), str(staged), sha256_of_bytes(data), len(data), None), 0, in_use)

    def delete(self, name: str, in_use: InUse = InUse.RETRY) -> FileChange:
        return FileChange(Delete(RelPath.parse(name), None), 0, in_use)

    def change(self, *files: FileChange, **more: object) -> Change:
        """A change of these files and of `more` (services, registry, processes, commands)."""
        return Change((str(self.base),), files, **more)  # type: ignore[arg-type]

    def files(self) -> dict[str, bytes]:
        """What is there, but for what is staged, and kept until nobody uses it."""
        return {
            str(path.relative_to(self.base)): path.read_bytes()
            for path in self.base.rglob("*")
            if path.is_file() and not {".staging", ".micce-change", ".micce-restart"} & set(path.parts)
        }
