#!/bin/sh
# Print a Python that can run this project: $PYTHON, else the first one found that is new enough.
set -eu

LEAST='import sys; sys.exit(sys.version_info < (3, 11))'

if [ -n "${PYTHON:-}" ]; then
    if ! "$PYTHON" -c "$LEAST" 2>/dev/null; then
        echo "PYTHON=$PYTHON is not a Python 3.11 or newer" >&2
        exit 1
    fi
    echo "$PYTHON"
    exit 0
fi

for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$LEAST" 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done

found=$(python3 --version 2>/dev/null || echo "no python3")
echo "Python 3.11 or newer is needed; found: $found." >&2
echo "Install one (Debian 12, Ubuntu 24.04: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2
exit 1
