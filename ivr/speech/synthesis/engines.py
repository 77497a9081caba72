"""The one place where a speech engine is chosen by its name, and where its process is found."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from ivr.errors import IvrError
from ivr.speech.synthesis.engine import Engine

KINDS = ("espeak", "coqui", "piper")
"""What can be named in settings, flows and commands."""

_PROJECT = Path(__file__).resolve().parents[3]
_OWN_ENVIRONMENT = {"coqui": _PROJECT / ".venv-coqui" / "bin" / "python"}
_PACKAGES = {"espeak": "espeakng_loader", "coqui": "TTS", "piper": "piper"}
_MISSING = {
    "espeak": ("espeak-ng", "Install it with: pip install 'ivr[espeak]'."),
    "coqui": ("Coqui", "Make its environment: make coqui."),
    "piper": ("Piper", "Install it with: make piper."),
}


def load_engine(kind: str, models: Sequence[str] = ()) -> Engine:
    """Load an engine into this process. Raises IvrError."""
    if kind == "espeak":
        from ivr.speech.synthesis.espeak import Espeak  # noqa: PLC0415

        return Espeak()
    if kind == "coqui":
        from ivr.speech.synthesis.coqui import Coqui  # noqa: PLC0415

        return Coqui(models)
    if kind == "piper":
        from ivr.speech.synthesis.piper import Piper  # noqa: PLC0415

        return Piper(models)
    raise _unknown(kind)


def python_of(kind: str) -> str:
    """The Python that has an engine: ours, or that of its own environment.

    Raises IvrError where it is not installed.
    """
    if kind not in KINDS:
        raise _unknown(kind)
    if importlib.util.find_spec(_PACKAGES[kind]) is not None:
        return sys.executable
    own = _OWN_ENVIRONMENT.get(kind)
    if own is None or not own.exists():
        name, remedy = _MISSING[kind]
        raise IvrError(f"The speech engine {name} is not installed.", remedy=remedy)
    return str(own)


def service_command(
    kind: str, url: str, models: Sequence[str] = (), *, parent: int | None = None
) -> list[str]:
    """The command that serves an engine at `url`. Raises IvrError where it is not installed."""
    command = [python_of(kind), "-m", "ivr.speech.synthesis.service", "--engine", kind]
    command += ["--socket", url]
    for model in models:
        command += ["--model", model]
    if parent is not None:
        command += ["--parent", str(parent)]
    return command


def service_environment(environment: dict[str, str]) -> dict[str, str]:
    """`environment` for such a command: an engine's own Python finds the project, and torch begins
    with one thread."""
    paths = [str(_PROJECT), environment.get("PYTHONPATH", "")]
    return {
        **environment,
        "PYTHONPATH": ":".join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
    }


def _unknown(kind: str) -> IvrError:
    return IvrError(
        f"There is no speech engine {kind!r}.", remedy=f"Choose one of {', '.join(KINDS)}."
    )
