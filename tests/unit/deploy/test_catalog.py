"""The catalogue of hotfixes: what it offers, and that only what it says is read from it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from deploy import catalog as module
from deploy.catalog import (
    FORMAT,
    Catalog,
    CatalogEntry,
    CatalogFile,
    Prerequisite,
    Standing,
    encode_catalog,
    parse_catalog,
)
from deploy.digest import Sha256
from deploy.errors import ConfigError
from deploy.machine import Role
from deploy.relpath import RelPath

WHEN = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)
CONFIG = CatalogFile(RelPath(("HF.config",)), Sha256("c" * 64), 10)


def entry(id: str = "HF1", revision: int = 1, **changed: Any) -> CatalogEntry:
    plain = CatalogEntry(
        id=id,
        revision=revision,
        folder=RelPath((id, str(revision))),
        config=CONFIG.path,
        files=(CONFIG, CatalogFile(RelPath(("Client", "a.dll")), Sha256("a" * 64), 5)),
        published=WHEN,
        roles=frozenset({Role.CLIENT}),
    )
    return replace(plain, **changed)


FULL = entry(
    "MICCE-1",
    3,
    name="Rückruf \u20ac",
    classification="Security",
    description="Two\nlines",
    released="2024-02-28",
    roles=frozenset({Role.CLIENT, Role.ROUTER}),
    requires=(Prerequisite("HF1", 2),),
    supersedes=("HF0",),
    allow_uninstall=False,
    withdrawn=WHEN + timedelta(days=1),
)


def ids(catalog: Catalog) -> list[str]:
    return [f"{one.id}r{one.revision}" for one in catalog.offered()]


class TestDocument:
    def test_what_is_written_is_read(self) -> None:
        catalog = Catalog((FULL, entry()))
        assert parse_catalog(encode_catalog(catalog), "x") == catalog
        assert parse_catalog(encode_catalog(Catalog()), "x") == Catalog()

    def test_the_same_catalogue_gives_the_same_bytes(self) -> None:
        roles = frozenset([Role.ROUTER, Role.CLIENT])
        assert encode_catalog(Catalog((FULL,))) == encode_catalog(Catalog((replace(FULL, roles=roles),)))

    def test_times_are_written_in_utc(self) -> None:
        local = WHEN.astimezone(timezone(timedelta(hours=5)))
        assert encode_catalog(Catalog((entry(published=local),))) == encode_catalog(Catalog((entry(),)))

    def test_names_that_are_not_known_are_skipped(self) -> None:
        document = json.loads(encode_catalog(Catalog((FULL,))))
        document["more"] = document["hotfixes"][0]["more"] = {"x": [1]}
        document["hotfixes"][0]["roles"].append("Phone")
        assert parse_catalog(json.dumps(document).encode(), "x") == Catalog((FULL,))

    def test_a_newer_format_is_refused_by_its_name(self) -> None:
        data = json.dumps({"format": FORMAT + 1, "hotfixes": "other"}).encode()
        with pytest.raises(ConfigError) as raised:
            parse_catalog(data, "the source")
        (problem,) = raised.value.problems
        assert (problem.code, problem.file) == ("newer-catalog", "the source")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"[]",
            b"null",
            b"\xff\xfe{}",
            b'{"format": 1}',
            b'{"format": "1", "hotfixes": []}',
            b'{"format": true, "hotfixes": []}',
            b'{"format": 1, "hotfixes": {}}',
            b'{"format": 1, "format": 1, "hotfixes": []}',
            b'{"format": NaN, "hotfixes": []}',
            b'{"format": 1e999, "hotfixes": []}',
            b"[" * 100_000,
            b'{"format": 1, "hotfixes": [' + b"[" * 3000 + b"]" * 3000 + b"]}",
            b'{"format": ' + b"1" * 5000 + b', "hotfixes": []}',
        ],
    )
    def test_what_is_no_catalogue_is_refused(self, data: bytes) -> None:
        with pytest.raises(ConfigError) as raised:
            parse_catalog(data, "x")
        assert raised.value.code == "bad-catalog"
        assert raised.value.problems[0].hint

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("id", "../x"),
            ("id", "a/b"),
            ("id", "NUL"),
            ("id", ""),
            ("revision", 0),
            ("revision", 1.5),
            ("revision", True),
            ("revision", 2**60),
            ("folder", ".."),
            ("folder", "C:\\x"),
            ("folder", "HF1"),
            ("folder", "HF1/1/x"),
            ("folder", "/HF1/1"),
            ("config", "other.config"),
            ("published", "yesterday"),
            ("published", "2024-02-30T00:00:00Z"),
            ("withdrawn", ""),
            ("roles", "Client"),
            ("roles", [1]),
            ("requires", [{"id": "HF0"}]),
            ("supersedes", ["../x"]),
            ("allowUninstall", "true"),
            ("name", None),
            ("name", "x" * 20_001),
            ("files", []),
            ("files", [{"path": "../x", "sha256": "a" * 64, "size": 1}]),
            ("files", [{"path": "HF.config", "sha256": "a" * 63, "size": 1}]),
            ("files", [{"path": "HF.config", "sha256": "a" * 64, "size": -1}]),
            ("files", [{"path": "HF.config", "sha256": "a" * 64, "size": 1}] * 2),
            ("files", [{"path": ".", "sha256": "a" * 64, "size": 1}]),
        ],
    )
    def test_a_wrong_value_is_refused(self, name: str, value: object) -> None:
        document = json.loads(encode_catalog(Catalog((FULL,))))
        document["hotfixes"][0][name] = value
        with pytest.raises(ConfigError) as raised:
            parse_catalog(json.dumps(document).encode(), "x")
        assert raised.value.code == "bad-catalog"

    @pytest.mark.parametrize("name", sorted(json.loads(encode_catalog(Catalog((FULL,))))["hotfixes"][0]))
    def test_a_missing_name_is_refused(self, name: str) -> None:
        document = json.loads(encode_catalog(Catalog((FULL,))))
        del document["hotfixes"][0][name]
        if name == "withdrawn":
            assert parse_catalog(json.dumps(document).encode(), "x").entries[0].withdrawn is None
            return
        with pytest.raises(ConfigError):
            parse_catalog(json.dumps(document).encode(), "x")

    def test_one_revision_twice_is_refused(self) -> None:
        data = encode_catalog(Catalog((entry("HF1"), entry("hf1"))))
        with pytest.raises(ConfigError):
            parse_catalog(data, "x")

    def test_every_byte_cut_off_or_changed_is_refused_or_read(self) -> None:
        data = encode_catalog(Catalog((FULL,)))
        for place in range(len(data) - 2):
            with pytest.raises(ConfigError):
                parse_catalog(data[:place], "x")
        for place in range(len(data)):
            try:
                parse_catalog(data[:place] + b"\x01" + data[place + 1 :], "x")
            except ConfigError:
                continue

    def test_sizes_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = encode_catalog(Catalog((FULL, entry())))
        for name, value in (("LARGEST", len(data) - 1), ("MOST_HOTFIXES", 1), ("MOST_FILES", 1)):
            with monkeypatch.context() as patch:
                patch.setattr(module, name, value)
                with pytest.raises(ConfigError):
                    parse_catalog(data, "x")


class TestOffer:
    def test_clients_are_offered_what_has_a_step_for_them(self) -> None:
        servers = entry("HF2", roles=frozenset({Role.ROUTER}))
        assert ids(Catalog((entry(), servers, entry("HF3", roles=frozenset())))) == ["HF1r1"]

    def test_only_the_highest_revision(self) -> None:
        catalog = Catalog((entry(revision=3), entry("hf1", 2), entry("HF2")))
        assert ids(catalog) == ["HF1r3", "HF2r1"]
        assert catalog.standing(catalog.entries[1]) == Standing(replaced_by=3)

    def test_nothing_that_was_withdrawn(self) -> None:
        catalog = Catalog((entry(revision=1), entry(revision=2)))
        assert ids(catalog.withdrawn("hf1", 2, WHEN)) == ["HF1r1"]
        assert ids(catalog.withdrawn("hf1", None, WHEN)) == []
        assert catalog.withdrawn("hf1", None, WHEN).withdrawn("hf1", 2, WHEN + timedelta(1)) == catalog.withdrawn(
            "HF1", None, WHEN
        )

    def test_nothing_obsolete_while_what_makes_it_so_is_published(self) -> None:
        catalog = Catalog((entry("HF1"), entry("HF2", supersedes=("hf1",), roles=frozenset({Role.ROUTER}))))
        assert ids(catalog) == []
        assert catalog.standing(catalog.entries[0]).superseded_by == "HF2"
        assert ids(catalog.withdrawn("HF2", None, WHEN)) == ["HF1r1"]

    def test_a_hotfix_that_names_itself_stays(self) -> None:
        assert ids(Catalog((entry("HF1", supersedes=("HF1",)),))) == ["HF1r1"]

    def test_what_is_required_comes_first(self) -> None:
        catalog = Catalog(
            (
                entry("A", requires=(Prerequisite("C"), Prerequisite("B"), Prerequisite("elsewhere"))),
                entry("B", requires=(Prerequisite("c"),)),
                entry("C"),
                entry("D"),
            )
        )
        assert ids(catalog) == ["Cr1", "Br1", "Ar1", "Dr1"]

    def test_a_circle_ends(self) -> None:
        catalog = Catalog(
            (entry("A", requires=(Prerequisite("B"),)), entry("B", requires=(Prerequisite("A"), Prerequisite("B"))))
        )
        assert sorted(ids(catalog)) == ["Ar1", "Br1"]

    def test_a_long_chain_takes_no_long_time(self) -> None:
        chain = [entry(f"H{n}", requires=(Prerequisite(f"H{n + 1}"),)) for n in range(5000)]
        assert ids(Catalog(tuple(chain)))[0] == "H4999r1"


class TestFind:
    def test_by_id_in_any_case_and_revision(self) -> None:
        catalog = Catalog((entry(revision=1), entry(revision=3), entry(revision=2)))
        found = catalog.find("hf1")
        assert found is not None
        assert found.revision == 3
        assert catalog.find("HF1", 2) == catalog.entries[2]
        assert catalog.find("HF1", 4) is None
        assert catalog.find("HF2") is None

    def test_what_is_offered_before_what_was_withdrawn(self) -> None:
        catalog = Catalog((entry(revision=1), entry(revision=2, withdrawn=WHEN)))
        assert catalog.find("HF1") == catalog.entries[0]


class TestPlaced:
    def test_a_new_one_gets_the_folder_of_its_revision(self) -> None:
        assert Catalog().placed(entry("HF1", 4, folder=RelPath(("x", "y")))).folder == RelPath(("HF1", "4"))

    def test_another_spelling_of_the_id_uses_the_folder_that_is_there(self) -> None:
        assert Catalog((entry("HF1"),)).placed(entry("hf1", 2)).folder == RelPath(("HF1", "2"))

    def test_the_same_bytes_stay_as_they_are(self) -> None:
        old = entry(published=WHEN - timedelta(days=9))
        assert Catalog((old,)).placed(entry()) == old
        withdrawn = replace(old, withdrawn=WHEN)
        assert Catalog((withdrawn,)).placed(entry()) == entry()

    def test_other_bytes_get_another_folder(self) -> None:
        other = replace(CONFIG, sha256=Sha256("d" * 64))
        placed = Catalog((entry(),)).placed(entry(files=(other,)))
        assert placed.folder == RelPath(("HF1", f"1-{'d' * 12}"))
        assert Catalog((entry(),)).with_entry(placed).entries == (placed,)

    def test_two_that_make_each_other_obsolete_are_refused(self) -> None:
        catalog = Catalog((entry("HF1", supersedes=("hf2",)),))
        with pytest.raises(ConfigError) as raised:
            catalog.placed(entry("HF2", supersedes=("hf1",)))
        assert raised.value.code == "contradiction"
        assert catalog.withdrawn("HF1", None, WHEN).placed(entry("HF2", supersedes=("hf1",))).id == "HF2"
