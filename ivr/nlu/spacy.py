"""Understanding in process: a spaCy pipeline per language, and rules for values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ivr.clock import Clock, SystemClock
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent
from ivr.nlu.model_cache import language_folders, model_path, ready_pipeline
from ivr.nlu.training_data import load_training_data
from ivr.nlu.values import find_values

if TYPE_CHECKING:
    from spacy.language import Language

    from ivr.nlu.encoder import SentenceEncoder

_MOST_CHARACTERS = 1000
"""What is understood of one utterance: a minute of speech."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Understanding:
    """All that is needed for one language."""

    model: str
    pipeline: Language
    patterns: tuple[tuple[str, re.Pattern[str]], ...]


class SpacyInterpreter:
    """The in-process engine; see `Interpreter`.

    Each subfolder of `nlu_dir` holds the training data of the language it is named for. Models
    are kept in `cache_dir` and trained there when they are missing, so making one takes a
    second or, the first time, several. `clock` says what day "tomorrow" follows, in the
    machine's time zone. With an `encoder` it is the engine "minilm", else "spacy". Raises
    BadTrainingData, ModelNotKept.
    """

    def __init__(
        self,
        nlu_dir: Path,
        cache_dir: Path,
        *,
        clock: Clock | None = None,
        encoder: SentenceEncoder | None = None,
    ) -> None:
        engine = "spacy" if encoder is None else "minilm"
        self._clock = clock if clock is not None else SystemClock()
        self._languages = {
            language: _Understanding(
                f"{engine}:{model_path(folder, cache_dir, encoder).name}",
                ready_pipeline(folder, cache_dir, encoder=encoder),
                _patterns(folder),
            )
            for language, folder in language_folders(nlu_dir).items()
        }

    @property
    def languages(self) -> frozenset[str]:
        """See `Interpreter.languages`."""
        return frozenset(self._languages)

    async def interpret(self, text: str, language: str) -> Interpretation:
        """See `Interpreter.interpret`. Takes well under a millisecond on the event loop, or with an
        encoder two or three.
        """
        known = self._languages.get(language)
        if known is None or not text.strip():
            return Interpretation(text=text)
        try:
            return self._interpret(text, language, known)
        except Exception:
            # the port's promise: a call goes on without us, whatever breaks here
            log.exception("nlu_failed", language=language, characters=len(text))
            return Interpretation(text=text)

    async def close(self) -> None:
        """See `Interpreter.close`."""
        self._languages = {}

    def _interpret(self, text: str, language: str, known: _Understanding) -> Interpretation:
        heard = text[:_MOST_CHARACTERS]
        doc = known.pipeline(heard)
        found = [
            _entity(ent.label_, ent.ent_id_ or ent.text, heard, ent.start_char, ent.end_char)
            for ent in doc.ents
        ]
        found += find_values(heard, language, self._clock.now().astimezone().date())
        for kind, pattern in known.patterns:
            found += (
                _entity(kind, match.group(), heard, *match.span())
                for match in pattern.finditer(heard)
                if match.group()
            )
        return Interpretation(
            text=text,
            model=known.model,
            intents=tuple(
                ScoredIntent(name=name, confidence=confidence)
                for name, confidence in doc.cats.items()
            ),
            entities=tuple(sorted(found, key=lambda entity: (entity.start, entity.end))),
        )


def _patterns(folder: Path) -> tuple[tuple[str, re.Pattern[str]], ...]:
    data = load_training_data(folder)
    return tuple(
        (kind, re.compile(pattern, re.IGNORECASE))
        for kind, patterns in data.patterns.items()
        for pattern in patterns
    )


def _entity(kind: str, value: str, text: str, start: int, end: int) -> Entity:
    return Entity(kind=kind, value=value, text=text[start:end], start=start, end=end)
