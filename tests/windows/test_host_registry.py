"""The suite for the registry of every Host, on Windows."""

from __future__ import annotations

from tests.contract.test_host_registry import *  # noqa: F403
