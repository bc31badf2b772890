"""One server for the tests that only ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.deployment import Machine, Serving


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Machine(tmp_path_factory.mktemp("server"))
    added = made.command("customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1")
    assert added.returncode == 0, added.stderr
    with made.serving() as running:
        running.published("acmecorp")
        running.published("Default")
        yield running
