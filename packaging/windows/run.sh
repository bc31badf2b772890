#!/usr/bin/env bash
# Run the Windows tests with a real Windows Python under Wine. Arguments go to pytest; where one of them is a path,
# that is run and not everything.
# What passes here shows that the Windows code runs on a Win32 API; it says nothing about NTFS,
# access control lists, antivirus programs and UAC.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=packaging/windows
mkdir -p .cache/wine
# One at a time: a second run would share the registry and the files of the first.
exec 9>.cache/wine/lock
flock 9

start=$SECONDS
bash "$here/build.sh"
# What is not run as a whole does not wait for the programs of PyInstaller.
[ $# -gt 0 ] || bash "$here/build_exe.sh"
built=$((SECONDS - start))
[ "$built" -eq 0 ] || printf 'Windows Python made in %d s\n' "$built"

# shellcheck source=packaging/windows/wine.sh
. "$here/wine.sh"
served=$home/served
rm -rf "$served"
mkdir -p "$served"
coproc SERVER { exec .venv/bin/python -u "$here/serve.py" "$served"; }
server=$SERVER_PID
trap 'kill "$server" 2>/dev/null || true; wineserver_of_ours -k || true' EXIT
read -r address <&"${SERVER[0]}"

named=
for argument; do
    [ ! -e "${argument%%::*}" ] || named=yes
done
mapfile -t everything < <(sed -E 's/^#.*//; s/ +#.*//; /^$/d' "$here/tests.txt")
[ -n "$named" ] || set -- tests/windows "${everything[@]}" "$@"

# Wine refuses a plain file as a standard stream, so everything goes through a pipe.
wine "$home/python/python.exe" -m pytest -m 'not deep' -p no:cacheprovider "$@" \
    --served-at "$address" --served-from "Z:${served//\//\\}" --programs "Z:${home//\//\\}\\programs" \
    --executables "Z:${home//\//\\}\\executables\\micce" </dev/null 2>&1 | cat
