"""Hotfixes over each other in any order: what is there is always what those that are installed make of it.

The model does every deed again, from the bottom, of the hotfixes that are installed. A hotfix that is applied again
keeps its place, so a later one that wrote the same file is written over, and uncovers it when it goes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from deploy.host.registry import RegistryValue
from deploy.host.registrytree import Entry
from hotfix.history import installed
from hotfix.model import Edit
from tests.unit.hotfix.bench import KEY, Bench, Fix, set_edit, text

FILES = ("install/a.dll", "install/b.dll", "install/made/deep/c.dll", "share/lib/d.dll", "share/lib/e/f.dll")
XML = ("install/e.xml", "share/f.xml")
NAMES = ("One", "Two")
CONTENTS = st.sampled_from([b"", b"1", b"two", b"three!"])
Change = bytes | tuple[Edit, ...] | None


def xml(value: str, other: str) -> bytes:
    return f'<c><a v="{value}"/><b v="{other}"/></c>\n'.encode()


def edited(data: bytes | None, edits: tuple[Edit, ...]) -> bytes | None:
    if data is None:
        return None
    for edit in edits:
        element = edit.xpath[-1]
        start = data.index(f'<{element} v="'.encode()) + 6
        data = data[:start] + edit.value.encode() + data[data.index(b'"', start) :]
    return data


@dataclass(frozen=True)
class Deed:
    """One time a hotfix was applied."""

    id: str
    files: dict[str, Change]
    values: dict[str, RegistryValue | None]


EDITS = st.builds(lambda at, value: (set_edit(value, at),), st.sampled_from(["/c/a", "/c/b"]), st.sampled_from("567"))
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        **{name: CONTENTS | st.none() for name in FILES},
        **{name: EDITS | st.builds(xml, st.sampled_from("89"), st.sampled_from("89")) for name in XML},
    },
)
VALUES = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, st.sampled_from("xyz").map(text) | st.none()))


class Chain(RuleBasedStateMachine):
    """Apply, apply again, in a higher revision too, uninstall."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="chain-"))
        self.bench = Bench(self.folder)
        self.deeds: list[Deed] = []
        self.order: list[str] = []
        self.revisions: dict[str, int] = {}

    @initialize(there=st.fixed_dictionaries({}, optional=dict.fromkeys(FILES, CONTENTS)), version=st.booleans())
    def set_up(self, there: dict[str, bytes], version: bool) -> None:
        for number, (name, data) in enumerate({**there, XML[0]: xml("1", "2"), XML[1]: xml("3", "4")}.items()):
            self.bench.write(name, data, mode=0o600 + number * 8, time=1_400_000_000 + number)
        self.first = {name: data[0] for name, data in self.bench.tree("install", "share").items()}
        self.whole = self.bench.tree()
        self.values: dict[str, RegistryValue] = {}
        if version:
            self.bench.host.settings.tree.put(
                Entry(KEY.hive, r"SOFTWARE\Wow6432Node\Mitel\SeC", (("One", text("first")),))
            )
            self.values = {"One": text("first")}

    @rule(id=st.sampled_from("ABC"), higher=st.booleans(), files=CHANGES, values=VALUES)
    def apply(self, id: str, higher: bool, files: dict[str, Change], values: dict[str, RegistryValue | None]) -> None:
        there = self.bench.tree("install", "share")
        files = {name: change for name, change in files.items() if name in there or not isinstance(change, tuple)}
        revision = self.revisions.get(id, 1) + (higher and id in self.revisions)
        result = self.bench.apply(Fix(id, revision, files=files, values=values))
        assert result.applied
        assert not result.warnings
        self.revisions[id] = revision
        self.order += [] if id in self.order else [id]
        self.deeds.append(Deed(id, files, values))
        self.look()

    @precondition(lambda self: self.order)
    @rule()
    def uninstall_the_last(self) -> None:
        self._uninstall()
        self.look()

    def look(self) -> None:
        """Everything is what the deeds of the installed hotfixes make of what was there first."""
        contents: dict[str, bytes | None] = dict(self.first)
        values: dict[str, RegistryValue | None] = dict(self.values)
        for deed in self.deeds:
            for name, change in deed.files.items():
                contents[name] = edited(contents.get(name), change) if isinstance(change, tuple) else change
            values |= deed.values
        found = {name: data for name, (data, _, _) in self.bench.tree("install", "share").items() if data is not None}
        wanted = {name: data for name, data in contents.items() if data is not None}
        assert found == wanted
        assert {name: self.bench.host.settings.value(KEY, name) for name in NAMES} == {
            name: values.get(name) for name in NAMES
        }
        records = installed(self.bench.target.hotfixes)
        assert [(one.id, one.revision) for one in records] == [(id, self.revisions[id]) for id in self.order]

    def teardown(self) -> None:
        """All of them go, the last one first, and nothing tells that they were there."""
        while self.order:
            self._uninstall()
        if hasattr(self, "whole"):
            assert self.bench.tree() == self.whole
            values = {name: self.bench.host.settings.value(KEY, name) for name in NAMES}
            assert values == {name: self.values.get(name) for name in NAMES}
            assert self.bench.host.settings.has_key(KEY) is bool(self.values)
        shutil.rmtree(self.folder)

    def _uninstall(self) -> None:
        id = self.order.pop()
        assert not self.bench.uninstall(id).warnings
        self.deeds = [deed for deed in self.deeds if deed.id != id]
        del self.revisions[id]


TestChain = Chain.TestCase
TestChain.settings = settings(
    max_examples=40 if hasattr(os, "O_DIRECTORY") else 4,  # under Wine each takes seconds
    stateful_step_count=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
