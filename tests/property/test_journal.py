"""Whatever a power loss leaves of a journal: its whole lines are read and nothing else is believed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.digest import Sha256
from deploy.jobs import StagedFile
from deploy.stage import decoded, encoded
from deploy.transport.contract import Validators

texts = st.text(max_size=20) | st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=4)
validators = st.builds(
    Validators, st.none() | st.integers(0, 2**60), st.none() | texts, st.none() | st.floats(0, 1e11), st.floats(0, 1e5)
)
records = st.builds(
    StagedFile,
    texts,
    texts,
    st.integers(0, 2**60),
    st.sampled_from([Sha256("0" * 64), Sha256("9af" + "1" * 61)]),
    validators,
    st.floats(0, 1e11),
)


@given(records)
def test_a_record_survives(record: StagedFile) -> None:
    assert decoded(encoded(record)) == record


@given(records, st.data())
def test_a_torn_line_is_no_record(record: StagedFile, data: st.DataObject) -> None:
    line = encoded(record)
    assert decoded(line[: data.draw(st.integers(0, len(line) - 2))]) is None


@given(records, st.binary(max_size=30), st.data())
def test_an_overwritten_line_is_a_record_or_nothing(record: StagedFile, noise: bytes, data: st.DataObject) -> None:
    line = bytearray(encoded(record))
    at = data.draw(st.integers(0, len(line)))
    line[at : at + len(noise)] = noise
    found = decoded(bytes(line))
    assert found is None or isinstance(found, StagedFile)


@given(st.binary(max_size=200) | st.text('[]{}",:0123456789.eE+-ntrufalsINy ', max_size=200).map(str.encode))
def test_garbage_is_no_record(line: bytes) -> None:
    assert decoded(line) is None
