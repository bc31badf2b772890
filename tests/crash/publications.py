"""A server with customers that have an old release and are about to get a new one, and what readers may see."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Problem
from deploy.site import packing
from deploy.site.publish import GRACE, Means, publish
from deploy.site.publish_result import PublishResult, State
from deploy.site.publish_tree import Checkpoint
from tests.crash.replicas import replicate
from tests.unit.deploy.site.publish_bench import NEXT, OWN, Bench

SMALL_PACK, SMALL = 4000, 1000
IDS = ("acme", "other")
NAMES = tuple(f"f{number:02}.dll" for number in range(24))

Files = dict[str, bytes]


@dataclass(frozen=True)
class Scene:
    """The folder of a server; `kept` beside it is as it was set up."""

    base: Path

    @property
    def published(self) -> Path:
        return self.base / "published"

    @property
    def kept(self) -> Path:
        return self.base.with_name(f"{self.base.name}.kept")

    def bench(self) -> Bench:
        """The server as its folder is now."""
        return Bench(self.base)

    def prepare(self) -> None:
        """Published twice, so that something is unused; then everything changes: contents, a customer goes."""
        bench = Bench(self.base)
        for name in NAMES:
            bench.put(f"next/{name}", f"first {name}" * 20)
        for id_ in (*IDS, "gone"):
            bench.customer(id_, NEXT + OWN)
            bench.put(f"WebDeployment/{id_}/ClientSetup.ini", f"of {id_}")
        self.publish(days=-3)
        for name, data in old_files("").items():
            bench.put(f"next/{name}", data)
        self.publish(days=-2)
        assert bench.settings.published.joinpath("customers/gone").exists()
        for name, data in new_files("").items():
            bench.put(f"next/{name}", data)
        shutil.rmtree(self.base / "WebDeployment/gone")
        replicate(self.base, self.kept)

    def set_up(self) -> None:
        """The old release, and everything ready for the new one."""
        replicate(self.kept, self.base)

    def publish(
        self, checkpoint: Checkpoint = lambda _: None, *, days: float = 0.0, verify: bool = False
    ) -> PublishResult:
        """Publish everybody, so many days from now."""
        bench = self.bench()
        customers = [bench.read(one) for one in sorted(bench.settings.root.iterdir())]
        means = Means(clock=lambda: time.time() + days * 86_400, wait=lambda _: None)
        return publish(bench.settings, customers, checkpoint=checkpoint, complete=True, verify=verify, means=means)

    def release(self, id_: str) -> str:
        """What a reader has of a customer: "old", "new"; anything else is an error."""
        files = self.bench().installed(id_)
        own = {f"Solidus/{name}": data for name, data in (("ClientSetup.ini", f"of {id_}".encode()),)}
        for state, wanted in (("old", old_files("Solidus/")), ("new", new_files("Solidus/"))):
            if files == wanted | own:
                return state
        raise AssertionError(f"{id_} has neither the old release nor the new one: {sorted(files)}")

    def state(self) -> str:
        """What readers have: the customers one after another, "old" or "new" where they agree."""
        found = {self.release(id_) for id_ in IDS}
        return found.pop() if len(found) == 1 else "between"

    def problems(self) -> tuple[Problem, ...]:
        """What reading every content again finds, after a publication that has nothing to do."""
        result = self.publish(verify=True)
        assert {one.state for one in result.customers} == {State.UNCHANGED}
        assert result.written == 0
        return result.problems

    def is_clean(self) -> bool:
        """Whether nothing is left that a later publication would not remove."""
        self.publish(days=1.0 + GRACE / 86_400)
        bench = self.bench()
        used = {address for id_ in IDS for address in packing.usage(bench.manifest(id_)).addresses()}
        strays = [path for path in self.published.rglob("*") if path.suffix == ".tmp" or path.parent.name == "incoming"]
        return set(bench.contents()) == used and not strays and not (self.published / "customers/gone").exists()


def small_packs() -> None:
    """So small that there are several, and that some are packed anew."""
    packing.PACK_SIZE, packing.SMALL = SMALL_PACK, SMALL


def old_files(above: str) -> Files:
    return {f"{above}{name}": f"old {name}".encode() * 25 for name in NAMES} | {
        f"{above}large.bin": b"old" * 400_000,
        f"{above}empty": b"",
    }


def new_files(above: str) -> Files:
    changed = {f"{above}{name}": f"NEW {name}".encode() * 30 for number, name in enumerate(NAMES) if number % 3}
    return old_files(above) | changed | {f"{above}large.bin": b"new" * 500_000}
