"""The corpus as its users take it: one half to tune on, the other held out, frozen by its hash.

`bench/turns/frozen.json` was written before anything was tuned, and holds the SHA-256 of what the
held-out half says of itself: words, voices, pauses, levels, noises, seeds. A half that is another
one is never reported on. Its sound cannot be frozen so: espeak-ng speaks the same sentence a
little otherwise each time (10 ms longer, other hiss), and labels are taken from what it spoke.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ivr.benchmarks.turns.drawing import SEED, draw_half
from ivr.benchmarks.turns.sound import SoundingTurn, TurnSounds
from ivr.benchmarks.turns.turn import Turn, digest
from ivr.errors import IvrError
from ivr.settings import PROJECT

HELD_OUT, TUNING = "held-out", "tuning"
FROZEN = PROJECT / "bench" / "turns" / "frozen.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """One half, as sound."""

    half: str
    turns: tuple[SoundingTurn, ...]


def planned(half: str, *, human: bool, more: int = 0) -> tuple[Turn, ...]:
    """The turns of a half. Of those to tune on there are as many more as one likes: each number
    `more` draws as many other ones.

    Raises IvrError when the held-out half is not the frozen one.
    """
    if more and half != TUNING:
        raise IvrError("What is held out is frozen: there are no more of these turns.")
    if half == HELD_OUT and _frozen() != digest(draw_half(HELD_OUT)):
        raise IvrError(
            "The held-out half is not the one that was frozen.",
            remedy="Undo what was changed in ivr/benchmarks/turns: drawing, sentences, pauses.",
        )
    return draw_half(half, human=human, seed=SEED + more)


async def sounding(half: str, sounds: TurnSounds, *, human: bool, more: int = 0) -> Corpus:
    """A half of the corpus, made into sound; `more`: see `planned`. Raises IvrError."""
    turns = planned(half, human=human, more=more)
    return Corpus(half, tuple([await sounds.of(turn) for turn in turns]))


def freeze(path: Path = FROZEN) -> None:
    """Write down what the held-out half is. Raises IvrError when that was done before."""
    if path.exists():
        raise IvrError(f"{path} exists: what is held out is frozen once.")
    path.parent.mkdir(parents=True, exist_ok=True)
    frozen = {"seed": SEED, "turns": digest(draw_half(HELD_OUT))}
    path.write_text(json.dumps(frozen, indent=1) + "\n", encoding="utf-8")


def _frozen() -> object:
    try:
        frozen = json.loads(FROZEN.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IvrError(f"{FROZEN} cannot be read: {error}.") from None
    return frozen.get("turns") if isinstance(frozen, dict) else None
