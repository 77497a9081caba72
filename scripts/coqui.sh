#!/bin/sh
# Make an environment with Coqui TTS in $1: torch for the CPU, 1.8 GB. Python 3.11 or 3.12.
set -eu
venv=$1

[ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("TTS") and u.find_spec("torch")))' && exit 0
"$(dirname "$0")/bootstrap.sh" "$venv"
pip() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
# The build for the CPU: the index's own brings 3 GB of CUDA along.
pip --no-deps --timeout 20 --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0'
# torchaudio and torchcodec, which Coqui names as extras, are not needed: ivr/speech/synthesis/coqui.py.
pip 'coqui-tts>=0.28,<0.29' six
