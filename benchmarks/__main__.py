"""make bench: run the chosen cases and write their tables into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import cases, report
from benchmarks.cases import Setting

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
MEMORY_FILES = Path("/dev/shm")
LEAST_FREE = 6 * 1024**3  # both trees and one copy
CASES = {
    "A": cases.cold_published,
    "AC": cases.nothing_published,
    "F": cases.cold_many_small,
    "B": cases.cold_few_large,
    "C": cases.nothing_changed,
    "H": cases.requests_a_second,
    "I": cases.documents_and_listings,
    "J": cases.memory,
}


def main() -> int:
    """Measure; 0 when every case ran."""
    options = _options()
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        print("nginx is needed to serve the data (Debian: apt install nginx)", file=sys.stderr)
        return 1
    parent = options.dir or _roomy_folder()
    with tempfile.TemporaryDirectory(prefix="micce-bench-", dir=parent) as work:
        kind = _file_system(Path(work))
        setting = Setting(Path(work), options.rounds, on_disk=kind != "tmpfs")
        about = f"Measured on {os.cpu_count()} cores, {kind}, Python {platform.python_version()}."
        for name in options.cases:
            print(f"case {name}: {(CASES[name].__doc__ or '').splitlines()[0].partition(': ')[2]}", flush=True)
            text = f"{CASES[name](setting)}\n\n{about}"
            print(f"\n{text}\n", flush=True)
            if options.write:
                report.put(DOCUMENT, name, text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--cases", type=_cases, default=list(CASES), help=f"comma-separated, of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds after the warm-up (5)")
    parser.add_argument("--dir", type=Path, help="where the data lies (/dev/shm if it has room)")
    parser.add_argument("--no-write", dest="write", action="store_false", help="print only")
    return parser.parse_args()


def _cases(text: str) -> list[str]:
    chosen = [name.strip().upper() for name in text.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in CASES]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(f"choose of {', '.join(CASES)}")
    return chosen


def _roomy_folder() -> Path:
    """Memory if there is enough of it, since disks drift between runs; else the temporary folder."""
    if MEMORY_FILES.is_dir() and shutil.disk_usage(MEMORY_FILES).free > LEAST_FREE:
        return MEMORY_FILES
    return Path(tempfile.gettempdir())


def _file_system(folder: Path) -> str:
    said = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=True)
    return said.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
