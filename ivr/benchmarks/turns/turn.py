"""One labelled turn of the corpus, before it is sound: what is done on the line, and when.

Pure data; the same seed draws the same turns everywhere, whatever engine speaks them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What kind of turn it is, which decides how it is judged."""

    CLOSED = "closed"
    """An answer that is complete by itself: yes or no, an option, so many digits, a phrase that
    the flow can go on with."""
    OPEN = "open"
    """A sentence of several slots."""
    KEYS = "keys"
    BARGE_IN = "barge_in"
    """Words into what the bot says."""
    BACKCHANNEL = "backchannel"
    """Says no more than "I am listening", into what the bot says."""
    NOISE = "noise"
    """No words: a cough, a knock, an echo of the bot, into what the bot says."""

    @property
    def is_disturbance(self) -> bool:
        """Whether the bot is to go on speaking."""
        return self in (Kind.BACKCHANNEL, Kind.NOISE)

    @property
    def is_answer(self) -> bool:
        """Whether it is said when the bot has fallen silent."""
        return self in (Kind.CLOSED, Kind.OPEN)


class Act(StrEnum):
    """How a piece of a turn is made."""

    SAY = "say"
    HUM = "hum"
    COUGH = "cough"
    KNOCK = "knock"
    BURST = "burst"
    HUMAN_DIGITS = "human_digits"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something heard, and the silence of `pause_ms` behind it (0 behind the last).

    `text` is what is said, for `HUMAN_DIGITS` file names without suffix, parted by spaces.
    """

    act: Act
    text: str = ""
    pause_ms: int = 0
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Speaker:
    """A synthetic voice: espeak-ng's name, words a minute, pitch 0 to 100."""

    voice: str
    rate: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. Levels in dBFS, times in ms.

    `question`: the key that leads to the question it answers, or interrupts. `after_ms`: into the
    bot's words where it interrupts, else after the bot fell silent. `noise_dbfs`: of the line all
    the time, None for digital silence. `echo_db` and `echo_ms`: how much softer and later the bot
    is heard in the caller's own line.
    """

    id: str
    kind: Kind
    sort: str
    question: str
    pieces: tuple[Piece, ...]
    speaker: Speaker
    level_dbfs: float = -20.0
    after_ms: int = 300
    noise_dbfs: float | None = None
    echo_db: float | None = None
    echo_ms: int = 0
    keys: str = ""
    seed: int = 0


def digest(turns: Iterable[Turn]) -> str:
    """SHA-256 over what the turns say of themselves, in their order."""
    lines = (json.dumps(asdict(turn), sort_keys=True) for turn in turns)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
