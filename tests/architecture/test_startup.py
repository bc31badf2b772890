"""What starts quickly stays quick: the modules that a start loads, asked of a fresh Python."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.source import ROOT

HEAVY = frozenset(
    {"asyncio", "click", "cryptography", "email", "httpx", "lxml", "rich", "smbclient", "smbprotocol", "ssl", "typer"}
)


def loaded_by(module: str) -> set[str]:
    """The modules that `import module` loads beyond those of a bare start, by name."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*(set(sys.modules) - before), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["deploy", "deploy.errors", "deploy.worker"])
def test_a_worker_starts_without_the_heavy_libraries(module: str) -> None:
    assert HEAVY & {name.partition(".")[0] for name in loaded_by(module)} == set()


def test_the_command_line_loads_transports_and_bars_only_when_needed() -> None:
    tops = {name.partition(".")[0] for name in loaded_by("deploy.cli")}
    assert tops & {"asyncio", "cryptography", "httpx", "rich", "smbclient", "smbprotocol"} == set()
    assert "typer" in tops


def test_a_heavy_library_would_be_noticed() -> None:
    assert "lxml" in loaded_by("lxml.etree")
