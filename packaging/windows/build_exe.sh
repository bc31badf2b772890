#!/usr/bin/env bash
# Build the commands as Windows programs with PyInstaller under Wine, in .cache/wine/executables/micce. It is a
# folder (onedir), not one file that unpacks itself: what runs as SYSTEM must not run from a folder that anybody
# may write to. Does nothing where the sources are those of the last time.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=packaging/windows
bash "$here/build.sh"
# shellcheck source=packaging/windows/wine.sh
. "$here/wine.sh"

wanted=$({ find deploy hotfix updater -name '*.py' 2>/dev/null || true; } | sort |
    xargs -d '\n' sha256sum pyproject.toml requirements.lock "$here"/{build_exe.sh,executables.spec,pyinstaller.txt})
stamp=$home/executables.stamp
[ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || exit 0
start=$SECONDS
rm -rf "$stamp" "$home/executables" "$home/executables.work"

builder=$home/pyinstaller
if ! cmp -s "$here/pyinstaller.txt" "$builder.stamp"; then
    rm -rf "$builder" "$builder.stamp"
    PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet --no-deps --require-hashes --platform win_amd64 \
        --python-version 3.11 --only-binary=:all: --target "$builder" -r "$here/pyinstaller.txt"
    cp "$here/pyinstaller.txt" "$builder.stamp"
fi

ours+=(PYTHONPATH="Z:${home//\//\\}\\packages;Z:${builder//\//\\}" SOURCE_DATE_EPOCH=0 PYTHONHASHSEED=0)
wine "$home/python/python.exe" -m PyInstaller --noconfirm --log-level ERROR \
    --distpath "Z:${home//\//\\}\\executables" --workpath "Z:${home//\//\\}\\executables.work" \
    "$here/executables.spec" </dev/null 2>&1 | cat
rm -rf "$home/executables.work"
printf '%s\n' "$wanted" >"$stamp"
printf 'Windows programs made in %d s: %s, %s\n' $((SECONDS - start)) "$home/executables/micce" \
    "$(du -sh "$home/executables/micce" | cut -f1)"
