"""The parts of a manifest about the machine: `<requires>`, `<services>`, `<processes>`, `<registry>`.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploy.change.model import Restart
from deploy.config.xmltree import Element
from deploy.errors import ConfigError, quoted
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from hotfix.manifest_reader import ACTION, RESTRICTION, ManifestReader
from hotfix.model import (
    ProcessAction,
    ProcessEntry,
    RegistryAction,
    RegistryEntry,
    RequiredFile,
    RequiredHotfix,
    RequiredProduct,
    RequiredRegistry,
    RequiredSpace,
    RequiredSystem,
    Requirement,
    Service,
    ServiceAction,
)
from hotfix.registry_data import LONGEST_VALUE_NAME, parse_key, parse_value

HIGHEST_REVISION = 2**31 - 1
FEWEST_NAMES = 3

_SOME_KEY = RegistryKey(Hive.HKLM, "SOFTWARE")
_ARCHITECTURES = ("x86", "x64", "arm64")
_RECYCLE = "recycle"
_VERSIONS = ("minVersion", "maxVersion")
_REQUIREMENTS = ("product", "hotfix", "file", "registry", "os", "diskSpace")


def read_requires(reader: ManifestReader, element: Element) -> tuple[Requirement, ...]:
    """`<requires>`."""
    reader.group(element)
    reader.children(element, _REQUIREMENTS)
    found = (_requirement(reader, child) for child in element.children if child.name in _REQUIREMENTS)
    return tuple(one for one in found if one is not None)


def _requirement(reader: ManifestReader, element: Element) -> Requirement | None:
    match element.name:
        case "product":
            reader.leaf(element, (*_VERSIONS, *RESTRICTION))
            return RequiredProduct(reader.versions(element), reader.when(element))
        case "hotfix":
            reader.leaf(element, ("id", "minRevision", *RESTRICTION))
            revision = reader.number(element, "minRevision", 1, 1, HIGHEST_REVISION)
            id_ = reader.hotfix_id(element)
            return RequiredHotfix(id_, revision, reader.when(element)) if id_ else None
        case "file":
            return _required_file(reader, element)
        case "registry":
            return _required_registry(reader, element)
        case "os":
            reader.leaf(element, (*_VERSIONS, "architecture", *RESTRICTION))
            return RequiredSystem(reader.versions(element), _architecture(reader, element), reader.when(element))
        case _:
            reader.leaf(element, ("path", "megabytes", *RESTRICTION))
            path = reader.required(element, "path", "$(InstallDir)", 'write path="$(InstallDir)"')
            reader.required(element, "megabytes", "0", 'write how much must be free, as in megabytes="50"')
            megabytes = reader.number(element, "megabytes", 0, 0, 2**31 - 1)
            return RequiredSpace(path, megabytes, reader.when(element))


def _required_file(reader: ManifestReader, element: Element) -> RequiredFile:
    reader.leaf(element, ("path", "exists", *_VERSIONS, "sha256", *RESTRICTION))
    path = reader.required(element, "path", "$(InstallDir)x", 'write which, as in path="$(InstallDir)Router.exe"')
    exists = reader.boolean(element, "exists", True)
    found = RequiredFile(path, exists, reader.versions(element), reader.sha256(element), reader.when(element))
    if not exists and (found.versions.minimum or found.versions.maximum or found.sha256):
        said = "a file that must not exist has neither version nor sha256"
        reader.fault("bad-value", element, said, 'remove them, or exists="false"')
    return found


def _required_registry(reader: ManifestReader, element: Element) -> RequiredRegistry:
    reader.known(element, ("key", "name", "view", "type", "equals", "exists", *RESTRICTION))
    key, name = _key(reader, element), _value_name(reader, element)
    exists = reader.boolean(element, "exists", True)
    equals = _value(reader, element, "equals")
    if equals is not None and (name is None or not exists):
        said = "equals needs the name of a value" if name is None else "what must not exist equals nothing"
        reader.fault("bad-value", element, said, 'write name="" for the default value' if exists else "remove equals")
    return RequiredRegistry(key, name, exists, equals, reader.when(element))


def _architecture(reader: ManifestReader, element: Element) -> str:
    text = element.attributes.get("architecture", "").strip().lower()
    if text and text not in _ARCHITECTURES:
        hint = f"write {', '.join(_ARCHITECTURES[:-1])} or {_ARCHITECTURES[-1]}"
        reader.fault("bad-value", element, f"architecture is {quoted(text)}", hint)
        return ""
    return text


def read_services(reader: ManifestReader, element: Element) -> tuple[Service, ...]:
    """`<services>`."""
    reader.group(element)
    return tuple(_service(reader, one) for one in reader.children(element, ("service",))["service"])


def _service(reader: ManifestReader, element: Element) -> Service:
    reader.leaf(element, ("name", "action", "restart", "dependents", "timeout", *ACTION))
    name = reader.required(element, "name", "x", 'write the name of the service, as in name="CCRouter"').strip()
    if not name.isprintable() or "/" in name or "\\" in name or len(name) > 256:
        hint = "write the short name that the service manager shows, not the displayed one"
        reader.fault("bad-value", element, f"{quoted(name)} is not the name of a service", hint)
    if element.attributes.get("action", "").strip().lower() == _RECYCLE:
        said = "recycle is read as restart: this installer stops the service while files change, then starts it"
        reader.remark("read-as-restart", element, said, 'write action="restart"')
        element = _without(element, "action")
        action = ServiceAction.RESTART
    else:
        action = reader.choice(element, "action", ServiceAction.STOP)
    restart = reader.choice(element, "restart", Restart.IF_WAS_RUNNING)
    if action is not ServiceAction.STOP and restart is Restart.NEVER:
        said = f'a service with action="{action}" is started, and restart="never" says it is not'
        reader.fault("bad-value", element, said, "remove one of them")
    return Service(
        name,
        action,
        restart,
        reader.boolean(element, "dependents", True),
        reader.timeout(element, 120),
        reader.when(element),
    )


def _without(element: Element, name: str) -> Element:
    rest = {key: value for key, value in element.attributes.items() if key != name}
    return Element(element.name, rest, element.text, element.line, element.children)


def read_processes(reader: ManifestReader, element: Element) -> tuple[ProcessEntry, ...]:
    """`<processes>`."""
    reader.group(element)
    return tuple(_process(reader, one) for one in reader.children(element, ("process",))["process"])


def _process(reader: ManifestReader, element: Element) -> ProcessEntry:
    reader.leaf(element, ("name", "action", "timeout", *ACTION))
    name = reader.required(element, "name", "x.exe", 'write the program\'s file name, as in name="Agent.exe"').strip()
    if not name.isprintable() or any(mark in name for mark in '\\/:*?"<>|'):
        hint = "write the file name alone, as in Agent.exe"
        reader.fault("bad-value", element, f"{quoted(name)} is not the file name of a program", hint)
    action = reader.choice(element, "action", ProcessAction.PROMPT)
    return ProcessEntry(name, action, reader.timeout(element, 60), reader.when(element))


def read_registry(reader: ManifestReader, element: Element) -> tuple[RegistryEntry, ...]:
    """`<registry>`."""
    reader.group(element)
    reader.children(element, ("value", "key"))
    return tuple(_registry_entries(reader, element.children))


def _registry_entries(reader: ManifestReader, elements: Sequence[Element]) -> Iterator[RegistryEntry]:
    for element in elements:
        if element.name == "key":
            reader.leaf(element, ("key", "view", "action", *ACTION))
            action = reader.choice(element, "action", RegistryAction.CREATE)
            key = _key(reader, element)
            if action is RegistryAction.SET:
                reader.fault("bad-value", element, "a key is not set", "write create or delete, or use <value>")
            if action is RegistryAction.DELETE and key.path.count("\\") + 1 < FEWEST_NAMES:
                said = f"{key} holds what other products need"
                reader.fault("bad-registry-key", element, said, f"delete keys of at least {FEWEST_NAMES} names only")
            yield RegistryEntry(key, action, when=reader.when(element))
        elif element.name == "value":
            yield _registry_value(reader, element)


def _registry_value(reader: ManifestReader, element: Element) -> RegistryEntry:
    reader.known(element, ("key", "name", "view", "type", "data", "action", *ACTION))
    action = reader.choice(element, "action", RegistryAction.SET)
    name = _value_name(reader, element)
    if name is None:
        reader.missing_attribute(element, "name", 'write the name of the value, or name="" for the default one')
    value = _value(reader, element, "data")
    if action is RegistryAction.CREATE:
        reader.fault("bad-value", element, "a value is not created", "write set or delete, or use <key>")
    elif action is RegistryAction.DELETE and value is not None:
        reader.fault("bad-value", element, "a value that is deleted has no data", "remove data")
    elif action is RegistryAction.SET and value is None:
        reader.missing_attribute(element, "data", 'write what it is set to, as in type="dword" data="1"')
    return RegistryEntry(_key(reader, element), action, name or "", value, reader.when(element))


def _key(reader: ManifestReader, element: Element) -> RegistryKey:
    text = reader.required(element, "key", "", r'write the whole key, as in key="HKLM\SOFTWARE\Mitel\SeC"')
    view = reader.choice(element, "view", View.BITS32)
    if not text:
        return _SOME_KEY
    try:
        return parse_key(text, view)
    except ConfigError as wrong:
        for problem in wrong.problems:
            reader.fault("bad-registry-key", element, problem.message, problem.hint)
        return _SOME_KEY


def _value_name(reader: ManifestReader, element: Element) -> str | None:
    name = element.attributes.get("name")
    if name is not None and (len(name) > LONGEST_VALUE_NAME or "\0" in name):
        reader.fault("bad-value", element, "the name of the value is too long", f"at most {LONGEST_VALUE_NAME}")
    return name


def _value(reader: ManifestReader, element: Element, attribute: str) -> RegistryValue | None:
    """The data of a value; numbers and bytes with an identifier stay texts until it is replaced."""
    type_ = reader.choice(element, "type", ValueType.STRING)
    text = element.attributes.get(attribute)
    strings = reader.children(element, ("string",))["string"]
    for one in strings:
        reader.leaf_text(one)
    if type_ is ValueType.MULTI:
        if text is not None:
            hint = "write each text as its own <string>...</string> inside the element"
            reader.fault("bad-registry-data", element, f"{attribute} of a multiString is not read", hint)
        if any(not one.text for one in strings):
            hint = "remove it: the registry ends such a value at an empty text"
            reader.fault("bad-registry-data", element, "a <string> is empty", hint)
        wanted = attribute == "data" and element.attributes.get("action", "set").strip().lower() == "set"
        return RegistryValue(type_, tuple(one.text for one in strings)) if strings or wanted else None
    if strings:
        said = f"<string> belongs to the type multiString, and this is {type_}"
        reader.fault("bad-registry-data", element, said, f'write {attribute}, or type="multiString"')
    if text is None:
        return None
    if "$(" in text:
        return RegistryValue(type_, text)
    try:
        return parse_value(type_, text)
    except ConfigError as wrong:
        for problem in wrong.problems:
            reader.fault("bad-registry-data", element, problem.message, problem.hint)
        return RegistryValue(ValueType.STRING, "")
