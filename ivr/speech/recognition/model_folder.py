"""Is this folder a Vosk model? Looked at first, then loaded in a process of its own.

The layouts are those of vosk-api 0.3.45 (src/model.cc, ConfigureV2): `am/final.mdl`, `conf/`,
and in `graph/` either a static `HCLG.fst` or the pair `HCLr.fst` and `Gr.fst`, with `words.txt`;
or, in older models (ConfigureV1), all of it in one folder, with `mfcc.conf`.
A broken file can end the process that loads it, which is why the check is not made in ours.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ivr.errors import IvrError

LOAD_S = 300.0
"""Time in which a model has to load; the largest take a minute from a slow disk."""

_LOAD = """
import sys, vosk
vosk.SetLogLevel(-1)
vosk.KaldiRecognizer(vosk.Model(sys.argv[1]), 8000).AcceptWaveform(bytes(3200))
"""


def missing_parts(folder: Path) -> list[str]:
    """Return what a model needs and `folder` lacks; empty for what looks like a model."""
    flat = (folder / "mfcc.conf").is_file() and not (folder / "am").is_dir()
    graph = folder if flat else folder / "graph"
    place = "" if flat else "graph/"
    needed = ("final.mdl",) if flat else ("am/final.mdl", "conf")
    missing = [part for part in needed if not (folder / part).exists()]
    pair = (graph / "HCLr.fst").is_file() and (graph / "Gr.fst").is_file()
    if not pair and not (graph / "HCLG.fst").is_file():
        missing.append(f"{place}HCLG.fst (or HCLr.fst and Gr.fst)")
    # A static graph may carry its words inside.
    if pair and not (graph / "words.txt").is_file():
        missing.append(f"{place}words.txt")
    return missing


def check(folder: Path, name: str) -> None:
    """Make sure that `folder` holds a model that loads and hears.

    Raises IvrError, calling the model `name`, where it does not.
    """
    missing = missing_parts(folder)
    if missing:
        raise IvrError(
            f"{name} is no Vosk model: it has no {', no '.join(missing)}.",
            remedy="Give the folder that holds am/, conf/ and graph/, or a zip of it.",
        )
    try:
        loaded = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _LOAD, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LOAD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise IvrError(
            f"{name} did not load within {LOAD_S:.0f} s.",
            remedy="Choose a smaller model, or a machine with more memory.",
        ) from None
    if loaded.returncode == -9:
        raise IvrError(
            f"{name} was killed while it loaded.",
            remedy="It may need more memory than there is: choose a smaller one.",
        )
    if loaded.returncode != 0:
        raise IvrError(
            f"{name} looks like a Vosk model but does not load.",
            remedy="Its files may be damaged: fetch it again.",
        )
