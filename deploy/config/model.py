"""The values a Setup.config holds (manual: SETUP.CONFIG FORMAT)."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.errors import Problem

DEFAULT_TENANT = -1


@dataclass(frozen=True, slots=True)
class Execute:
    """What is started after every file is in place. `line` is 1-based in the document."""

    command: str
    args: str = ""
    hidden: bool = False
    line: int | None = None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One `<file>` element, its texts as written or with identifiers replaced.

    `number` is its 1-based position among the `<file>` elements, `line` its 1-based line.
    """

    number: int
    include: str
    output_folder: str
    exclude: str = ""
    sub_dirs: bool = False
    line: int | None = None


@dataclass(frozen=True, slots=True)
class SetupConfig:
    """A whole Setup.config. `name` is the path or address it came from, without credentials.

    `customer_line` is the 1-based line of `<customerName>`.
    """

    name: str
    tenant_id: int
    files: tuple[FileEntry, ...]
    customer_name: str = ""
    execute: Execute | None = None
    customer_line: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedConfig:
    """What reading a document gave: every problem, and the configuration when there is no error."""

    config: SetupConfig | None
    problems: tuple[Problem, ...]
