"""Drawing the corpus: which turns there are, by a seed. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ivr.benchmarks.turns.pauses import draw_pause_ms
from ivr.benchmarks.turns.sentences import (
    BACKCHANNELS,
    DIGITS,
    HESITATIONS,
    INTERRUPTIONS,
    OPEN,
    OPTIONS,
    PHRASES,
    WORDS,
    YES_NO,
)
from ivr.benchmarks.turns.turn import Act, Kind, Piece, Speaker, Turn

SEED = 20_261_129

YES_OR_NO, OPTION, FOUR, SIX, ANYTHING, LONG_MENU, LONG_CONFIRM = "1234567"
"""Keys that lead to the questions of the bench's flow."""

_VOICES = {
    "tuning": ("en-us", "en-us+m3", "en-gb-x-rp+m3", "en-us+m1", "en-us+m7", "en-gb-x-rp+f3"),
    "held-out": ("en-us", "en-us+m3", "en-gb-x-rp", "en-us+m2", "en-us+m6", "en-us+f3"),
}
"""Some in both halves, some not. "+m3" and "+f3" are voices that the bundled model was not
trained on."""

_COUNTS = {
    "yes_no": 32,
    "option": 32,
    "four_digits": 20,
    "six_digits": 24,
    "phrase": 32,
    "open": 70,
    "keys": 30,
    "barge_in": 50,
    "backchannel": 18,
    "cough": 14,
    "echo": 14,
    "line_noise": 14,
    "human_digits": 18,
}
"""Of each half; 368 together."""

_PAUSE_BETWEEN_PHRASES = 0.35
_PAUSE_WITHIN_PHRASE = 0.2
_HESITATES = 0.15
"""How likely each place for one becomes a pause, and a turn begins with "um"."""

_HUMAN_TAKES = 10


def draw_half(half: str, *, human: bool = True, seed: int = SEED) -> tuple[Turn, ...]:
    """All turns of "held-out" or "tuning", in the order in which they are played; without the
    human digits where those cannot be had. Another `seed` draws other turns of the same kind."""
    turns: list[Turn] = []
    for sort, count in _COUNTS.items():
        # A stream of its own for each sort: one more of these leaves the others as they are.
        rng = np.random.default_rng([seed, sum(half.encode()), sum(sort.encode())])
        turns += [_Drawing(rng, half, sort, number).turn() for number in range(count)]
    order = np.random.default_rng([seed, sum(half.encode())]).permutation(len(turns))
    ordered = (turns[place] for place in order)
    return tuple(turn for turn in ordered if human or turn.sort != "human_digits")


@dataclass(slots=True)
class _Drawing:
    """One turn on its way."""

    rng: np.random.Generator
    half: str
    sort: str
    number: int

    def turn(self) -> Turn:
        kind, question, pieces, more = _SORTS[self.sort](self)
        rng = self.rng
        speaker = Speaker(
            voice=self._one_of(_VOICES[self.half]),
            rate=int(rng.integers(130, 186)),
            pitch=int(rng.integers(35, 66)),
        )
        interrupts = not kind.is_answer and kind is not Kind.KEYS
        settings = {
            "level_dbfs": round(float(rng.uniform(-26, -16)), 1),
            "after_ms": int(rng.integers(900, 4200) if interrupts else rng.integers(150, 700)),
            "noise_dbfs": self._noise(),
            "seed": int(rng.integers(1 << 31)),
            **more,
        }
        name = f"{self.half}-{self.sort}-{self.number:02}"
        return Turn(name, kind, self.sort, question, pieces, speaker, **settings)  # type: ignore[arg-type]

    def one_of_sorts(self, choices: tuple[str, ...]) -> str:
        return self._one_of(choices)

    def sentence(self, text: str) -> tuple[Piece, ...]:
        """A sentence with its slots filled and its pauses drawn."""
        rng = self.rng
        filled = re.sub(r"\{(\w+)\}", lambda slot: self._one_of(WORDS[slot[1]]), text)
        pieces: list[Piece] = []
        if rng.random() < _HESITATES:
            pieces.append(Piece(Act.SAY, self._one_of(HESITATIONS), draw_pause_ms(rng)))
        said = ""
        parts = re.split(r"\s*([|~])\s*", filled)
        for words, place in zip(parts[::2], [*parts[1::2], ""], strict=True):
            said = f"{said} {words}".strip()
            likely = {"|": _PAUSE_BETWEEN_PHRASES, "~": _PAUSE_WITHIN_PHRASE}.get(place, 0.0)
            if rng.random() >= likely:
                continue
            if place == "~" and rng.random() < 0.5:
                pieces.append(Piece(Act.SAY, f"{said} {self._one_of(HESITATIONS)}", self._pause()))
            else:
                pieces.append(Piece(Act.SAY, said, self._pause()))
            said = ""
        return (*pieces, Piece(Act.SAY, said))

    def digits(self, count: int) -> tuple[Piece, ...]:
        """Digits in groups, a pause between two of them."""
        rng = self.rng
        sizes = {4: ((4,), (2, 2)), 6: ((6,), (3, 3), (2, 2, 2))}[count]
        groups = sizes[int(rng.integers(len(sizes)))]
        pieces = []
        for place, size in enumerate(groups):
            words = [DIGITS[int(rng.integers(10))] for _ in range(size)]
            if size > 1 and rng.random() < 0.15:
                words = ["double", words[0], *words[2:]]
            last = place == len(groups) - 1
            pieces.append(Piece(Act.SAY, " ".join(words), 0 if last else self._pause()))
        return tuple(pieces)

    def human_digits(self) -> tuple[str, tuple[Piece, ...]]:
        """Digits of a human speaker that the bundled model was not trained on; the halves have
        different recordings of each digit."""
        rng = self.rng
        count = (4, 6)[int(rng.integers(2))]
        takes = range(_HUMAN_TAKES // 2)
        first = _HUMAN_TAKES // 2 if self.half == "held-out" else 0
        names = [
            f"{int(rng.integers(10))}_lucas_{first + int(rng.choice(takes))}" for _ in range(count)
        ]
        middle = count // 2
        pieces = (
            Piece(Act.HUMAN_DIGITS, " ".join(names[:middle]), self._pause()),
            Piece(Act.HUMAN_DIGITS, " ".join(names[middle:])),
        )
        return (FOUR if count == 4 else SIX), pieces

    def _pause(self) -> int:
        return draw_pause_ms(self.rng)

    def _noise(self) -> float | None:
        draw = self.rng.random()
        if draw < 0.25:
            return None
        if draw < 0.65:
            return -64.0
        return round(float(self.rng.uniform(-56, -42)), 1)

    def _one_of(self, choices: tuple[str, ...]) -> str:
        return choices[int(self.rng.integers(len(choices)))]


_Drawn = tuple[Kind, str, tuple[Piece, ...], dict[str, object]]


def _yes_no(drawing: _Drawing) -> _Drawn:
    return (
        Kind.CLOSED,
        YES_OR_NO,
        drawing.sentence(drawing.one_of_sorts(YES_NO)),
        {},
    )


def _option(drawing: _Drawing) -> _Drawn:
    return Kind.CLOSED, OPTION, drawing.sentence(drawing.one_of_sorts(OPTIONS)), {}


def _four(drawing: _Drawing) -> _Drawn:
    return Kind.CLOSED, FOUR, drawing.digits(4), {}


def _six(drawing: _Drawing) -> _Drawn:
    return Kind.CLOSED, SIX, drawing.digits(6), {}


def _phrase(drawing: _Drawing) -> _Drawn:
    return Kind.CLOSED, ANYTHING, drawing.sentence(drawing.one_of_sorts(PHRASES)), {}


def _open(drawing: _Drawing) -> _Drawn:
    return Kind.OPEN, ANYTHING, drawing.sentence(drawing.one_of_sorts(OPEN)), {}


def _human(drawing: _Drawing) -> _Drawn:
    question, pieces = drawing.human_digits()
    return Kind.CLOSED, question, pieces, {}


def _keys(drawing: _Drawing) -> _Drawn:
    rng = drawing.rng
    question = (OPTION, FOUR, SIX)[int(rng.integers(3))]
    count = {OPTION: 1, FOUR: 4, SIX: 6}[question]
    keys = "".join(str(int(rng.integers(1, 9))) for _ in range(count))
    return Kind.KEYS, question, (), {"keys": keys}


def _barge_in(drawing: _Drawing) -> _Drawn:
    words = drawing.one_of_sorts(INTERRUPTIONS)
    return Kind.BARGE_IN, LONG_MENU, (Piece(Act.SAY, words),), {}


def _backchannel(drawing: _Drawing) -> _Drawn:
    rng = drawing.rng
    question = (LONG_MENU, LONG_CONFIRM)[int(rng.integers(2))]
    if rng.random() < 0.4:
        return Kind.BACKCHANNEL, question, (Piece(Act.HUM),), {}
    language, text = BACKCHANNELS[int(rng.integers(len(BACKCHANNELS)))]
    return Kind.BACKCHANNEL, question, (Piece(Act.SAY, text, 0, language),), {}


def _cough(drawing: _Drawing) -> _Drawn:
    question = (LONG_MENU, LONG_CONFIRM)[int(drawing.rng.integers(2))]
    return Kind.NOISE, question, (Piece(Act.COUGH),), {}


def _echo(drawing: _Drawing) -> _Drawn:
    rng = drawing.rng
    question = (LONG_MENU, LONG_CONFIRM)[int(rng.integers(2))]
    more: dict[str, object] = {
        "echo_db": round(float(rng.uniform(-40, -22)), 1),
        "echo_ms": int(rng.integers(2, 12)) * 20,
    }
    return Kind.NOISE, question, (Piece(Act.NOTHING),), more


def _line_noise(drawing: _Drawing) -> _Drawn:
    rng = drawing.rng
    question = (LONG_MENU, LONG_CONFIRM)[int(rng.integers(2))]
    act = (Act.KNOCK, Act.BURST)[int(rng.integers(2))]
    return Kind.NOISE, question, (Piece(act),), {}


_SORTS: dict[str, Callable[[_Drawing], _Drawn]] = {
    "yes_no": _yes_no,
    "option": _option,
    "four_digits": _four,
    "six_digits": _six,
    "phrase": _phrase,
    "open": _open,
    "keys": _keys,
    "barge_in": _barge_in,
    "backchannel": _backchannel,
    "cough": _cough,
    "echo": _echo,
    "line_noise": _line_noise,
    "human_digits": _human,
}
