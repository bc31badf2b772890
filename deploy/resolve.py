"""From the address of a Setup.config to a plan: read, check, replace identifiers, ask the sources, plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from deploy.config.check import check as check_texts
from deploy.config.document import parse
from deploy.config.identifiers import Identifiers, expand_config
from deploy.config.model import SetupConfig
from deploy.errors import ConfigError, Problem, Severity, TargetError, error
from deploy.plan import Plan, Selection, build_plan, selections
from deploy.sources import Sources
from deploy.transport.location import Location, Scheme, parse_location

DOCUMENT_CAP = 1024 * 1024
DOCUMENT_NAME = "Setup.config"
UNASKED = ("unreachable", "timed-out", "access-denied", "certificate-refused")
ADDRESS_ORIGIN = "the address of the Setup.config"


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of a Setup.config. `name` is for messages; `location` is None for a local path."""

    name: str
    data: bytes
    location: Location | None


def read_document(where: str, sources: Sources) -> Document:
    """Read a Setup.config from a path, a customer folder, or an address.

    Raises `TargetError` (cannot-read), `ConfigError` (bad-include) or `SourceError`.
    """
    if "://" in where or where.startswith("\\\\"):
        location = parse_location(where)
        return Document(str(location), sources.read(location, DOCUMENT_CAP), location)
    path = Path(where)
    if path.is_dir():
        path = path / DOCUMENT_NAME
    try:
        with path.open("rb") as file:
            return Document(str(path), file.read(DOCUMENT_CAP + 1), None)
    except OSError as wrong:
        hint = "give the path or the address of a Setup.config, or the folder that holds one"
        raise TargetError(error("cannot-read", f"{path}: {wrong.strerror}", hint)) from wrong


def with_address(identifiers: Identifiers, document: Document) -> Identifiers:
    """Let the server a document came from stand for the Web server where nothing else says which it is."""
    location = document.location
    if location is None or location.scheme not in (Scheme.HTTP, Scheme.HTTPS):
        return identifiers
    port = str(location.effective_port)
    host = f"[{location.host}]" if ":" in location.host else location.host
    values = {
        "WebServer": location.host,
        "WebServerPort": port,
        "WebServerUri": f"{location.scheme.value}://{host}:{port}",
    }
    unset = {name: value for name, value in values.items() if identifiers.get(name) is None}
    return identifiers.with_values(unset, ADDRESS_ORIGIN)


def check(document: Document, identifiers: Identifiers, sources: Sources | None) -> tuple[Problem, ...]:
    """Every problem of a document: its form, its identifiers and, with `sources`, what they hold.

    A source that cannot be asked from here is a warning: the client may well reach it.
    """
    parsed = parse(document.data, document.name)
    if parsed.config is None:
        return parsed.problems
    problems = [*parsed.problems, *check_texts(parsed.config, identifiers)]
    if sources is not None:
        plan, errors = build_plan(parsed.config, sources.gather(_askable(parsed.config, identifiers)))
        problems += [*plan.warnings, *map(_softened, errors)]
    return tuple(dict.fromkeys(problems))


def resolve(document: Document, identifiers: Identifiers, sources: Sources) -> Plan:
    """The plan of a document; raises `ConfigError` with every problem when it cannot be carried out."""
    parsed = parse(document.data, document.name)
    if parsed.config is None:
        raise ConfigError(parsed.problems)
    config, unset = expand_config(parsed.config, identifiers, unset=Severity.ERROR)
    ready, wrong = selections(config)
    said = (*parsed.problems, *unset, *wrong)
    if any(problem.is_error for problem in said):
        raise ConfigError(said)
    plan, errors = build_plan(config, sources.gather(ready))
    if errors:
        raise ConfigError((*said, *plan.warnings, *errors))
    return replace(plan, warnings=(*said, *plan.warnings))


def _askable(config: SetupConfig, identifiers: Identifiers) -> tuple[Selection, ...]:
    """The entries that can be asked for from here: what keeps the others from it is told by `check_texts`."""
    expanded, wrong = expand_config(config, identifiers, unset=Severity.WARNING)
    lines = {problem.line for problem in wrong}
    ready, _ = selections(expanded)
    return tuple(selection for selection in ready if selection.entry.line not in lines)


def _softened(problem: Problem) -> Problem:
    if problem.code in UNASKED:
        return replace(problem, severity=Severity.WARNING, message=f"not checked: {problem.message}")
    return problem
