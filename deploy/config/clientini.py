"""ClientSetup.ini: what the installer of a client is told, written and read (specification: ClientSetup.ini).

Pure. The same values give the same bytes, so that what a page gives and what the command line writes are one
file: sections and keys stand in the order of `LAYOUT`, features each with true or false, and what is not set
(an account, an address, a folder) has no line at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy.config import profile
from deploy.config.clientini_reader import ParsedClientSetup, read
from deploy.config.clientini_rules import Fault, faults
from deploy.config.clientini_values import (
    FORMAT_VERSION,
    LAYOUT,
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    Reboot,
    RunAs,
    Updater,
    obfuscate,
)
from deploy.errors import ConfigError

__all__ = [
    "LAYOUT",
    "ClientSetup",
    "Fault",
    "Feature",
    "General",
    "Options",
    "ParsedClientSetup",
    "PasswordFormat",
    "Reboot",
    "RunAs",
    "Updater",
    "faults",
    "read",
    "write",
]


def write(setup: ClientSetup) -> bytes:
    """The bytes of the file, as `deploy.config.profile.write` has them.

    Raises `ConfigError` with the problem of every fault; their messages hold no account and no password.
    """
    found = faults(setup)
    if found:
        raise ConfigError(fault.problem for fault in found)
    texts = dict(_texts(setup))
    return profile.write(
        (section, [(key, texts[section, key]) for key in keys if (section, key) in texts]) for section, keys in LAYOUT
    )


def _texts(setup: ClientSetup) -> Iterator[tuple[tuple[str, str], str]]:
    general, run_as, options, updater = setup.general, setup.run_as, setup.options, setup.updater
    generated = None if general.generated is None else general.generated.isoformat().replace("+00:00", "Z")
    password = obfuscate(run_as.password) if run_as.password_format is PasswordFormat.OBFUSCATED else run_as.password
    rows: tuple[tuple[str, str, str | int | bool | None], ...] = (
        ("General", "FormatVersion", FORMAT_VERSION),
        ("General", "CustomerID", general.customer_id),
        ("General", "TenantID", general.tenant_id),
        ("General", "WebServerUri", general.web_server_uri),
        ("General", "BrokerServer", general.broker_server),
        ("General", "Generated", generated),
        ("RunAs", "Account", run_as.account),
        ("RunAs", "Password", password or None),
        ("RunAs", "PasswordFormat", run_as.password_format.value),
        *(("Features", feature.value, feature in setup.features) for feature in Feature),
        ("Options", "InstallDir", options.install_dir),
        ("Options", "DesktopShortcuts", options.desktop_shortcuts),
        ("Options", "Reboot", options.reboot.value),
        ("Options", "LogFile", options.log_file),
        ("Updater", "BackgroundCheck", updater.background_check),
        ("Updater", "CheckOnStartup", updater.check_on_startup),
    )
    for section, key, value in rows:
        if value is not None:
            yield (section, key), str(value).lower() if isinstance(value, bool) else str(value)
