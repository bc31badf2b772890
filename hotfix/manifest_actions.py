"""The parts of a manifest about files and programs: `<files>`, `<configFiles>`, `<commands>`, `<contents>`.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy.change.model import InUse
from deploy.config.check import quoted_folders
from deploy.config.xmltree import Element
from deploy.digest import Sha256
from deploy.errors import ConfigError, quoted
from deploy.relpath import RelPath
from deploy.wildcard import has_wildcard
from hotfix.manifest_reader import ACTION, ManifestReader, number_of
from hotfix.model import (
    CommandEntry,
    CommandPhase,
    ConfigFileEntry,
    Content,
    DeleteEntry,
    Edit,
    EditKind,
    ExitCode,
    ExitResult,
    FileEntry,
    IfMissing,
    Overwrite,
    Unsupported,
    UnsupportedEntry,
)

LARGEST_FILE = 2**53
MOST_EDITS = 1000  # of one file; each reads it anew

_FILE = (
    "include", "exclude", "subDirs", "outputFolder", "outputName", "overwrite", "version", "sha256", "size", "inUse",
    "backup", *ACTION,
)  # fmt: skip
_COMMAND = ("command", "args", "hidden", "phase", "timeout", "undo", "idempotent", *ACTION)
_EDITS = {
    "set": ("xpath", "attribute", "value"),
    "add": ("xpath",),
    "remove": ("xpath", "attribute"),
}
WHOLE = frozenset(_EDITS)
_PINNED = ("version", "sha256", "size")
_UNDOING = (CommandPhase.ROLLBACK, CommandPhase.UNINSTALL)
_HIGHEST_CODE = 2**32
_SOURCES = ("src", "undo")


def read_files(reader: ManifestReader, element: Element) -> tuple[tuple[FileEntry, ...], tuple[DeleteEntry, ...]]:
    """`<files>`: what is placed, and what is removed."""
    reader.group(element)
    parts = reader.children(element, ("file", "delete"))
    return (
        tuple(_file(reader, one) for one in parts["file"]),
        tuple(_delete(reader, one) for one in parts["delete"]),
    )


def _file(reader: ManifestReader, element: Element) -> FileEntry:
    reader.leaf(element, _FILE)
    include = reader.required(
        element, "include", "x", r'write the file beside the *.config, as in include="Router.exe"'
    )
    folder = reader.required(
        element, "outputFolder", "$(InstallDir)", r'write where it goes, as in outputFolder="$(InstallDir)Services\Bin"'
    )
    entry = FileEntry(
        include=include,
        output_folder=folder,
        exclude=element.attributes.get("exclude", ""),
        sub_dirs=reader.boolean(element, "subDirs"),
        output_name=element.attributes.get("outputName", "").strip(),
        overwrite=reader.choice(element, "overwrite", Overwrite.ALWAYS),
        version=reader.version(element, "version"),
        sha256=reader.sha256(element),
        size=reader.number(element, "size", 0, 0, LARGEST_FILE) if "size" in element.attributes else None,
        in_use=reader.choice(element, "inUse", InUse.RETRY),
        backup=reader.boolean(element, "backup", True),
        when=reader.when(element),
    )
    if has_wildcard(include):
        told = [name for name in (*_PINNED, "outputName") if element.attributes.get(name, "").strip()]
        if told:
            said = f"{', '.join(told)} cannot hold for every file of {quoted(include)}"
            hint = "remove it, or write one <file> for each file; micce-hotfix build lists every digest in <contents>"
            reader.fault("bad-value", element, said, hint)
    else:
        if entry.exclude.strip("; \t"):
            reader.remark(
                "exclude-ignored", element, "include: names one file, so exclude has no effect", "remove exclude"
            )
        if entry.sub_dirs:
            reader.remark(
                "sub-dirs-ignored", element, "include: names one file, so subDirs has no effect", "remove subDirs"
            )
    return entry


def _delete(reader: ManifestReader, element: Element) -> DeleteEntry:
    reader.leaf(element, ("path", *ACTION))
    example = r'write which file, as in path="$(InstallDir)Services\Bin\RouterOld.dll"'
    return DeleteEntry(reader.required(element, "path", "$(InstallDir)x", example), reader.when(element))


def read_config_files(
    reader: ManifestReader, element: Element
) -> tuple[tuple[ConfigFileEntry, ...], tuple[UnsupportedEntry, ...]]:
    """`<configFiles>`: the files that are edited, and the transforms that are not."""
    reader.group(element)
    entries, unsupported = [], []
    for one in reader.children(element, ("configFile",))["configFile"]:
        reader.known(one, ("path", "ifMissing", "transform", *ACTION))
        path = reader.required(one, "path", "$(InstallDir)x", 'write which, as in path="$(InstallDir)Agent.exe.config"')
        reader.children(one, tuple(_EDITS))
        transform = one.attributes.get("transform")
        if transform is not None:
            _refused(reader, one, f"the transform {quoted(transform)}")
            unsupported.append(UnsupportedEntry(Unsupported.TRANSFORM, path, reader.when(one), (transform,)))
            continue
        edits = tuple(_edit(reader, child) for child in one.children if child.name in _EDITS)
        if not edits:
            hint = (
                r'add <set xpath="/configuration/appSettings/add[@key=&apos;X&apos;]" attribute="value" value="20" />'
            )
            reader.fault("missing-element", one, "<configFile> holds no edit", hint)
        if len(edits) > MOST_EDITS:
            reader.fault("bad-value", one, f"<configFile> holds more than {MOST_EDITS} edits", "bring the whole file")
        if_missing = reader.choice(one, "ifMissing", IfMissing.ERROR)
        entries.append(ConfigFileEntry(path, edits, if_missing, reader.when(one)))
    return tuple(entries), tuple(unsupported)


def _edit(reader: ManifestReader, element: Element) -> Edit:
    kind = EditKind(element.name)
    reader.known(element, _EDITS[element.name])
    if kind is not EditKind.ADD:
        reader.children(element, ())
    elif element.text.strip():
        reader.remark("stray-text", element, "text inside <add> is ignored", "put it into the element that is added")
    xpath = reader.required(element, "xpath", "/x", 'write where, as in xpath="/configuration/appSettings"').strip()
    value = ""
    if kind is EditKind.SET:
        value = reader.required(element, "value", "", 'write what it becomes, as in value="20"', blank=True)
    if kind is EditKind.ADD and not element.children:
        hint = 'write the new elements inside, as in <add xpath="..."><add key="X" value="1" /></add>'
        reader.fault("missing-element", element, "<add> holds nothing to add", hint)
    attribute = element.attributes.get("attribute", "").strip()
    namespaces = tuple((prefix, uri) for prefix, uri in element.namespaces.items() if prefix)
    fragment = element.inner if kind is EditKind.ADD else ""
    return Edit(kind, xpath, attribute, value, fragment, element.line, namespaces)


def read_registrations(reader: ManifestReader, element: Element) -> tuple[UnsupportedEntry, ...]:
    """`<registrations>`, none of which is carried out; what is in it is not judged."""
    return tuple(_not_carried_out(reader, element, Unsupported.REGISTRATIONS, "path"))


def read_sql(reader: ManifestReader, element: Element) -> tuple[UnsupportedEntry, ...]:
    """`<sql>`, none of which is carried out; what is in it is not judged."""
    return tuple(_not_carried_out(reader, element, Unsupported.SQL, "src"))


def _not_carried_out(
    reader: ManifestReader, element: Element, what: Unsupported, named_by: str
) -> Iterator[UnsupportedEntry]:
    for one in element.children:
        subject = one.attributes.get(named_by, "") or one.name
        _refused(reader, one, f"<{one.name}> in <{element.name}>")
        sources = tuple(one.attributes[name] for name in _SOURCES if one.attributes.get(name, "").strip())
        yield UnsupportedEntry(what, subject, reader.when(one), sources if what is Unsupported.SQL else ())


def _refused(reader: ManifestReader, element: Element, what: str) -> None:
    said = f"{what} cannot be carried out by this installer"
    hint = "the hotfix is refused on machines that it applies to; limit it with roles, or use another element"
    reader.remark("unsupported-element", element, said, hint)


def read_commands(reader: ManifestReader, element: Element) -> tuple[CommandEntry, ...]:
    """`<commands>`."""
    reader.group(element)
    return tuple(_command(reader, one) for one in reader.children(element, ("execute",))["execute"])


def _command(reader: ManifestReader, element: Element) -> CommandEntry:
    reader.known(element, _COMMAND)
    codes = reader.children(element, ("exitCode",))["exitCode"]
    entry = CommandEntry(
        command=reader.required(element, "command", "x.exe", r'write the program, as in command="tools\Reindex.exe"'),
        args=element.attributes.get("args", ""),
        hidden=reader.boolean(element, "hidden"),
        phase=reader.choice(element, "phase", CommandPhase.AFTER),
        timeout=reader.timeout(element, 1800),
        undo=element.attributes.get("undo", "").strip(),
        idempotent=reader.boolean(element, "idempotent"),
        exit_codes=_exit_codes(reader, codes),
        when=reader.when(element),
    )
    for problem in quoted_folders(entry.args):
        reader.remark("quoted-folder", element, f"args: {problem.message}", problem.hint)
    if codes and all(one.result is ExitResult.FAILURE for one in entry.exit_codes):
        hint = 'add <exitCode value="0" result="success" />'
        reader.fault("bad-value", element, "no <exitCode> is success, and those written are the only ones", hint)
    if entry.phase in _UNDOING:
        if entry.undo:
            said = f'a command with phase="{entry.phase}" is not undone'
            reader.fault("bad-value", element, said, "remove undo")
    elif not entry.undo and not entry.idempotent and entry.phase is not CommandPhase.AFTER:
        said = "the command has no undo and is not idempotent, so it runs after everything else was checked"
        hint = 'write undo="..." or idempotent="true" if it has to run at its phase, or phase="after" if not'
        reader.remark("runs-last", element, said, hint)
    return entry


def _exit_codes(reader: ManifestReader, elements: list[Element]) -> tuple[ExitCode, ...]:
    found: dict[int, ExitCode] = {}
    for element in elements:
        reader.leaf(element, ("value", "result", "reboot"))
        text = reader.required(element, "value", "0", 'write the number, as in value="3010"')
        number = number_of(text)
        if number is None or not -_HIGHEST_CODE // 2 <= number < _HIGHEST_CODE:
            hint = f"write a number from {-_HIGHEST_CODE // 2} to {_HIGHEST_CODE - 1}"
            reader.fault("bad-value", element, f"value is {quoted(text)}", hint)
            continue
        result = reader.choice(element, "result", ExitResult.SUCCESS)
        code = ExitCode(number % _HIGHEST_CODE, result, reader.boolean(element, "reboot"))
        if code.reboot and result is ExitResult.FAILURE:
            said = "a failure undoes everything, so no restart is needed"
            reader.fault("bad-value", element, said, "remove reboot")
        if code.value in found:
            reader.fault("repeated-entry", element, f"the exit code {number} is there already", "keep one of them")
        found.setdefault(code.value, code)
    return tuple(found.values())


def read_contents(reader: ManifestReader, element: Element) -> tuple[Content, ...]:
    """`<contents>`, which `micce-hotfix build` writes."""
    reader.group(element)
    found: dict[str, Content] = {}
    for one in reader.children(element, ("content",))["content"]:
        reader.leaf(one, ("path", "sha256", "size"))
        text = reader.required(one, "path", "", "build the package again")
        reader.required(one, "sha256", "", "build the package again")
        reader.required(one, "size", "", "build the package again")
        digest, size = reader.sha256(one), reader.number(one, "size", 0, 0, LARGEST_FILE)
        try:
            path = RelPath.parse(text)
        except ConfigError as wrong:
            for problem in wrong.problems:
                reader.fault("unsafe-path", one, problem.message, problem.hint)
            continue
        if path.key in found:
            reader.fault("repeated-entry", one, f"{quoted(text)} is listed already", "build the package again")
        found[path.key] = Content(path, Sha256(digest), size, one.line)
    return tuple(found.values())
