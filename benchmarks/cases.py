"""What is measured: each case from a work folder to a Markdown table (letters as in docs/performance.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import contenders, large_documents, measure, report, serving, trees
from benchmarks.contenders import Contender
from benchmarks.measure import Timing
from benchmarks.trees import Tree
from tests.servers.nginx import nginx

WORKERS = 2  # nginx processes


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and how often: a work folder, the timed rounds, whether the folder is on a disk."""

    work: Path
    rounds: int
    on_disk: bool

    @property
    def docroot(self) -> Path:
        folder = self.work / "docroot"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@contextmanager
def served(setting: Setting) -> Iterator[str]:
    """The work folder's trees through nginx with index pages; yields the address."""
    with nginx(setting.docroot, setting.work / "nginx", extra="access_log off;", workers=WORKERS) as server:
        yield server.url


def cold_many_small(setting: Setting) -> str:
    """F: ten thousand files that nobody has listed yet."""
    return _cold(setting, trees.many_small(setting.docroot))


def cold_published(setting: Setting) -> str:
    """A: ten thousand files that a server published, the same data as F."""
    tree = trees.many_small(setting.docroot)
    with served(setting) as server:
        others, missing = contenders.peers(tree, server, setting.work)
        everyone = [contenders.ours_published(tree, server, setting.work, setting.docroot), *others]
        timings = measure.alternate(everyone, setting.rounds, prepare=measure.clean, check=_checked(tree))
        for contender in everyone:
            measure.clean(contender)
    return _table(timings, missing, setting)


def nothing_published(setting: Setting) -> str:
    """AC: the same again, by the manifest."""
    tree = trees.many_small(setting.docroot)
    with served(setting) as server:
        others, missing = contenders.updating_peers(tree, server, setting.work)
        everyone = [contenders.ours_published(tree, server, setting.work, setting.docroot), *others]
        timings = measure.alternate(everyone, setting.rounds, prepare=_keep, check=_checked(tree))
    return _table(timings, missing, setting)


def cold_few_large(setting: Setting) -> str:
    """B: four files of 256 MiB."""
    return _cold(setting, trees.few_large(setting.docroot))


def nothing_changed(setting: Setting) -> str:
    """C: the same again, from index pages alone."""
    tree = trees.many_small(setting.docroot)
    with served(setting) as server:
        others, missing = contenders.updating_peers(tree, server, setting.work)
        everyone = [contenders.ours(tree, server, setting.work), *others]
        timings = measure.alternate(everyone, setting.rounds, prepare=_keep, check=_checked(tree))
    return _table(timings, missing, setting)


def requests_a_second(setting: Setting) -> str:
    """H: the server beside nginx, two processes each."""
    return serving.table(setting.work, setting.rounds)


def documents_and_listings(setting: Setting) -> str:
    """I: ten thousand entries, a hundred thousand names."""
    return report.seconds_table(large_documents.measured(setting.rounds))


def memory(setting: Setting) -> str:
    """J: the largest the whole process tree gets, for few and many, small and large files."""
    small = trees.many_small(setting.docroot, "J", 1_000)
    rows = []
    with served(setting) as server:
        for name, tree in (
            ("1,000 files, 34 MB", small),
            ("10,000 files, 350 MB", trees.many_small(setting.docroot)),
            ("4 files, 1 GiB", trees.few_large(setting.docroot)),
        ):
            mine = contenders.ours(tree, server, setting.work)
            measure.clean(mine)
            rows.append((name, measure.memory(mine)))
            tree.check(mine.target)
            rows.append((f"{name}, nothing changed", measure.memory(mine)))
            measure.clean(mine)
    return report.memory_table(rows)


def _cold(setting: Setting, tree: Tree) -> str:
    with served(setting) as server:
        others, missing = contenders.peers(tree, server, setting.work)
        everyone = [contenders.ours(tree, server, setting.work), *others]
        timings = measure.alternate(everyone, setting.rounds, prepare=measure.clean, check=_checked(tree))
        for contender in everyone:
            measure.clean(contender)
    return _table(timings, missing, setting)


def _checked(tree: Tree) -> Callable[[Contender], None]:
    def check(contender: Contender) -> None:
        tree.check(contender.target)

    return check


def _keep(contender: Contender) -> None:
    """The next run finds everything in place."""


def _table(timings: Sequence[Timing], missing: Sequence[str], setting: Setting) -> str:
    text = report.table(timings, durable=setting.on_disk)
    text += f"\n\nOur time divided by the fastest other program's: **{report.best_ratio(timings):.2f}**"
    text += f"; median of {setting.rounds} rounds."
    if missing:
        text += f" Not installed, so left out: {', '.join(missing)}."
    return text
