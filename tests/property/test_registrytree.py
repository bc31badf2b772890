"""Registries after any changes: as a plain model of them, and the same again when they come from their file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.errors import TargetError
from deploy.host.filereg import FILE, FileRegistry
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.host.registrytree import RegistryTree
from deploy.relpath import fold

PARTS = st.sampled_from(["a", "A", "b", "ä", "Ä", "ß", "ss", "Wow6432Node", "x y"])
PATHS = st.tuples(st.sampled_from(["SOFTWARE", "software", "SYSTEM", "Software\\Wow6432Node"]), PARTS, PARTS)
KEYS = st.builds(
    RegistryKey,
    st.sampled_from([Hive.HKLM, Hive.HKLM, Hive.HKCU]),
    st.one_of(PATHS.map(lambda parts: "\\".join(parts[:2])), PATHS.map("\\".join)),
    st.sampled_from(View),
)
TEXT = st.text(st.characters(exclude_characters="\0"), max_size=20)
VALUES = st.one_of(
    st.builds(RegistryValue, st.sampled_from([ValueType.STRING, ValueType.EXPAND]), TEXT),
    st.builds(RegistryValue, st.just(ValueType.MULTI), st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(RegistryValue, st.just(ValueType.DWORD), st.integers(0, 2**32 - 1)),
    st.builds(RegistryValue, st.just(ValueType.QWORD), st.integers(0, 2**64 - 1)),
    st.builds(RegistryValue, st.just(ValueType.BINARY), st.binary(max_size=20)),
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("make_key"), KEYS),
        st.tuples(st.just("delete_key"), KEYS),
        st.tuples(st.just("set_value"), KEYS, TEXT, VALUES),
        st.tuples(st.just("delete_value"), KEYS, TEXT),
    ),
    max_size=30,
)
Place = tuple[Hive, str]


class Model:
    """Keys as whole paths of a 64-bit Windows, and values below them."""

    def __init__(self) -> None:
        self.values: dict[Place, dict[str, RegistryValue]] = {
            (Hive.HKLM, "SOFTWARE"): {},
            (Hive.HKLM, "SOFTWARE\\WOW6432NODE"): {},
            (Hive.HKLM, "SYSTEM"): {},
            (Hive.HKCU, "SOFTWARE"): {},
        }
        self.fixed = set(self.values)

    @staticmethod
    def place(key: RegistryKey) -> Place:
        path = fold(key.path)
        whole = path.startswith("SOFTWARE\\WOW6432NODE")
        if key.hive is Hive.HKLM and key.view is View.BITS32 and path.startswith("SOFTWARE") and not whole:
            path = f"SOFTWARE\\WOW6432NODE{path.removeprefix('SOFTWARE')}"
        return key.hive, path

    def change(self, method: str, key: RegistryKey, *rest: object) -> bool:
        """Whether it may be."""
        place = hive, path = self.place(key)
        if method == "make_key":
            if (hive, path.rpartition("\\")[0]) not in self.values:
                return False
            self.values.setdefault(place, {})
        elif method == "delete_key":
            if place in self.fixed or any(one[0] == hive and one[1].startswith(path + "\\") for one in self.values):
                return False
            self.values.pop(place, None)
        elif method == "set_value":
            if place not in self.values:
                return False
            self.values[place][fold(str(rest[0]))] = rest[1]  # type: ignore[assignment]
        else:
            self.values.get(place, {}).pop(fold(str(rest[0])), None)
        return True

    def agrees(self, tree: RegistryTree | FileRegistry, keys: list[RegistryKey]) -> None:
        for key in keys:
            values = self.values.get(self.place(key))
            assert tree.has_key(key) is (values is not None)
            assert {fold(name): tree.value(key, name) for name in tree.value_names(key)} == (values or {})


def _changed(registry: RegistryTree | FileRegistry, model: Model, changes: list[tuple[object, ...]]) -> None:
    for method, key, *rest in changes:
        assert isinstance(key, RegistryKey)
        try:
            getattr(registry, str(method))(key, *rest)
            done = True
        except TargetError:
            done = False
        assert model.change(str(method), key, *rest) is done


@given(CHANGES)
def test_a_tree_is_what_a_plain_model_is(changes: list[tuple[object, ...]]) -> None:
    tree, model = RegistryTree(), Model()
    _changed(tree, model, changes)
    model.agrees(tree, [change[1] for change in changes])  # type: ignore[misc]
    assert sum(bool(entry.path) for entry in tree.entries()) == len(model.values)


@settings(max_examples=25, deadline=None)
@given(CHANGES)
def test_it_comes_back_from_its_file(changes: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder:
        model = Model()
        _changed(FileRegistry(Path(folder, FILE)), model, changes)
        model.agrees(FileRegistry(Path(folder, FILE)), [change[1] for change in changes])  # type: ignore[misc]


@given(CHANGES)
def test_entries_make_the_same_tree_again(changes: list[tuple[object, ...]]) -> None:
    tree, again = RegistryTree(), RegistryTree()
    _changed(tree, Model(), changes)
    for entry in tree.entries():
        again.put(entry)
    assert list(again.entries()) == list(tree.entries())
