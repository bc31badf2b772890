"""Any manifest comes back as it was written; any bytes are a manifest or refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.config.model import Execute, FileEntry
from deploy.digest import Sha256
from deploy.errors import ConfigError
from deploy.manifest import ClientEntry, InPack, Manifest, ManifestFile, Pack, ServerEntry
from deploy.manifest_json import NEWEST, OLDEST, encode_manifest, parse_manifest
from deploy.relpath import RelPath, segment_problem

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: segment_problem(name) is None
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DIGESTS = st.integers(0, 2**256 - 1).map(lambda number: Sha256(f"{number:064x}"))
SIZES = st.integers(0, 2**40)
LINES = st.none() | st.integers(1, 10_000)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    packs = tuple(draw(st.lists(st.builds(Pack, DIGESTS, SIZES), max_size=3, unique_by=lambda pack: pack.sha256)))

    def file(output: RelPath) -> ManifestFile:
        modified = draw(st.integers(OLDEST, NEWEST))
        if packs and draw(st.booleans()):
            pack = draw(st.sampled_from(packs))
            offset = draw(st.integers(0, pack.size))
            size = draw(st.integers(0, pack.size - offset))
            return ManifestFile(output, size, draw(DIGESTS), modified, InPack(pack.sha256, offset))
        return ManifestFile(output, draw(SIZES), draw(DIGESTS), modified)

    paths = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: RelPath(tuple(names)))
    entries: list[ServerEntry | ClientEntry] = []
    for number in sorted(draw(st.sets(st.integers(1, 1000), max_size=4))):
        if draw(st.booleans()):
            outputs = draw(st.lists(paths, max_size=5, unique_by=lambda path: path.key))
            files = tuple(file(output) for output in sorted(outputs, key=lambda path: path.key))
            entries.append(ServerEntry(number, draw(LINES), files))
        else:
            texts = [draw(TEXTS) for _ in range(3)]
            entries.append(ClientEntry(FileEntry(number, *texts, draw(st.booleans()), draw(LINES))))
    execute = draw(st.none() | st.builds(Execute, TEXTS, TEXTS, st.booleans(), LINES))
    return Manifest(
        customer=draw(NAMES),
        customer_name=draw(TEXTS),
        tenant_id=draw(st.integers(-(2**53), 2**53)),
        release=draw(TEXTS),
        published=draw(st.datetimes(datetime(1000, 1, 1))).replace(microsecond=0, tzinfo=UTC),
        execute=execute,
        entries=tuple(entries),
        packs=packs,
        identifiers=draw(st.sampled_from([(), (("BrokerServer", "B"), ("WebServerPort", "80"))])),
    )


@given(manifests())
def test_what_is_written_is_read(manifest: Manifest) -> None:
    data = encode_manifest(manifest)
    assert parse_manifest(data, "x") == manifest
    assert encode_manifest(parse_manifest(data, "x")) == data


@given(st.binary(max_size=200))
def test_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_manifest(data, "x")
    assert caught.value.code in ("bad-manifest", "newer-manifest")


ANY = st.characters(codec=None, categories=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(ANY, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def read(data: bytes) -> Manifest | str:
    """The manifest, or the code of what is wrong with it."""
    try:
        return parse_manifest(data, "x")
    except ConfigError as wrong:
        return wrong.code


@given(manifests(), st.data())
def test_one_value_replaced_is_read_or_refused_in_words(manifest: Manifest, data: st.DataObject) -> None:
    document = json.loads(encode_manifest(manifest))
    place: object = document
    while True:
        keys: list[object] = list(place) if isinstance(place, dict) else list(range(len(place)))  # type: ignore[arg-type]
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(JSON)  # type: ignore[index]
            break
        place = inner
    found = read(json.dumps(document).encode())
    if isinstance(found, str):
        assert found in ("bad-manifest", "newer-manifest")
    else:
        assert parse_manifest(encode_manifest(found), "x") == found
