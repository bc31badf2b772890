"""The configurations that are delivered: the manual's example and its walk-through."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.config.document import parse
from deploy.config.model import Execute, SetupConfig

DEPLOYMENT = Path(__file__).parents[4] / "WebDeployment"
ENTRIES = [
    ("$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*", "", True, "Solidus"),
    ("$(WebServerUri)/MicCEInstallation/ScriptManager/*.*", "", True, "ScriptManager"),
]


def delivered(customer: str) -> SetupConfig:
    parsed = parse((DEPLOYMENT / customer / "Setup.config").read_bytes(), customer)
    assert parsed.problems == ()
    assert parsed.config is not None
    return parsed.config


def entries(config: SetupConfig) -> list[tuple[str, str, bool, str]]:
    return [(one.include, one.exclude, one.sub_dirs, one.output_folder) for one in config.files]


def test_the_default_tenants_is_the_manuals_example() -> None:
    config = delivered("Default")
    assert (config.customer_name, config.tenant_id) == ("Default Tenant", -1)
    assert entries(config) == ENTRIES


def test_the_examples_is_the_walk_through_and_the_new_entry_comes_last() -> None:
    config = delivered("acmecorp")
    assert (config.customer_name, config.tenant_id) == ("ACME Corporation", 1)
    assert entries(config) == [*ENTRIES, (r"\\ACMESERVER\SharedFiles\ClientSetup.ini", "", False, "Solidus")]


@pytest.mark.parametrize("customer", ["Default", "acmecorp"])
def test_the_setup_is_executed_hidden(customer: str) -> None:
    execute = delivered(customer).execute
    assert execute == Execute("Solidus\\ClientSetup.exe", "/Q /F /C:ClientSetup.ini", True, execute and execute.line)
