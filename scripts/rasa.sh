#!/bin/sh
# Make an environment with Rasa in $1. Rasa 3.6 needs Python 3.8 to 3.10: $PYTHON310, one on the
# path, or one of pyenv's. 2.7 GB.
set -eu
venv=$1

suits() { "$1" -c 'import sys; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 10))' 2>/dev/null; }

python=
for candidate in ${PYTHON310:-} python3.10 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python \
    python3.9 python3.8; do
    if command -v "$candidate" >/dev/null 2>&1 && suits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Rasa 3.6 needs Python 3.10, which was not found. Install it, or run: make rasa PYTHON310=/path/to/python3.10" >&2
    exit 2
fi

[ -x "$venv/bin/rasa" ] && exit 0
"$python" -m venv "$venv"
# newer setuptools have no pkg_resources, which Rasa 3.6 imports
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pip<25' 'setuptools<71' wheel
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'rasa==3.6.21'
