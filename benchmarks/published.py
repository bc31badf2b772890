"""A tree as the product's own server publishes it: the contents as packs, and our command that installs from them."""

from __future__ import annotations

import os
import random
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import OURS, Contender
from benchmarks.trees import RELEASED, Tree

FOLDER = "published"
_CONFIG = (
    "<configuration><customerName>Default</customerName><tenantID>-1</tenantID><files>"
    '<file include="$(WebServerUri)/MiCCEInstallation/{name}/*.*" subDirs="true" outputFolder="." />'
    "</files></configuration>"
)


@dataclass(frozen=True, slots=True)
class Publisher:
    """The server of one tree, below `home`; `docroot` is what nginx serves."""

    tree: Tree
    home: Path
    docroot: Path

    @classmethod
    def of(cls, tree: Tree, work: Path) -> Publisher:
        """A repository with one customer whose files are the tree."""
        home, docroot = work / "publisher", tree.root.parent
        customer = home / "WebDeployment/Default"
        customer.mkdir(parents=True, exist_ok=True)
        customer.joinpath("Setup.config").write_text(_CONFIG.format(name=tree.name), "utf-8")
        home.joinpath("machine.toml").write_text(f"state = '{home}/state'\n", "utf-8")
        home.joinpath("server.toml").write_text(
            f"[server]\nroot = '{home}/WebDeployment'\n"
            f"[publish]\nquiet = 0\nfolder = '{docroot}/{FOLDER}'\n"
            f"[shares]\n{tree.name} = '{tree.root}'\n",
            "utf-8",
        )
        return cls(tree, home, docroot)

    def publish(self) -> None:
        """Publish what the tree holds now; raises `CalledProcessError`."""
        settings = {"MICCE_MACHINE": str(self.home / "machine.toml"), "MICCE_SERVER": str(self.home / "server.toml")}
        command = [str(Path(sysconfig.get_path("scripts")) / OURS), "publish"]
        subprocess.run(command, env={**os.environ, **settings}, capture_output=True, check=True)

    def contender(self, server: str, work: Path) -> Contender:
        """Our command on the address of the manifest."""
        home = work / f"{OURS}-published"
        home.mkdir(parents=True, exist_ok=True)
        machine, state, target = home / "machine.toml", home / "state", home / self.tree.name
        machine.write_text(f"state = '{state}'\n", "utf-8")
        program = str(Path(sysconfig.get_path("scripts")) / OURS)
        address = f"{server}/{FOLDER}/customers/default/manifest.json"
        command = (program, "install", address, "--to", str(target), "--no-execute")
        return Contender(OURS, command, target, "published", env={"MICCE_MACHINE": str(machine)}, forget=(state,))


def change(tree: Tree, number: int, share: int = 100) -> int:
    """Give one file in `share` other contents of the same size and a later time; how many that were.

    Which ones depends on `number`, the 1-based change, only.
    """
    chance = random.Random(f"change {number}")
    chosen = chance.sample(tree.files, len(tree.files) // share)
    for name in chosen:
        path = tree.root / name
        path.write_bytes(chance.randbytes(path.stat().st_size))
        os.utime(path, (RELEASED + number * 86_400,) * 2)
    return len(chosen)
