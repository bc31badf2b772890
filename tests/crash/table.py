"""Write what the whole matrices did into docs/reliability.md: python -m tests.crash.table, after make test-deep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.crash.tally import saved

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- counts -->\n", "<!-- end of counts -->\n"


@dataclass(frozen=True)
class Group:
    """One table: its title, the faults it has a column for, the places it has a row for; each key with its words."""

    title: str
    faults: Mapping[str, str]
    places: Mapping[str, str]


FILE_FAULTS = {
    "kill": "kill -9",
    "torn": "torn write",
    "enospc": "ENOSPC",
    "eio": "EIO",
    "eacces": "EACCES",
}
GROUPS = (
    Group(
        "A fault at one call that changes a file",
        FILE_FAULTS,
        {
            "install": "placing a release",
            "install, recovery": "placing a release, then the recovery",
            "change": "a hotfix's change",
            "change, copies": "the same, without hard links",
            "undoing": "a hotfix's change refused at each call (EIO), then each call of the undoing",
            "recovery": "a hotfix's change killed at each call, then each call of the recovery",
            "change, then a restart of the system": "a hotfix's change, then a restart of the system",
            "hotfix": "a hotfix applied by `MiCCEHotFixInstaller /i:... /s`, from its `*.config` to the repository",
            "hotfix, again": "the same where it is installed already",
            "hotfix, removal": "the hotfix removed by `micce-hotfix uninstall`",
            "hotfix, recovery": "each of these killed at every 100th call, then each call of `micce-hotfix recover`",
            "installer": "`MiCCEHotFixInstaller` as a process of its own, every tenth call",
            "publication": "`micce-deploy publish`, for each of two customers",
        },
    ),
    Group(
        "A disk that takes nothing from one call on",
        {"enospc-on": "ENOSPC", "eio-on": "EIO", "eacces-on": "EACCES"},
        {
            "install": "placing a release",
            "install, recovery": "placing a release, then the recovery",
            "change": "a hotfix's change",
            "change, copies": "the same, without hard links",
            "hotfix": "a hotfix applied by `MiCCEHotFixInstaller /i:... /s`",
            "hotfix, again": "the same where it is installed already",
            "hotfix, removal": "the hotfix removed by `micce-hotfix uninstall`",
            "publication": "`micce-deploy publish`, for each of two customers",
        },
    ),
    Group(
        "A fault at one call of services, registry or programs",
        {
            "before": "killed before it",
            "after": "killed after it",
            "refused": "refused",
            "late": "done, and called refused",
        },
        {
            "machine": "a hotfix's change",
            "recovery, machine": "a hotfix's change killed after each call, then each call of the recovery",
        },
    ),
    Group(
        "A power loss at one call that changes a file (ext4)",
        {"power": "what was not flushed is lost", "power-data": "names are kept, contents that were not flushed lost"},
        {"change": "a hotfix's change", "recovery": "its recovery"},
    ),
    Group(
        "Three installers at one moment",
        {"three": "rounds"},
        {"at once": "one works, two say `busy`"},
    ),
    Group(
        "A small disk, with 4 kB more room each time",
        {"disk-full": "sizes"},
        {
            "disk full": "a hotfix's change",
            "disk full, copies": "the same, without hard links",
            "disk full, one volume": "the same, where one of its three folders lies there",
        },
    ),
)


def table(group: Group, counts: Counter[tuple[str, str, str]]) -> str:
    """The table of a group, "" where nothing of it was counted: how many points, and what came of them."""
    rows = list(_rows(group, counts))
    if not rows:
        return ""
    head = ["where", *group.faults.values(), "wholly old", "wholly new", "anything else"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return f"### {group.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rows(group: Group, counts: Counter[tuple[str, str, str]]) -> Iterator[list[str]]:
    for place, words in group.places.items():
        own = {key: count for key, count in counts.items() if key[0] == place and key[1] in group.faults}
        if not own:
            continue
        points = [sum(n for (_, fault, _), n in own.items() if fault == column) for column in group.faults]
        old, new = (sum(n for (_, _, state), n in own.items() if state == wanted) for wanted in ("old", "new"))
        yield [
            words,
            *(f"{n:,}" if n else "-" for n in points),
            *(f"{n:,}" for n in (old, new, sum(own.values()) - old - new)),
        ]


def filled(document: str, counts: Counter[tuple[str, str, str]]) -> str:
    """The document with its counts replaced."""
    before, rest = document.split(BEGIN)
    after = rest.split(END)[1]
    tables = [text for group in GROUPS if (text := table(group, counts))]
    return before + BEGIN + "\n" + "\n".join(tables) + "\n" + END + after


def main() -> None:
    """See the module."""
    DOCUMENT.write_text(filled(DOCUMENT.read_text("utf-8"), saved()), "utf-8")


if __name__ == "__main__":
    main()
