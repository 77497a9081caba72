"""The engine that the settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from ivr.nlu.encoder import EncoderMissing
from ivr.nlu.engines import encoder_of
from ivr.nlu.fallback import FallbackInterpreter
from ivr.nlu.interpreter import Interpreter
from ivr.nlu.rasa import RasaInterpreter
from ivr.nlu.spacy import SpacyInterpreter

_log = structlog.get_logger()


def interpreter_of(
    engine: str, nlu_dir: Path, var_dir: Path, rasa_urls: Mapping[str, str]
) -> Interpreter:
    """Return `engine`, one of IN_PROCESS, behind Rasa for the languages that have a server.

    An encoder that is missing is told in the log, and `spacy` serves: it needs none. Takes a
    second or several: call it off the event loop. Raises BadTrainingData, ModelNotKept.
    """
    try:
        encoder = encoder_of(engine, var_dir)
    except EncoderMissing as error:
        _log.warning("nlu_engine_missing", engine=engine, instead="spacy", why=str(error))
        encoder = None
    local = SpacyInterpreter(nlu_dir, var_dir / "nlu", encoder=encoder)
    if not rasa_urls:
        return local
    return FallbackInterpreter(RasaInterpreter(rasa_urls, nlu_dir), local)
