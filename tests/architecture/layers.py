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
        "catalog",
        "errors",
        "digest",
        "events",
        "freshness",
        "jobs",
        "jsonlines",
        "jsonobject",
        "machine",
        "manifest",
        "manifest_json",
        "messages",
        "peversion",
        "plan",
        "rate",
        "relpath",
        "runs",
        "toml_document",
        "toml_lines",
        "toml_section",
        "wildcard",
    ),
    "deploy.change": ("lines", "model", "ops", "records", "registry_ops", "service_ops", "steps"),
    "deploy.config": ("*",),
    "deploy.host": ("dependents", "noregistry", "pendingrenames", "registry", "registrytree", "services"),
    "deploy.site": (
        "address",
        "conditions",
        "csharp",
        "filesend_answer",
        "headers",
        "install_script",
        "markup_places",
        "markup_state",
        "packing",
        "ranges",
        "razor",
        "razor_cursor",
        "razor_page",
        "razor_places",
        "razor_statements",
        "razor_tree",
        "razor_writer",
        "server_toml",
        "view_context",
    ),
    "deploy.transport": (
        "contract",
        "ftp_listing",
        "httpdate",
        "listing",
        "location",
        "pace",
        "validity",
    ),
    "deploy.trust": ("rules",),
    "hotfix": (
        "applicability",
        "batch",
        "events",
        "fill_in",
        "foreseen",
        "installed",
        "jsonvalues",
        "known",
        "layers",
        "layout",
        "manifest",
        "manifest_actions",
        "manifest_check",
        "manifest_expand",
        "manifest_reader",
        "manifest_system",
        "model",
        "paths",
        "placements",
        "places",
        "plan",
        "plan_commands",
        "plan_edits",
        "plan_files",
        "plan_programs",
        "plan_registry",
        "plan_roots",
        "planned",
        "questions",
        "recording",
        "registry_data",
        "removal",
        "selection",
        "slash",
        "softening",
        "versions",
        "wishes",
        "xmledit",
        "xmlparts",
        "xpath",
        "xpath_find",
    ),
}
PURE_LIBRARIES = frozenset({"lxml", "tuf"})

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

# The modules of pywin32 that are used.
PYWIN32 = (
    "pywintypes",
    "win32api",
    "win32con",
    "win32event",
    "win32file",
    "win32gui",
    "win32job",
    "win32process",
    "win32security",
    "win32service",
    "winerror",
)
# A library or a capability and the modules that may touch it (a package's name covers all in it).
ONLY_IN = {
    "lxml": ("deploy.config.xmltree", "deploy.transport.listing"),
    "httpx": ("deploy.transport.httpx_carrier",),
    "httptools": ("deploy.transport.wire",),
    "smbclient": ("deploy.transport.smb",),
    "smbprotocol": ("deploy.transport.smb",),
    "truststore": ("deploy.transport.connect", "deploy.transport.ftp_session"),
    "tkinter": ("hotfix.window",),
    "starlette": ("deploy.site",),
    "uvicorn": ("deploy.site.serve",),
    "uvloop": (),
    "jinja2": ("deploy.site",),
    "argon2": ("deploy.site",),
    "prometheus_client": ("deploy.site.metrics",),
    "fsspec": ("deploy.site.remote",),
    "tuf": ("deploy.trust", "updater.tuf_cli"),
    "securesystemslib": ("deploy.trust",),
    "cryptography": ("deploy.transport.smb", "deploy.trust"),
    "typer": (
        "deploy.accounts_cli",
        "deploy.cli",
        "deploy.clientsetup_cli",
        "deploy.customers_cli",
        "deploy.publish_cli",
        "deploy.site_cli",
        "hotfix.cli",
        "hotfix.deploy_cli",
        "hotfix.repository_cli",
    ),
    "click": (),
    "rich": ("deploy.progress", "hotfix.progress"),
    "ctypes": ("deploy.atomic", "deploy.host"),
    "winreg": ("deploy.host",),
    **dict.fromkeys(PYWIN32, ("deploy.host",)),
    "subprocess": ("deploy.host", "deploy.pool", "deploy.site.view_process"),
    "multiprocessing": (),
}
PLATFORM_TESTS = ("deploy.host.current",)
PRINTING = (
    "deploy.accounts_rendering",
    "deploy.cli",
    "deploy.customers_rendering",
    "deploy.clientsetup_cli",
    "deploy.hotfixes_rendering",
    "deploy.progress",
    "deploy.publish_rendering",
    "deploy.rendering",
    "deploy.site_cli",
    "hotfix.cli",
    "hotfix.installer",
    "hotfix.progress",
    "hotfix.rendering",
    "hotfix.streams",
    "hotfix.terminal",
    "updater.tuf_cli",
)


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
