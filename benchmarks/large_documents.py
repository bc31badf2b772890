"""Case I: a Setup.config with ten thousand entries, and a listing with a hundred thousand names."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from deploy.config.document import parse
from deploy.config.identifiers import Identifiers, expand_config
from deploy.config.model import SetupConfig
from deploy.errors import Severity
from deploy.plan import FileFound, Findings, FolderFound, Plan, build_plan, selections
from deploy.transport.contract import Entry, Listing, Validators
from deploy.transport.location import parse_location

ENTRIES = 10_000
NAMES = 100_000
KNOWN = Validators(size=1, modified=1.0)


def large_document() -> bytes:
    """A valid Setup.config of `ENTRIES` single files, below the format's size cap."""
    files = "".join(
        f'<file include="$(WebServerUri)/Client/p{number % 97}/file{number}.dll" outputFolder="p{number % 97}"/>\n'
        for number in range(ENTRIES)
    )
    return f"<configuration><tenantID>1</tenantID><files>{files}</files></configuration>".encode()


def parse_and_plan(document: bytes) -> Plan:
    """Parse, check, replace identifiers and plan, with the sources' answers at hand."""
    config = _expanded(document)
    ready, problems = selections(config)
    findings = [Findings(one, FileFound(one.source.file, KNOWN)) for one in ready]
    plan, errors = build_plan(config, findings)
    assert not problems
    assert not errors
    assert len(plan.files) == ENTRIES
    return plan


def large_listing() -> Listing:
    """A folder of `NAMES` files, three kinds of ending."""
    names = (f"Module {number}.{('exe', 'dll', 'pdb')[number % 3]}" for number in range(NAMES))
    folder = parse_location("http://server/big/")
    return Listing(folder, tuple(Entry(name, False, KNOWN) for name in names))


def match(config: SetupConfig, listing: Listing) -> Plan:
    """Match every name against a wildcard and two excludes, and plan what is left."""
    ready, _ = selections(config)
    plan, _ = build_plan(config, [Findings(ready[0], (FolderFound((), listing),))])
    assert len(plan.files) == sum(not entry.name.endswith("pdb") for entry in listing.entries) - 1
    return plan


def measured(rounds: int) -> list[tuple[str, float]]:
    """(what was done, median seconds) of both halves of the case."""
    document, listing = large_document(), large_listing()
    matching = _expanded(
        b'<configuration><tenantID>1</tenantID><files><file include="$(WebServerUri)/big/*.*" '
        b'exclude="*.pdb; Module 0.exe" outputFolder="big"/></files></configuration>'
    )
    return [
        (f"parse and resolve {ENTRIES:,} `<file>` entries", _median(rounds, lambda: parse_and_plan(document))),
        (f"match and plan a listing of {NAMES:,} names", _median(rounds, lambda: match(matching, listing))),
    ]


def _expanded(document: bytes) -> SetupConfig:
    parsed = parse(document, "Setup.config")
    assert parsed.config is not None
    identifiers = Identifiers().with_values({"WebServerUri": "http://server:80"}, "benchmark")
    config, problems = expand_config(parsed.config, identifiers, unset=Severity.ERROR)
    assert not problems
    return config


def _median(rounds: int, work: Callable[[], Plan]) -> float:
    work()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
