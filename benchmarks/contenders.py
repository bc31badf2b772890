"""The programs compared: how each is asked to copy a served folder, ours among them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.trees import Tree

OURS = "micce-deploy"
PARALLEL = 16


@dataclass(frozen=True, slots=True)
class Contender:
    """One command line that copies a tree into `target`; `note` says what it was given beyond the address."""

    name: str
    command: tuple[str, ...]
    target: Path
    note: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    forget: tuple[Path, ...] = ()
    """What it remembers between runs, removed before a cold one."""


def ours(tree: Tree, server: str, work: Path, *extra: str) -> Contender:
    """The public command on a Setup.config that names the served folder and asks for everything below it."""
    home = work / OURS
    home.mkdir(parents=True, exist_ok=True)
    config = home / f"{tree.name}.config"
    config.write_text(
        f'<configuration><tenantID>-1</tenantID><files><file include="$(WebServerUri)/{tree.name}/*.*" '
        f'subDirs="true" outputFolder="." /></files></configuration>'
    )
    machine, state, target = home / "machine.toml", home / "state", home / tree.name
    machine.write_text(f"state = '{state}'\n")
    program = str(Path(sysconfig.get_path("scripts")) / OURS)
    command = (program, "install", str(config), "--set", f"WebServerUri={server}", "--to", str(target), "--no-execute")
    return Contender(OURS, (*command, *extra), target, env={"MICCE_MACHINE": str(machine)}, forget=(state,))


def ours_published(tree: Tree, server: str, work: Path, docroot: Path) -> Contender:
    """The public command on the manifest of what `micce-deploy publish` made of the same folder, served as files."""
    home, published = work / f"{OURS}-published", docroot / "published"
    customer = home / "WebDeployment/Default"
    customer.mkdir(parents=True, exist_ok=True)
    customer.joinpath("Setup.config").write_text(
        "<configuration><tenantID>-1</tenantID><files>"
        f'<file include="$(WebServerUri)/MiCCEInstallation/{tree.name}/*.*" subDirs="true" outputFolder="." />'
        "</files></configuration>"
    )
    machine, state, target = home / "machine.toml", home / "state", home / tree.name
    machine.write_text(f"state = '{state}'\n")
    settings = home / "server.toml"
    settings.write_text(
        f"[server]\nroot = '{customer.parent}'\nstate = '{home / 'server'}'\n"
        f"[publish]\nfolder = '{published}'\nquiet = 0\n[shares]\n{tree.name} = '{tree.root}'\n"
    )
    env = {"MICCE_MACHINE": str(machine), "MICCE_SERVER": str(settings)}
    program = str(Path(sysconfig.get_path("scripts")) / OURS)
    subprocess.run([program, "publish"], env={**os.environ, **env}, check=True, capture_output=True)
    address = f"{server}/published/customers/default/manifest.json"
    return Contender(OURS, (program, "install", address, "--to", str(target)), target, env=env, forget=(state,))


def peers(tree: Tree, server: str, work: Path) -> tuple[list[Contender], list[str]]:
    """Every installed peer ready to run, and the names of those that are not installed."""
    url = f"{server}/{tree.name}/"
    every = [
        _wget2(tree, url, work),
        _curl(tree, url, work),
        _rclone(tree, url, work),
        _aria2(tree, url, work),
        _lftp(tree, url, work),
    ]
    found = [peer for peer in every if shutil.which(peer.command[0])]
    return found, [peer.name for peer in every if peer not in found]


def updating_peers(tree: Tree, server: str, work: Path) -> tuple[list[Contender], list[str]]:
    """The peers that can tell by themselves that nothing changed, told to."""
    url = f"{server}/{tree.name}/"
    wget2 = _wget2(tree, url, work)
    every = [
        Contender(wget2.name, (wget2.command[0], "-N", *wget2.command[1:]), wget2.target),
        _rclone(tree, url, work),
        _lftp(tree, url, work, "--only-newer"),
    ]
    found = [peer for peer in every if shutil.which(peer.command[0])]
    return found, [peer.name for peer in every if peer not in found]


def version(peer: Contender) -> str:
    """The first line of what the program says of itself."""
    said = subprocess.run([peer.command[0], "--version"], capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).strip().splitlines()[0]


def _wget2(tree: Tree, url: str, work: Path) -> Contender:
    target = work / "wget2" / tree.name
    options = ("-q", "-r", "-np", "-nH", "--cut-dirs=1", "--robots=off", f"--max-threads={PARALLEL}")
    return Contender("wget2", ("wget2", *options, "-R", "index.html", "-P", str(target), url), target)


def _curl(tree: Tree, url: str, work: Path) -> Contender:
    target, names = work / "curl" / tree.name, _list_file(work, "curl", tree)
    lines = (f'url = "{url}{name}"\noutput = "{target / name}"\n' for name in tree.files)
    names.write_text("".join(lines))
    options = ("-s", "-S", "--parallel", "--parallel-max", str(PARALLEL), "--create-dirs")
    return Contender("curl", ("curl", *options, "--config", str(names)), target, "given the list of names")


def _rclone(tree: Tree, url: str, work: Path) -> Contender:
    target = work / "rclone" / tree.name
    options = ("--http-url", url, "--transfers", str(PARALLEL), "--checkers", str(PARALLEL), "--config", "")
    return Contender("rclone", ("rclone", "copy", ":http:", str(target), *options), target)


def _aria2(tree: Tree, url: str, work: Path) -> Contender:
    target, names = work / "aria2c" / tree.name, _list_file(work, "aria2c", tree)
    names.write_text("".join(f"{url}{name}\n  out={name}\n" for name in tree.files))
    options = ("-q", "-j", str(PARALLEL), "-x", "4", "-s", "4", "--file-allocation=none", "--no-conf")
    return Contender(
        "aria2c", ("aria2c", *options, "-d", str(target), "-i", str(names)), target, "given the list of names"
    )


def _lftp(tree: Tree, url: str, work: Path, *extra: str) -> Contender:
    target = work / "lftp" / tree.name
    script = f"mirror {' '.join(('--parallel=' + str(PARALLEL), *extra))} {url} {target}"
    return Contender("lftp", ("lftp", "--norc", "-c", script), target)


def _list_file(work: Path, name: str, tree: Tree) -> Path:
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{tree.name}.list"
