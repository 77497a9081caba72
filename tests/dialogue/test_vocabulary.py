"""Tests recognise the bot's own speech with the bundled model: what it says has to be sayable."""

from __future__ import annotations

import re

from ivr.dialogue.flow import Flow
from ivr.languages.spoken_values import digits, money
from tests.dialogue.talking import BANK, PROJECT

WORDS = PROJECT / "models" / "vosk-ivr-en-8k" / "graph" / "words.txt"

UNKNOWN_TO_THE_MODEL: set[str] = set()
"""Words said since the model was made: its graph is made again in minutes (training/README.md)."""


def english_words() -> set[str]:
    flow = Flow.load(BANK)
    texts = [
        re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", text.source)
        for (_, language), text in flow.texts.items()
        if language == "en"
    ]
    texts += [digits("0123456789", "en"), money("1250.50", "INR", "en"), "credit debit"]
    return set(re.findall(r"[a-z']+", " ".join(texts).lower()))


def test_every_other_word_is_known_to_the_bundled_model() -> None:
    known = {line.split()[0] for line in WORDS.read_text().splitlines() if line.strip()}
    assert english_words() - known == UNKNOWN_TO_THE_MODEL
