"""The suite for the processes of every Host, on Windows."""

from __future__ import annotations

from tests.contract.test_host_processes import *  # noqa: F403
