#!/bin/sh
# Make an environment with Coqui TTS in $1: torch for the CPU, 1.8 GB. Python 3.11 or 3.12.
set -eu
venv=$1

[ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("TTS") and u.find_spec("torch")))' && exit 0
"$(dirname "$0")/bootstrap.sh" "$venv"
pip() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
# The build for the CPU: the index's own brings 3 GB of CUDA along.
pip --no-deps --timeout 20 --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0'
# What it needs besides, which --no-deps left out together with CUDA.
pip filelock 'fsspec>=0.8.5' jinja2 'networkx>=2.5.1' 'setuptools>=77.0.3' 'sympy>=1.13.3' 'typing-extensions>=4.10'
"$venv/bin/python" -c 'import torch' 2>/dev/null || {
    echo "coqui: this torch needs CUDA. Its build for the CPU is at https://download.pytorch.org/whl/cpu; where that cannot be reached, put the wheel into a folder and set PIP_FIND_LINKS to it." >&2
    rm -rf "$venv"
    exit 2
}
# torchaudio and torchcodec, which Coqui names as extras, are not needed: ivr/speech/synthesis/coqui.py.
pip 'coqui-tts>=0.28,<0.29' six
