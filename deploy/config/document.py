"""The bytes of a Setup.config to its values, every problem of the document at once (manual: SETUP.CONFIG FORMAT)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.config.check import MOST_PROBLEMS, check, in_order
from deploy.config.identifiers import Identifiers
from deploy.config.model import DEFAULT_TENANT, Execute, FileEntry, ParsedConfig, SetupConfig
from deploy.config.spelling import nearest
from deploy.config.xmltree import Element, read_tree
from deploy.errors import ConfigError, Problem, error, quoted, warning

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
_BOOLEANS = {"true": True, "false": False}
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
    reader = _Reader(name)
    config = reader.configuration(root)
    problems = reader.problems
    if config is not None:
        problems += check(config, Identifiers().with_examples())
    complete = not any(problem.is_error for problem in problems)
    return ParsedConfig(config if complete else None, in_order(problems))


@dataclass(slots=True)
class _Reader:
    """Walks the elements; what is missing is replaced by something harmless and said."""

    name: str
    problems: list[Problem] = field(default_factory=list)
    errors: int = 0

    def wrong(self, code: str, element: Element, message: str, hint: str) -> None:
        if self.errors <= MOST_PROBLEMS:
            self.problems.append(error(code, message, hint, file=self.name, line=element.line))
            self.errors += 1

    def odd(self, code: str, element: Element, message: str, hint: str) -> None:
        if len(self.problems) - self.errors <= MOST_PROBLEMS:
            self.problems.append(warning(code, message, hint, file=self.name, line=element.line))

    def configuration(self, root: Element) -> SetupConfig | None:
        """The draft of a configuration, None when the root is another document's."""
        if root.name != _ROOT:
            hint = (
                "remove the xmlns attribute" if root.name.startswith("{") else f"write <{_ROOT}>, in exactly this case"
            )
            self.wrong("wrong-root", root, f"the root element is <{_shown(root.name)}> and not <{_ROOT}>", hint)
            if root.name.lower() != _ROOT:
                return None
        parts = self.children(root, _ROOT)
        self.attributes(root, ())
        execute, customer = self.single(parts["execute"]), self.single(parts["customerName"])
        tenant, files = self.single(parts["tenantID"]), self.single(parts["files"])
        for one, name in ((tenant, "tenantID"), (files, "files")):
            if one is None:
                self.missing("missing-element", root, f"<{name}>", name, [child.name for child in root.children])
        return SetupConfig(
            name=self.name,
            tenant_id=DEFAULT_TENANT if tenant is None else self.tenant(tenant),
            files=() if files is None else self.files(files),
            customer_name="" if customer is None else self.customer(customer),
            execute=None if execute is None else self.execute(execute),
            customer_line=None if customer is None else customer.line,
        )

    def children(self, element: Element, name: str) -> Mapping[str, list[Element]]:
        """The known children by name; unknown ones, and text where none belongs, are said."""
        known = _CHILDREN.get(name, ())
        found: dict[str, list[Element]] = {child: [] for child in known}
        for child in element.children:
            if child.name in found:
                found[child.name].append(child)
            else:
                hint = self.guess(child.name, known, "<{}>", f"<{name}> holds")
                self.odd("unknown-element", child, f"<{_shown(child.name)}> in <{name}> is unknown and ignored", hint)
        if name not in _WITH_TEXT and not element.text.isspace() and element.text:
            self.odd("stray-text", element, f"text inside <{name}> is ignored", "put values into attributes")
        return found

    def attributes(self, element: Element, known: Sequence[str]) -> None:
        for name in element.attributes:
            if name not in known:
                hint = self.guess(name, known, "{}", f"<{_shown(element.name)}> takes")
                said = f"the attribute {_shown(name)} of <{_shown(element.name)}> is unknown and ignored"
                self.odd("unknown-attribute", element, said, hint)

    def guess(self, name: str, known: Sequence[str], form: str, takes: str) -> str:
        near = nearest(name, known) if len(self.problems) < MOST_PROBLEMS else None
        if near is None:
            return f"{takes} {', '.join(map(form.format, known)) or 'nothing of the kind'}"
        case = " (upper and lower case matter)" if near.lower() == name.lower() else ""
        return f"did you mean {form.format(near)}?{case}"

    def single(self, found: Sequence[Element]) -> Element | None:
        for again in found[1:]:
            said = f"<{again.name}> is there already, on line {found[0].line}"
            self.wrong("repeated-element", again, said, "keep one of them")
        return found[0] if found else None

    def missing(self, code: str, element: Element, shown: str, name: str, others: Sequence[str]) -> None:
        hint = _EXAMPLES[name]
        twin = next((other for other in others if other.lower() == name.lower()), None)
        if twin is not None:
            hint = f"write {name} for {_shown(twin)}: upper and lower case matter"
        self.wrong(code, element, f"{shown} is missing in <{_shown(element.name)}>", hint)

    def required(self, element: Element, name: str, instead: str, *, blank: bool = False) -> str:
        text = element.attributes.get(name)
        if text is None or (not blank and not text.strip()):
            self.missing("missing-attribute", element, name, name, list(element.attributes) if text is None else ())
            return instead
        return text

    def boolean(self, element: Element, name: str) -> bool:
        text = element.attributes.get(name, "false")
        value = _BOOLEANS.get(text.lower())
        if value is None:
            self.wrong("bad-value", element, f"{name} is {quoted(text)}", f'write {name}="true" or {name}="false"')
        return bool(value)

    def tenant(self, element: Element) -> int:
        self.leaf(element)
        text = element.text.strip()
        if _INTEGER.fullmatch(text) and DEFAULT_TENANT <= int(text) <= LARGEST_TENANT:
            return int(text)
        hint = "write the number of the tenant from the page Defined Tenants, or -1 for the default tenant"
        self.wrong("bad-value", element, f"tenantID is {quoted(text)}", hint)
        return DEFAULT_TENANT

    def customer(self, element: Element) -> str:
        self.leaf(element)
        return " ".join(element.text.split())

    def execute(self, element: Element) -> Execute:
        self.leaf(element)
        return Execute(
            command=self.required(element, "command", _SOME_COMMAND),
            args=element.attributes.get("args", ""),
            hidden=self.boolean(element, "hidden"),
            line=element.line,
        )

    def files(self, element: Element) -> tuple[FileEntry, ...]:
        self.attributes(element, ())
        entries = self.children(element, "files")["file"]
        if not entries:
            names = [child.name for child in element.children]
            twin = next((name for name in names if name.lower() == "file"), None)
            hint = f"write <file> for <{twin}>: upper and lower case matter" if twin else "add at least one <file>"
            self.wrong("missing-element", element, "<files> holds no <file>", hint)
        return tuple(self.file(entry, number) for number, entry in enumerate(entries, start=1))

    def file(self, element: Element, number: int) -> FileEntry:
        self.leaf(element)
        return FileEntry(
            number=number,
            include=self.required(element, "include", _SOME_INCLUDE),
            output_folder=self.required(element, "outputFolder", "", blank=True),
            exclude=element.attributes.get("exclude", ""),
            sub_dirs=self.boolean(element, "subDirs"),
            line=element.line,
        )

    def leaf(self, element: Element) -> None:
        self.attributes(element, _ATTRIBUTES.get(element.name, ()))
        self.children(element, element.name)


def _shown(name: str) -> str:
    """An element's or attribute's name on one line; XML lets it be long and hold anything printable."""
    return quoted(name)[1:-1]
