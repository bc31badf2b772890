"""One running source for each kind, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.transport.contract import Transport
from tests.contract.sites import SITES, Site


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with SITES[request.param](tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def transport(site: Site) -> Iterator[Transport]:
    with site.connect(site.root) as made:
        yield made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the sources for which `not_for` says that a test has no meaning: that is no skip."""
    kept, left_out = [], []
    for item in items:
        mark = item.get_closest_marker("not_for")
        callspec = getattr(item, "callspec", None)
        meaningless = mark is not None and callspec is not None and callspec.params.get("site") in mark.args
        (left_out if meaningless else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept
