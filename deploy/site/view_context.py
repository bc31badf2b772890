"""What a custom view is given, and how much it may take. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ViewContext:
    """The eight values of a custom view, every one a plain text (specification: Custom customer views).

    `install_url` and `client_setup_url` are whole addresses, `release` as people read it, `files` is
    how many files are installed, in digits, `total_size` their size with its unit, as in `350.2 MiB`.
    A view knows them as CustomerName, CustomerID, and so on: see `values`.
    """

    customer_name: str
    customer_id: str
    tenant_id: str
    install_url: str
    client_setup_url: str
    release: str
    files: str
    total_size: str

    def values(self) -> dict[str, str]:
        """The values by the names that views use."""
        return dict(zip(NAMES, (str(getattr(self, one.name)) for one in fields(self)), strict=True))


NAMES = (
    "CustomerName",
    "CustomerID",
    "TenantID",
    "InstallUrl",
    "ClientSetupUrl",
    "Release",
    "Files",
    "TotalSize",
)
"""The names of the values in a view, in the order of the fields."""

SAMPLE = ViewContext(
    customer_name="ACME Corporation",
    customer_id="acmecorp",
    tenant_id="1",
    install_url="http://server.example/MiCCEInstallation/install/acmecorp",
    client_setup_url="http://server.example/MiCCEInstallation/ClientSetup/acmecorp",
    release="9.7.1",
    files="412",
    total_size="350.2 MiB",
)
"""Values to try a view with before anybody visits it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering may take.

    `seconds` by the clock, the start of the worker process not counted; `memory` in bytes of address
    space for the whole worker, where the system can limit it; `output` and `template` in bytes of UTF-8.
    """

    seconds: float = 2.0
    memory: int = 256 * MIB
    output: int = MIB
    template: int = 256 * 1024


LIMITS = Limits()
