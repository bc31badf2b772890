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
