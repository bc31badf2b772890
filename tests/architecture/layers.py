"""The tables: which room may import which, which files are pure, what may appear where."""

from __future__ import annotations

# A package imports itself and the ones named here, never upwards.
DIRECTION = {
    "deploy": frozenset[str](),
    "hotfix": frozenset({"deploy"}),
    "updater": frozenset({"deploy", "hotfix"}),
}

# Values in, values out: these import each other, the standard library below and the libraries named.
# "*" is every file of the room.
PURE = {
    "deploy": (
        "errors",
        "digest",
        "events",
        "freshness",
        "jobs",
        "jsonlines",
        "machine",
        "messages",
        "plan",
        "rate",
        "relpath",
        "toml_lines",
        "toml_section",
        "wildcard",
    ),
    "deploy.change": ("records", "steps"),
    "deploy.config": ("*",),
    "deploy.transport": (
        "contract",
        "ftp_listing",
        "httpdate",
        "listing",
        "location",
        "pace",
        "validity",
    ),
}
PURE_LIBRARIES = frozenset({"lxml"})

# Parts of the standard library through which a pure file would reach out.
EFFECTS = frozenset(
    {
        "asyncio",
        "builtins.open",
        "concurrent",
        "ctypes",
        "ftplib",
        "glob",
        "http",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "winreg",
    }
)

# A library or a capability and the modules that may touch it (a package's name covers all in it).
ONLY_IN = {
    "lxml": ("deploy.config.xmltree", "deploy.transport.listing"),
    "httpx": ("deploy.transport.httpx_carrier",),
    "httptools": ("deploy.transport.wire",),
    "smbclient": ("deploy.transport.smb",),
    "smbprotocol": ("deploy.transport.smb",),
    "truststore": ("deploy.transport.connect", "deploy.transport.ftp_session"),
    "typer": ("deploy.cli",),
    "click": (),
    "rich": ("deploy.progress",),
    "ctypes": ("deploy.atomic", "deploy.host"),
    "winreg": ("deploy.host.windows",),
    "subprocess": ("deploy.host", "deploy.pool"),
    "multiprocessing": (),
}
PLATFORM_TESTS = ("deploy.host.current",)
PRINTING = ("deploy.cli", "deploy.progress", "deploy.rendering")


def is_pure(module: str) -> bool:
    """Whether the table of pure files holds this module (or the package it stands in)."""
    for room, files in PURE.items():
        if files == ("*",) and (module == room or module.startswith(room + ".")):
            return True
        if any(within(module, f"{room}.{file}") for file in files):
            return True
    return False


def within(module: str, place: str) -> bool:
    """Whether `module` is `place` or stands in it."""
    return module == place or module.startswith(place + ".")
