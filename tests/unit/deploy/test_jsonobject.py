"""Documents of JSON, read strictly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.jsonobject import LONGEST_TEXT, JsonObject, as_path, as_text, read_object, time_text
from deploy.relpath import RelPath


def test_a_document_is_one_object_in_utf_8() -> None:
    assert read_object('{"a":"ü"}'.encode(), "it").text("a") == "ü"
    for data in (b"[]", b"1", b"", b"{", '{"a":"ü"}'.encode("latin-1"), b'{"a":1,"a":1}', b'{"a":Infinity}'):
        with pytest.raises(ValueError):
            read_object(data, "it")


def test_depth_is_an_error_of_the_document() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        read_object(b'{"a":' + b"[" * 200_000, "it")


def test_values_of_another_type_are_named() -> None:
    found = JsonObject({"text": 1, "number": True, "flag": 1, "many": {}, "path": "../x", "time": "now"}, "it")
    for read in (found.text, found.flag, found.path, found.time):
        with pytest.raises(ValueError, match=f"{read.__name__} of it"):
            read(read.__name__)
    with pytest.raises(ValueError, match="number of it"):
        found.number("number", 0)
    with pytest.raises(ValueError, match="many of it"):
        found.many("many", 5)


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(ValueError, match="text of it"):
        read_object(b'{"text":"\\ud800"}', "it").text("text")
    assert read_object(b'{"text":"\\ud83d\\ude00"}', "it").text("text") == "\U0001f600"


def test_values_have_bounds() -> None:
    found = JsonObject({"text": "x" * (LONGEST_TEXT + 1), "number": 5, "many": [1, 2]}, "it")
    with pytest.raises(ValueError, match="too long"):
        found.text("text")
    assert found.number("number", 5, 5) == 5
    for lowest, highest in ((6, 9), (0, 4)):
        with pytest.raises(ValueError, match="no number from"):
            found.number("number", lowest, highest)
    assert found.many("many", 2) == [1, 2]
    with pytest.raises(ValueError, match="more than 1"):
        found.many("many", 1)


def test_times_come_back() -> None:
    when = datetime(2023, 7, 14, 9, tzinfo=UTC)
    assert time_text(when) == "2023-07-14T09:00:00Z"
    assert JsonObject({"time": time_text(when)}, "it").time("time") == when


def test_single_values() -> None:
    assert as_text("x") == "x"
    with pytest.raises(ValueError, match="no text"):
        as_text(5)
    assert as_path("a\\b", "it") == RelPath(("a", "b"))
    with pytest.raises(ValueError, match="it: "):
        as_path("C:\\", "it")
