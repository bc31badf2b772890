#!/bin/sh
# Write requirements.lock: every package the project and its tests need, for every platform and
# Python from 3.11 on, with digests and without the name of an index.
set -eu

cd "$(dirname "$0")/.."
tool=.cache/lock
if [ ! -x "$tool/bin/uv" ]; then
    "$(sh packaging/find-python.sh)" -m venv --clear "$tool"
    "$tool/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
fi
"$tool/bin/uv" pip compile --quiet --universal --python-version 3.11 --extra server --extra test --generate-hashes --upgrade \
    --no-emit-index-url --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml
echo "requirements.lock: $(grep -c '^[a-zA-Z0-9]' requirements.lock) packages"
