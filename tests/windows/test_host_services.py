"""The suite for the services of every Host, on Windows."""

from __future__ import annotations

from tests.contract.test_host_services import *  # noqa: F403
