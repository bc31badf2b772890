r"""The values of a ClientSetup.ini, and the order in which they stand in it (specification: ClientSetup.ini).

Pure. What the installer of a client is told: for which customer it is, the account it runs under, what it
installs and how. The manual names the account, its password and the features (manual: Generate the
ClientSetup.ini file).
"""

from __future__ import annotations

import base64
import binascii
import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deploy.config.model import DEFAULT_TENANT

FORMAT_VERSION = 1

LAYOUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("General", ("FormatVersion", "CustomerID", "TenantID", "WebServerUri", "BrokerServer", "Generated")),
    ("RunAs", ("Account", "Password", "PasswordFormat")),
    (
        "Features",
        (
            "Agent",
            "ConfigurationManager",
            "InformationManager",
            "ReportManager",
            "ScriptManager",
            "DatabaseMaintenanceUtility",
            "TenantClientConfiguration",
        ),
    ),
    ("Options", ("InstallDir", "DesktopShortcuts", "Reboot", "LogFile")),
    ("Updater", ("BackgroundCheck", "CheckOnStartup")),
)
"""Every section with its keys, in the order they are written; the reader takes them in any order."""

_SUFFIX = "Password"


class PasswordFormat(enum.StrEnum):
    """How the password of the account stands in the file."""

    NONE = "none"  # it does not; the user is asked
    OBFUSCATED = "obfuscated"
    PLAIN = "plain"


class Reboot(enum.StrEnum):
    """What the installer does where a restart is needed."""

    SUPPRESS = "suppress"
    PROMPT = "prompt"
    FORCE = "force"


class Feature(enum.StrEnum):
    """What can be installed, in the order of the file."""

    AGENT = "Agent"
    CONFIGURATION_MANAGER = "ConfigurationManager"
    INFORMATION_MANAGER = "InformationManager"
    REPORT_MANAGER = "ReportManager"
    SCRIPT_MANAGER = "ScriptManager"
    DATABASE_MAINTENANCE_UTILITY = "DatabaseMaintenanceUtility"
    TENANT_CLIENT_CONFIGURATION = "TenantClientConfiguration"


@dataclass(frozen=True, slots=True)
class General:
    """For whom the file is, and where the server is.

    `web_server_uri` is as `$(WebServerUri)`, `broker_server` the name of a computer, both None where not known.
    `generated` needs a time zone; it is kept in UTC, to the second.
    """

    customer_id: str
    tenant_id: int = DEFAULT_TENANT
    web_server_uri: str | None = None
    broker_server: str | None = None
    generated: datetime | None = None

    def __post_init__(self) -> None:
        if self.generated is not None:
            if self.generated.tzinfo is None:
                raise ValueError("generated has no time zone")
            object.__setattr__(self, "generated", self.generated.astimezone(UTC).replace(microsecond=0))


@dataclass(frozen=True, slots=True)
class RunAs:
    r"""The account the installer runs under: `DOMAIN\user`, `user@domain` or `.\user`.

    None is whoever starts the installation. `password` is never obfuscated here, and empty with `PasswordFormat.NONE`.
    """

    account: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)
    password_format: PasswordFormat = PasswordFormat.NONE


@dataclass(frozen=True, slots=True)
class Options:
    """How to install. `install_dir` and `log_file` are absolute paths, None for what the installer does by itself."""

    install_dir: str | None = None
    desktop_shortcuts: bool = True
    reboot: Reboot = Reboot.SUPPRESS
    log_file: str | None = None


@dataclass(frozen=True, slots=True)
class Updater:
    """The first settings of the updater service (specification: The client updater)."""

    background_check: bool = True
    check_on_startup: bool = True


@dataclass(frozen=True, slots=True)
class ClientSetup:
    """A whole ClientSetup.ini; `deploy.config.clientini_rules.faults` says whether it can be one."""

    general: General
    run_as: RunAs = RunAs()
    features: frozenset[Feature] = frozenset()
    options: Options = Options()
    updater: Updater = Updater()


def obfuscate(password: str) -> str:
    """Base64 of UTF-16LE(password + "Password"), as unattend.xml has it: hides it from a casual look only.

    Raises `UnicodeEncodeError` for half of a character.
    """
    return base64.b64encode((password + _SUFFIX).encode("utf-16-le")).decode("ascii")


def reveal(text: str) -> str | None:
    """The password of an `obfuscate`d text; None if it is none."""
    try:
        plain = base64.b64decode(text, validate=True).decode("utf-16-le")
    except (binascii.Error, ValueError):
        return None
    return plain.removesuffix(_SUFFIX) if plain.endswith(_SUFFIX) else None
