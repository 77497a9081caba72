"""One engine in a process of its own, for `comparison`.

    python -m ivr.nlu.trial train|ask ENGINE NLU_DIR CACHE_DIR VAR_DIR

`ask` reads a JSON list of sentences and prints the fields of `comparison.Answers`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ivr.errors import IvrError
from ivr.nlu.comparison import ask, peak_memory_mb
from ivr.nlu.engines import encoder_of
from ivr.nlu.spacy import SpacyInterpreter


def main(task: str, engine: str, nlu_dir: str, cache_dir: str, var_dir: str) -> None:
    """Do `task`. Raises IvrError."""
    if task == "ask" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    interpreter = SpacyInterpreter(
        Path(nlu_dir), Path(cache_dir), encoder=encoder_of(engine, Path(var_dir))
    )
    if task == "ask":
        intents, spent = ask(interpreter, json.load(sys.stdin))
        memory = peak_memory_mb(os.getpid())
        json.dump({"intents": intents, "spent_ms": spent, "memory_mb": memory}, sys.stdout)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except IvrError as error:
        sys.exit(str(error))
