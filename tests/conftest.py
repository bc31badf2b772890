"""What every test run shares: the options of the Windows runs, reports that can travel between processes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """What packaging/windows/run.sh says to the Windows tests, whichever of them run."""
    parser.addoption("--served-at", help="the address of a web server outside Windows")
    parser.addoption("--programs", help="the folder of the programs made for these tests")
    parser.addoption("--executables", help="the folder of the product's commands as Windows programs")
    parser.addoption("--served-from", help="the folder that it serves, as Windows sees it")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Names that are not UTF-8 appear in failures; a worker process could not send them (lone surrogates)."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_encodable, value))
    return value
