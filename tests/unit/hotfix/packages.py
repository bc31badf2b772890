"""Packages of hotfixes for tests, made of a manifest and files with short texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hotfix.manifest import parse_manifest
from hotfix.model import Manifest


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def package(folder: Path, inner: str, files: Mapping[str, str], attributes: str = 'id="HF1"') -> Path:
    """A package; returns its HF1.config."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "HF1.config"
    config.write_text(f"<configuration>\n  <hotfix {attributes} />\n{inner}\n</configuration>\n", "utf-8")
    write(folder, files)
    return config


def manifest_of(config: Path) -> Manifest:
    """The manifest of a package, which has no errors."""
    parsed = parse_manifest(config.read_bytes(), str(config))
    assert parsed.manifest is not None, parsed.problems
    return parsed.manifest


def file(include: str, **attributes: str) -> str:
    """A `<file>` into the installation folder."""
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<file include="{include}" outputFolder="$(InstallDir)"{more} />'


def files(*entries: str) -> str:
    """`<files>`, its entries one a line."""
    return "<files>\n" + "\n".join(entries) + "\n</files>"
