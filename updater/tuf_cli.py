"""The client of the public TUF conformance suite: its command line over the module that the service uses.

    tuf_cli --metadata-dir D init ROOT
    tuf_cli --metadata-dir D --metadata-url U refresh
    tuf_cli ... --target-name T [--target-name T ...] --target-base-url U --target-dir D download

Exit code 0 when everything asked for was done and verified, else 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from deploy.atomic import write_atomic
from deploy.errors import MicceError, TrustError, error
from deploy.transport.contract import TransportSettings
from deploy.trust.client import TrustClient, target_address, verify_target
from deploy.trust.fetching import RemoteFiles
from deploy.trust.rules import CAPS, ROOT, TARGETS
from deploy.trust.state import TrustState

LARGEST_TARGET = CAPS[TARGETS]


@dataclass(frozen=True, slots=True)
class Order:
    """The command line."""

    command: str
    metadata_dir: Path
    root: Path | None
    metadata_url: str
    target_names: Sequence[str]
    target_base_url: str
    target_dir: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked; problems go to stderr."""
    order = _order(arguments)
    state = TrustState(order.metadata_dir)
    try:
        if order.command == "init":
            assert order.root is not None
            state.begin(order.root.read_bytes())
        else:
            _refresh(order, state)
    except MicceError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    return 0


def _refresh(order: Order, state: TrustState) -> None:
    settings = TransportSettings()
    with RemoteFiles(order.metadata_url, settings) as source:
        client = TrustClient(state, source, datetime.now(UTC))
        client.refresh()
        if order.command == "download":
            with RemoteFiles(order.target_base_url, settings) as targets:
                for name in order.target_names:
                    _download(name, client, targets, order)


def _download(name: str, client: TrustClient, targets: RemoteFiles, order: Order) -> None:
    assert order.target_dir is not None
    found = client.find(name)
    if found is None:
        raise TrustError(error("not-published", f"{name} is signed by no role", "look how it is spelled"))
    # Kept under its whole path, so that no name can lead anywhere else.
    path = order.target_dir / quote(name, safe="")
    if path.is_file():
        try:
            verify_target(name, found.target, path.read_bytes())
        except TrustError:
            pass
        else:
            return
    address = target_address(name, found.target, hashed=bool(client.trusted.root.consistent_snapshot))
    data = targets.metadata(address, min(found.target.length, LARGEST_TARGET))
    verify_target(name, found.target, data)
    write_atomic(path, data)


def _order(arguments: Sequence[str] | None) -> Order:
    parser = argparse.ArgumentParser(prog="tuf_cli", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url", default="")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-base-url", default="")
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    given = parser.parse_args(arguments)
    if given.command != "init" and not given.metadata_url:
        parser.error("--metadata-url is needed")
    if given.command == "download" and not (given.target_name and given.target_base_url and given.target_dir):
        parser.error("--target-name, --target-base-url and --target-dir are needed")
    return Order(
        given.command,
        given.metadata_dir,
        getattr(given, ROOT, None),
        given.metadata_url,
        given.target_name,
        given.target_base_url,
        given.target_dir,
    )


if __name__ == "__main__":
    sys.exit(main())
