"""What is said between us and a vosk-server, as text and bytes: no sockets here.

The protocol is that of vosk-server's `websocket/asr_server.py` (alphacep/vosk-server). After a
configuration, which has no answer, each message has one:

    we    {"config": {"sample_rate": 8000, "words": true, "phrase_list": [...]}}
    we    bytes of sound          server   {"partial": "what is"}, or a result
    we    {"reset" : 1}           server   the result of what is left; it goes on listening
    we    {"eof" : 1}             server   the result of what is left; it closes

A result is as Vosk's own (see `hypotheses.py`). The server compares the last two letter by
letter, blanks included. It makes its recogniser with the first sound: a phrase list that comes
later changes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ivr.speech.recognition.grammar import grammar
from ivr.speech.recognition.recogniser import RecognitionFailed

RESET = '{"reset" : 1}'
EOF = '{"eof" : 1}'

LARGEST_REPLY = 1 << 20
"""Bytes; a minute of speech is a few hundred words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """The running hypothesis, as Vosk wrote it."""

    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Words that will not change any more, as Vosk wrote them."""

    document: str


Reply = Partial | Result


def configuration(rate: int, phrases: Sequence[str] | None) -> str:
    """Return the message that begins a conversation at `rate` Hz, narrowed to `phrases` with a
    way out for anything else.
    """
    wanted: dict[str, Any] = {"sample_rate": rate, "words": True, "max_alternatives": 0}
    if phrases is not None:
        # Which words its model lacks is the server's to know; it leaves them out by itself.
        narrowed, _ = grammar(phrases, lambda _word: True)
        if narrowed is not None:
            wanted["phrase_list"] = json.loads(narrowed)
    return json.dumps({"config": wanted}, ensure_ascii=False)


def read(message: str | bytes) -> Reply:
    """Return what a server's message says. Raises RecognitionFailed for anything else."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        raise _nonsense("no JSON") from None
    if not isinstance(found, dict):
        raise _nonsense("no object")
    if "partial" in found:
        if not isinstance(found["partial"], str):
            raise _nonsense("a partial that is no text")
        return Partial(document=json.dumps({"partial": found["partial"]}))
    if not isinstance(found.get("text"), str):
        raise _nonsense("neither a partial nor a text")
    words = found.get("result", [])
    if not isinstance(words, list) or not all(map(_is_word, words)):
        raise _nonsense("words that are none")
    if found["text"].split() and not words:
        raise _nonsense("a text without its words")
    return Result(document=json.dumps({"text": found["text"], "result": words}))


def _is_word(found: object) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("word"), str):
        return False
    numbers = [found.get(name) for name in ("start", "end", "conf")]
    return all(
        isinstance(number, int | float) and -1e9 < number < 1e9 and math.isfinite(number)
        for number in numbers
    )


def _nonsense(what: str) -> RecognitionFailed:
    return RecognitionFailed(f"The vosk-server answered with {what}.")
