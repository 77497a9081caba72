"""The corpus is what it says it is, and what is held out stays as it was."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.benchmarks.turns.corpus import FROZEN, HELD_OUT, TUNING, planned
from ivr.benchmarks.turns.drawing import draw_half
from ivr.benchmarks.turns.pauses import PAUSES, draw_pause_ms
from ivr.benchmarks.turns.sentences import INTERRUPTIONS, OPEN, OPTIONS, PHRASES, WORDS, YES_NO
from ivr.benchmarks.turns.sound import TurnSounds
from ivr.benchmarks.turns.turn import Act, Kind, Piece, Speaker, Turn, digest
from ivr.errors import IvrError
from ivr.settings import PROJECT
from ivr.speech.synthesis.synthesiser import Voice

VOCABULARY = PROJECT / "models" / "vosk-ivr-en-8k" / "graph" / "words.txt"


def test_what_is_held_out_is_what_was_frozen() -> None:
    assert json.loads(FROZEN.read_text())["turns"] == digest(draw_half(HELD_OUT))
    assert planned(HELD_OUT, human=True)


def test_a_half_that_was_changed_is_not_reported_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.benchmarks.turns.drawing._HESITATES", 0.5)
    with pytest.raises(IvrError, match="not the one that was frozen"):
        planned(HELD_OUT, human=True)


def test_there_are_more_turns_to_tune_on_and_none_more_that_are_held_out() -> None:
    first, more = (planned(TUNING, human=True, more=number) for number in (0, 1))
    assert Counter(turn.sort for turn in first) == Counter(turn.sort for turn in more)
    assert digest(first) != digest(more)
    with pytest.raises(IvrError, match="frozen"):
        planned(HELD_OUT, human=True, more=1)


def test_there_are_enough_of_each_kind_without_the_human_digits_too() -> None:
    halves = [planned(half, human=False) for half in (HELD_OUT, TUNING)]
    assert sum(map(len, halves)) >= 600
    for half in halves:
        kinds = Counter(turn.kind for turn in half)
        assert min(kinds.values()) >= 15
        assert set(kinds) == set(Kind)
    assert not {turn.id for turn in halves[0]} & {turn.id for turn in halves[1]}


def test_callers_say_words_of_the_bundled_model() -> None:
    known = {line.split()[0] for line in VOCABULARY.read_text().splitlines()}
    filled = [text for texts in WORDS.values() for text in texts]
    said = " ".join((*YES_NO, *OPTIONS, *PHRASES, *OPEN, *INTERRUPTIONS, *filled))
    words = set(re.sub(r"\{\w+\}|[|~]", " ", said).split())
    assert words <= known


def test_pauses_are_of_the_three_kinds_in_their_shares() -> None:
    rng = np.random.default_rng(1)
    drawn = [draw_pause_ms(rng) for _ in range(4000)]
    for kind in PAUSES:
        share = sum(kind.least_ms <= pause < kind.most_ms for pause in drawn) / len(drawn)
        assert share == pytest.approx(kind.share, abs=0.03)


async def test_a_turn_sounds_where_its_label_says_so() -> None:
    async def speak(text: str, voice: Voice) -> Audio:
        del text, voice
        tone = np.sin(np.arange(4000) * 0.4) * 8000
        quiet = np.zeros(800)
        return Audio.from_samples(np.concatenate([quiet, tone, quiet]).astype(np.int16))

    turn = Turn(
        id="x",
        kind=Kind.OPEN,
        sort="open",
        question="5",
        pieces=(Piece(Act.SAY, "one", 300), Piece(Act.SAY, "two")),
        speaker=Speaker("", 150, 50),
    )
    made = await TurnSounds(speak).of(turn)
    assert made.label is not None
    assert made.label.pauses_ms == pytest.approx((300.0,), abs=10)
    assert made.label.start_ms == 0
    assert made.label.end_ms == pytest.approx(1300, abs=20)
    (first, _), (second, end) = made.label.spans
    rms = float(np.sqrt(np.mean(made.samples[second:end].astype(float) ** 2)))
    assert 20 * np.log10(rms / 32768) == pytest.approx(-20, abs=0.5)
    assert abs(made.samples[first + 4100 : second - 100]).max() == 0
    assert len(made.samples) == end
    assert TELEPHONE.rate == 8000
