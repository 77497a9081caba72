"""The corpus as its users take it: one half to tune on, the other held out, frozen by its hash.

`bench/turns/frozen.json` was written before anything was tuned, and holds the SHA-256 of what the
held-out half says of itself and of its sound. A half that is another one is never reported on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ivr.benchmarks.turns.drawing import SEED, draw_half
from ivr.benchmarks.turns.sound import SoundingTurn, TurnSounds, sound_digest
from ivr.benchmarks.turns.turn import Turn, digest
from ivr.errors import IvrError
from ivr.settings import PROJECT
from ivr.speech.synthesis.voices import engine_version

HELD_OUT, TUNING = "held-out", "tuning"
FROZEN = PROJECT / "bench" / "turns" / "frozen.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """One half, as sound. `sounds_as_frozen`: whether it sounds as it did when it was frozen;
    None where there is nothing to compare it with."""

    half: str
    turns: tuple[SoundingTurn, ...]
    sounds_as_frozen: bool | None


def planned(half: str, *, human: bool) -> tuple[Turn, ...]:
    """The turns of a half. Raises IvrError when the held-out half is not the frozen one."""
    if half == HELD_OUT:
        frozen = _frozen()
        if frozen.get("turns") != digest(draw_half(HELD_OUT)):
            raise IvrError(
                "The held-out half is not the one that was frozen.",
                remedy="Undo what was changed in ivr/benchmarks/turns: drawing, sentences, pauses.",
            )
    return draw_half(half, human=human)


async def sounding(half: str, sounds: TurnSounds, *, human: bool) -> Corpus:
    """A half of the corpus, made into sound. Raises IvrError."""
    turns = tuple([await sounds.of(turn) for turn in planned(half, human=human)])
    same = None
    if half == HELD_OUT:
        same = _frozen().get("sound") == spoken_digest(turns)
    return Corpus(half, turns, same)


def spoken_digest(turns: tuple[SoundingTurn, ...]) -> str:
    """Of all but the human recordings, which not everybody has."""
    return sound_digest(each for each in turns if each.turn.sort != "human_digits")


def freeze(turns: tuple[SoundingTurn, ...], path: Path = FROZEN) -> None:
    """Write down what the held-out half is. Raises IvrError when that was done before."""
    if path.exists():
        raise IvrError(f"{path} exists: what is held out is frozen once.")
    path.parent.mkdir(parents=True, exist_ok=True)
    frozen = {
        "seed": SEED,
        "turns": digest(draw_half(HELD_OUT)),
        "sound": spoken_digest(turns),
        "made_with": engine_version(),
    }
    path.write_text(json.dumps(frozen, indent=1) + "\n", encoding="utf-8")


def _frozen() -> dict[str, object]:
    try:
        frozen = json.loads(FROZEN.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IvrError(f"{FROZEN} cannot be read: {error}.") from None
    return frozen if isinstance(frozen, dict) else {}
