"""The suite for every Host, on Windows."""

from __future__ import annotations

from tests.contract.test_host import *  # noqa: F403
