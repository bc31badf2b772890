#!/bin/sh
# Make the virtual environment named by $1 from requirements.lock and this source tree, from nothing.
# Its stamp .ready is written last, so that a half-made environment is made again.
set -eu

cd "$(dirname "$0")/.."
venv=$1
python=$(sh packaging/find-python.sh)

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$python has no venv or ensurepip, so no environment can be made." >&2
    echo "On Debian and Ubuntu: apt install python3-venv (or python$version-venv)." >&2
    exit 1
fi

echo "Making $venv with $("$python" --version) (once; again when requirements.lock or pyproject.toml change)"
rm -f "$venv/.ready"
"$python" -m venv --clear "$venv"

pip() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "$venv/bin/python" -m pip "$@"
}

count=$(grep -c '^[a-zA-Z0-9]' requirements.lock)
echo "  $count packages from requirements.lock, each checked against its digest"
pip install --quiet --require-hashes -r requirements.lock
echo "  this project"
pip install --quiet --no-deps --editable .
touch "$venv/.ready"
echo "  done"
