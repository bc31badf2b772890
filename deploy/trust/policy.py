"""What a customer's key may say, judged before anything is downloaded. Pure.

A signature only says who spoke. A customer may choose among what is released and may set up the installation
by a ClientSetup.ini; a program, a command or an address of its own is refused, each with its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploy.config import clientini
from deploy.config.model import Execute
from deploy.errors import Problem, error
from deploy.manifest import Manifest, ServerEntry
from deploy.relpath import fold
from deploy.trust.contents import Contents

CLIENT_INI = "ClientSetup.ini"
LARGEST_INI = 1024 * 1024  # bytes
_HINT = "nothing was installed; whoever publishes for this customer has to publish again"
_ADDRESSES = ("WebServerUri", "BrokerServer")


def is_setting(name: str) -> bool:
    """Whether a file of this name may come from the customer itself: it sets up the installation and runs nothing."""
    return fold(name) == fold(CLIENT_INI)


def judge(manifest: Manifest, shared: Contents, own: Contents) -> tuple[Problem, ...]:
    """Everything a manifest says that its customer may not say."""
    return (*_files(manifest, shared, own), *_command(manifest, own), *_identifiers(manifest, own))


def _files(manifest: Manifest, shared: Contents, own: Contents) -> Iterator[Problem]:
    for entry in manifest.entries:
        for file in entry.files if isinstance(entry, ServerEntry) else ():
            name = file.output.name
            if shared.holds(name, file.sha256) or own.holds(name, file.sha256):
                continue
            if not is_setting(name):
                said = f"{file.output} is not released: a customer's key cannot bring files of its own"
                yield error("not-released", said, _HINT)
            elif file.size > LARGEST_INI:
                yield error("not-released", f"{file.output} has {file.size} bytes, and sets up nothing", _HINT)


def _command(manifest: Manifest, own: Contents) -> Iterator[Problem]:
    if manifest.execute is not None and _said(manifest.execute) != (own.execute and _said(own.execute)):
        said = "a command is to be executed that is not released for this customer"
        yield error("command-not-released", said, _HINT)


def _said(execute: Execute) -> tuple[str, str, bool]:
    return execute.command, execute.args, execute.hidden


def _identifiers(manifest: Manifest, own: Contents) -> Iterator[Problem]:
    if dict(manifest.identifiers) != dict(own.identifiers):
        yield error("address-not-released", "addresses are named that are not released for this customer", _HINT)


def judge_setting(data: bytes, name: str, known: Mapping[str, str]) -> tuple[Problem, ...]:
    """What a ClientSetup.ini that nobody released may not say: anything but account, features, options, updater.

    `known` are the addresses the server signed, by their identifiers; the file may repeat them.
    """
    if len(data) > LARGEST_INI:
        return (error("not-released", f"{name} has {len(data)} bytes, and sets up nothing", _HINT),)
    parsed = clientini.read(data, name)
    if parsed.setup is None:
        return tuple(problem for problem in parsed.problems if problem.is_error)
    general = parsed.setup.general
    said = dict(zip(_ADDRESSES, (general.web_server_uri, general.broker_server), strict=True))
    return tuple(
        error("address-not-released", f"{key} is another than the server's", f"remove {key} from it", file=name)
        for key, text in said.items()
        if text is not None and fold(text.rstrip("/")) != fold(known.get(key, text if key not in known else ""))
    )
