"""The bytes of a Setup.config to its values, every problem of the document at once (manual: SETUP.CONFIG FORMAT)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.config.check import check, in_order
from deploy.config.identifiers import Identifiers
from deploy.config.model import DEFAULT_TENANT, Execute, FileEntry, ParsedConfig, SetupConfig
from deploy.config.reader import Reader
from deploy.config.xmltree import Element, read_tree
from deploy.errors import ConfigError, quoted

LARGEST_TENANT = 2**31 - 1

_ROOT = "configuration"
_CHILDREN: Mapping[str, tuple[str, ...]] = {
    _ROOT: ("execute", "customerName", "tenantID", "files"),
    "files": ("file",),
}
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "execute": ("command", "args", "hidden"),
    "file": ("include", "exclude", "subDirs", "outputFolder"),
}
_WITH_TEXT = ("customerName", "tenantID")
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_EXAMPLES = {
    "tenantID": "add <tenantID>-1</tenantID>, where -1 is the default tenant",
    "files": "add <files> with at least one <file>",
    "command": r'write the program to start, as in command="Solidus\ClientSetup.exe", or remove <execute>',
    "include": 'write what to download, as in include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*"',
    "outputFolder": 'write the folder to put it in, as in outputFolder="Solidus"',
}

# Stand in for what is missing, so that the rest of the element can be judged.
_SOME_INCLUDE = "$(WebServerUri)/*"
_SOME_COMMAND = "$(System32Dir)cmd.exe"


def parse(data: bytes, name: str) -> ParsedConfig:
    """Read a Setup.config; `name` is its path or address without credentials, for the problems.

    Whatever can be judged without knowing this machine is: the form, the values, and what
    `deploy.config.check` finds with examples for the identifiers. `config` is there when no problem
    is an error. Never raises for what the document says. Own codes: wrong-root, missing-element,
    repeated-element, missing-attribute, bad-value (errors), unknown-element, unknown-attribute,
    stray-text (warnings), and those of `read_tree`.
    """
    try:
        root = read_tree(data)
    except ConfigError as wrong:
        return ParsedConfig(None, tuple(problem.at(name) for problem in wrong.problems))
    reader = _Setup(name)
    config = reader.configuration(root)
    problems = reader.problems
    if config is not None:
        problems += check(config, Identifiers().with_examples())
    complete = not any(problem.is_error for problem in problems)
    return ParsedConfig(config if complete else None, in_order(problems))


@dataclass(slots=True)
class _Setup(Reader):
    """Walks the elements of a Setup.config."""

    def configuration(self, root: Element) -> SetupConfig | None:
        """The draft of a configuration, None when the root is another document's."""
        if not self.is_root(root, _ROOT):
            return None
        parts = self.known_children(root, _ROOT)
        self.attributes(root, ())
        execute, customer = self.single(parts["execute"]), self.single(parts["customerName"])
        tenant, files = self.single(parts["tenantID"]), self.single(parts["files"])
        for one, name in ((tenant, "tenantID"), (files, "files")):
            if one is None:
                self.missing_element(root, name, _EXAMPLES[name])
        return SetupConfig(
            name=self.name,
            tenant_id=DEFAULT_TENANT if tenant is None else self.tenant(tenant),
            files=() if files is None else self.files(files),
            customer_name="" if customer is None else self.customer(customer),
            execute=None if execute is None else self.execute(execute),
            customer_line=None if customer is None else customer.line,
        )

    def known_children(self, element: Element, name: str) -> Mapping[str, list[Element]]:
        return self.children(element, _CHILDREN.get(name, ()), with_text=name in _WITH_TEXT)

    def tenant(self, element: Element) -> int:
        self.leaf(element)
        text = element.text.strip()
        if _INTEGER.fullmatch(text) and DEFAULT_TENANT <= int(text) <= LARGEST_TENANT:
            return int(text)
        hint = "write the number of the tenant from the page Defined Tenants, or -1 for the default tenant"
        self.fault("bad-value", element, f"tenantID is {quoted(text)}", hint)
        return DEFAULT_TENANT

    def customer(self, element: Element) -> str:
        self.leaf(element)
        return " ".join(element.text.split())

    def execute(self, element: Element) -> Execute:
        self.leaf(element)
        return Execute(
            command=self.required(element, "command", _SOME_COMMAND, _EXAMPLES["command"]),
            args=element.attributes.get("args", ""),
            hidden=self.boolean(element, "hidden"),
            line=element.line,
        )

    def files(self, element: Element) -> tuple[FileEntry, ...]:
        self.attributes(element, ())
        entries = self.known_children(element, "files")["file"]
        if not entries:
            names = [child.name for child in element.children]
            twin = next((name for name in names if name.lower() == "file"), None)
            hint = f"write <file> for <{twin}>: upper and lower case matter" if twin else "add at least one <file>"
            self.fault("missing-element", element, "<files> holds no <file>", hint)
        return tuple(self.file(entry, number) for number, entry in enumerate(entries, start=1))

    def file(self, element: Element, number: int) -> FileEntry:
        self.leaf(element)
        return FileEntry(
            number=number,
            include=self.required(element, "include", _SOME_INCLUDE, _EXAMPLES["include"]),
            output_folder=self.required(element, "outputFolder", "", _EXAMPLES["outputFolder"], blank=True),
            exclude=element.attributes.get("exclude", ""),
            sub_dirs=self.boolean(element, "subDirs"),
            line=element.line,
        )

    def leaf(self, element: Element) -> None:
        self.attributes(element, _ATTRIBUTES.get(element.name, ()))
        self.known_children(element, element.name)
