"""The bytes of a hotfix's `*.config` to its values, every problem of the document at once.

Pure. The format is this project's own: docs/reference/hotfix-config.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from deploy.config.check import in_order
from deploy.config.identifiers import Identifiers
from deploy.config.xmltree import Element, read_tree
from deploy.errors import ConfigError, quoted
from hotfix.manifest_actions import (
    WHOLE,
    read_commands,
    read_config_files,
    read_contents,
    read_files,
    read_registrations,
    read_sql,
)
from hotfix.manifest_check import check_manifest
from hotfix.manifest_expand import expand_manifest, expanded
from hotfix.manifest_reader import ManifestReader
from hotfix.manifest_system import HIGHEST_REVISION, read_processes, read_registry, read_requires, read_services
from hotfix.model import Manifest, ParsedManifest, Reboot

__all__ = ["SCHEMA", "expand_manifest", "parse_manifest"]

SCHEMA = 1
"""The major version of the format that is read here."""

_ROOT = "configuration"
_PARTS = (
    "hotfix", "requires", "supersedes", "conflicts", "services", "processes", "files", "registrations", "configFiles",
    "registry", "sql", "commands", "reboot", "contents",
)  # fmt: skip
_HOTFIX = (
    "id", "revision", "name", "classification", "releaseDate", "infoUrl", "minInstallerVersion", "allowUninstall",
)  # fmt: skip
_SCHEMA_VERSION = re.compile(r"\s*([0-9]{1,4})(?:\.[0-9]{1,4}){0,2}\s*")
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_EXAMPLE = '<hotfix id="MICCE-9.6.1-HF003" revision="1" name="Router recall fix">...</hotfix>'


def parse_manifest(data: bytes, source: str) -> ParsedManifest:
    """Read a manifest; `source` is its path for the problems.

    Whatever can be judged without the machine and the files of the package is: the form, the values,
    paths and identifiers (with examples), and what contradicts itself. Texts stay as written: see
    `expand_manifest`. `manifest` is there when no problem is an error. Never raises for what the
    document says. Codes: docs/reference/errors.md, Hotfix manifests.
    """
    try:
        root = read_tree(data, whole=WHOLE)
    except ConfigError as wrong:
        return ParsedManifest(None, tuple(problem.at(source) for problem in wrong.problems))
    reader = ManifestReader(source)
    manifest = _configuration(reader, root)
    problems = reader.problems
    if manifest is not None:
        with_examples, unknown = expanded(manifest, Identifiers().with_examples())
        problems += [*unknown, *check_manifest(with_examples)]
    complete = not any(problem.is_error for problem in problems)
    return ParsedManifest(manifest if complete else None, in_order(problems))


def _configuration(reader: ManifestReader, root: Element) -> Manifest | None:
    """The draft of a manifest; None when the root is another document's or the format a newer one."""
    if not reader.is_root(root, _ROOT):
        return None
    schema = root.attributes.get("schemaVersion", f"{SCHEMA}.0")
    version = _SCHEMA_VERSION.fullmatch(schema)
    if version is None:
        reader.fault("bad-value", root, f"schemaVersion is {quoted(schema)}", f'write schemaVersion="{SCHEMA}.0"')
    elif int(version[1]) > SCHEMA:
        said = f"the manifest has the format {schema.strip()}, and this installer reads {SCHEMA}"
        reader.fault("newer-schema", root, said, "use the MiCCEHotFixInstaller that came with the hotfix")
        return None
    reader.known(root, ("schemaVersion",))
    parts = {name: reader.single(found) for name, found in reader.children(root, _PARTS).items()}
    manifest = _identity(reader, root, parts["hotfix"], schema.strip())
    return _with_actions(reader, manifest, parts)


def _identity(reader: ManifestReader, root: Element, hotfix: Element | None, schema: str) -> Manifest:
    """Who the hotfix is."""
    if hotfix is None:
        reader.missing_element(root, "hotfix", f"add {_EXAMPLE}")
        return Manifest(reader.name, "")
    reader.known(hotfix, _HOTFIX)
    reader.children(hotfix, (), with_text=True)
    id_ = reader.hotfix_id(hotfix)
    attributes = {name: " ".join(text.split()) for name, text in hotfix.attributes.items()}
    released = attributes.get("releaseDate", "")
    if released and not _DATE.fullmatch(released):
        reader.remark("bad-date", hotfix, f"releaseDate is {quoted(released)}", "write it as in 2023-07-14")
    return Manifest(
        source=reader.name,
        id=id_,
        revision=reader.number(hotfix, "revision", 1, 1, HIGHEST_REVISION),
        name=attributes.get("name", "") or id_,
        description=_description(hotfix.text),
        classification=attributes.get("classification", "") or "Hotfix",
        release_date=released,
        info_url=attributes.get("infoUrl", ""),
        min_installer_version=reader.version(hotfix, "minInstallerVersion"),
        allow_uninstall=reader.boolean(hotfix, "allowUninstall", True),
        schema_version=schema,
    )


def _description(text: str) -> str:
    """The text of an element without the indentation of its lines."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def _with_actions(reader: ManifestReader, manifest: Manifest, parts: Mapping[str, Element | None]) -> Manifest:
    files, deletes = ((), ()) if (one := parts["files"]) is None else read_files(reader, one)
    edits, transforms = ((), ()) if (one := parts["configFiles"]) is None else read_config_files(reader, one)
    registrations = () if (one := parts["registrations"]) is None else read_registrations(reader, one)
    sql = () if (one := parts["sql"]) is None else read_sql(reader, one)
    return replace(
        manifest,
        requires=() if (one := parts["requires"]) is None else read_requires(reader, one),
        supersedes=_ids(reader, parts["supersedes"]),
        conflicts=_ids(reader, parts["conflicts"]),
        services=() if (one := parts["services"]) is None else read_services(reader, one),
        processes=() if (one := parts["processes"]) is None else read_processes(reader, one),
        files=files,
        deletes=deletes,
        config_files=edits,
        registry=() if (one := parts["registry"]) is None else read_registry(reader, one),
        commands=() if (one := parts["commands"]) is None else read_commands(reader, one),
        unsupported=(*registrations, *transforms, *sql),
        reboot=_reboot(reader, parts["reboot"]),
        contents=None if (one := parts["contents"]) is None else read_contents(reader, one),
    )


def _ids(reader: ManifestReader, element: Element | None) -> tuple[str, ...]:
    if element is None:
        return ()
    reader.group(element)
    found = []
    for one in reader.children(element, ("hotfix",))["hotfix"]:
        reader.leaf(one, ("id",))
        found.append(reader.hotfix_id(one))
    return tuple(id_ for id_ in found if id_)


def _reboot(reader: ManifestReader, element: Element | None) -> Reboot:
    if element is None:
        return Reboot.IF_NEEDED
    reader.leaf(element, ("behavior",))
    return reader.choice(element, "behavior", Reboot.IF_NEEDED)
