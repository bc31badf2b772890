"""A folder that is being copied is not offered before it is quiet."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.servers.deployment import ROOT, Machine, Serving, wait

PIECES = 25
PIECE = b"x" * 40_000


def offered(serving: Serving) -> dict[str, int]:
    """The sizes the manifest names, by file name."""
    document = json.loads(serving.get(f"{ROOT}/manifest/Default").content)
    text = json.dumps(document)
    return {"new": text.count('"new.bin"'), "second": text.count('"second.bin"')}


def test_a_folder_that_is_copied_is_offered_when_it_is_quiet(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "server")
    text = machine.settings.read_text()
    machine.settings.write_text(text.replace("quiet = 0", "quiet = 2"))
    with machine.serving("--watch") as serving:
        serving.published("Default")
        folder = machine.shares / "NextCCClient/release 2"
        folder.mkdir()
        seen = []
        with folder.joinpath("new.bin").open("wb") as file:
            for _ in range(PIECES):
                file.write(PIECE)
                file.flush()
                seen.append(offered(serving)["new"])
                # A copy that goes on: the pause is what is tested, it waits for nothing.
                time.sleep(0.2)
        folder.joinpath("second.bin").write_bytes(PIECE)
        assert seen == [0] * PIECES
        wait(lambda: offered(serving) == {"new": 1, "second": 1}, "the whole folder is offered", 120)
        target = tmp_path / "client"
        done = machine.command("install", f"{serving.address}{ROOT}/install", "--to", str(target))
        assert done.returncode == 0, done.stderr
    assert (target / "Solidus/release 2/new.bin").read_bytes() == PIECE * PIECES
