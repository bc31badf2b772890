"""One at a time, between threads and between processes, and no longer than the holder lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.lock import only_one

HOLDER = """
import sys
from pathlib import Path
from deploy.lock import only_one
with only_one(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _taken(path: Path) -> bool:
    try:
        with only_one(path, "C:\\Base"):
            return False
    except TargetError as wrong:
        return wrong.code == "busy" and "another installation is working on C:\\Base" in str(wrong)


def test_it_is_free_before_and_after(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    for _ in range(2):
        with only_one(path, "it"):
            assert path.exists()
    with pytest.raises(ZeroDivisionError), only_one(path, "it"):
        raise ZeroDivisionError
    assert not _taken(path)


def test_another_thread_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    found: list[bool] = []
    with only_one(path, "it"):
        thread = threading.Thread(target=lambda: found.append(_taken(path)))
        thread.start()
        thread.join()
    assert found == [True]


def test_another_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        assert _taken(path)
        os.kill(holder.pid, signal.SIGTERM)
        holder.wait()
    assert not _taken(path)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_its_folder_is_made_for_this_account_alone(tmp_path: Path) -> None:
    with only_one(tmp_path / "locks" / "one.lock", "it"):
        assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetError) as caught, only_one(tmp_path / "file" / "one.lock", "it"):
        pass
    assert caught.value.code == "cannot-write"
