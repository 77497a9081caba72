#!/bin/sh
# Make a virtual environment in $1 with pip in it, on a machine that may have neither.
#
# Needs Python 3.11 or 3.12. Where the system's Python comes without ensurepip (Debian splits it
# off), pip is fetched from the package index and checked against the index's own hash.
set -eu
venv=$1

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

python=
for candidate in ${PYTHON:-} python3 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && suits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "No Python 3.11 or 3.12 found: installing Debian's." >&2
    apt-get update -qq && apt-get install -qq -y python3 >/dev/null
    suits python3 && python=python3
fi
if [ -z "$python" ]; then
    echo "Python 3.11 or 3.12 is needed and was not found. Install it, or run: make PYTHON=/path/to/python" >&2
    exit 2
fi

[ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 && exit 0
rm -rf "$venv"
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    "$python" -m venv --without-pip "$venv"
    "$venv/bin/python" "$(dirname "$0")/fetch_pip.py"
fi
