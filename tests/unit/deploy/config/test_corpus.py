"""Every document of tests/corpora/xml: attacks are refused, mistakes are all named, good ones are read."""

from __future__ import annotations

import builtins
import socket
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.config.document import parse

CORPUS = Path(__file__).parents[3] / "corpora" / "xml"
DOCUMENTS = sorted(path.stem for path in CORPUS.glob("*.config"))


@cache
def expected() -> dict[str, Any]:
    return tomllib.loads((CORPUS / "expected.toml").read_text("utf-8"))


def data_of(name: str) -> bytes:
    return (CORPUS / f"{name}.config").read_bytes()


def test_every_document_has_an_expectation() -> None:
    assert len(DOCUMENTS) > 50
    assert sorted(expected()) == DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_gives_exactly_these_problems(name: str) -> None:
    parsed = parse(data_of(name), name)
    assert [[problem.code, problem.line or 0] for problem in parsed.problems] == expected()[name]["problems"]
    assert (parsed.config is not None) is expected()[name]["read"]
    assert (parsed.config is not None) is not any(problem.is_error for problem in parsed.problems)
    for problem in parsed.problems:
        assert problem.file == name
        assert problem.hint
        assert problem.message.isprintable()


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("good-")])
def test_a_good_document_is_read_in_every_encoding(name: str) -> None:
    config = parse(data_of(name), name).config
    assert config is not None
    assert (config.customer_name, config.tenant_id, len(config.files)) == ("Müller €", 1, 1)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if b"PORT" in data_of(name)])
def test_nothing_is_fetched(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = str(server.getsockname()[1]).encode()
        parse(data_of(name).replace(b"PORT", port), name)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("attack-")])
def test_no_file_is_opened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(name)

    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(builtins, "open", refuse)
    parsed = parse(data, name)
    assert "root:" not in repr(parsed)
