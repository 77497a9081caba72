"""What came of a turn, from nothing but what the phone heard, and the truth about what it sent.
Pure.

A frame that leaves at `t` holds the caller's sound from `t - 20` to `t` ms; one that arrives at
`t` is heard from `t` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.benchmarks.turns.line import FRAME_MS, Record, is_audible
from ivr.benchmarks.turns.sound import SoundingTurn
from ivr.benchmarks.turns.turn import Kind

CUT_OFF_MS = 200.0
"""More of the bot than this while the caller goes on is a false cut-off."""

_BREAK_MS = 60.0
"""Silence of the bot that parts what it said too early from its answer."""

_PAUSED_FRAMES = 3
_FOREIGN_FRAMES = 10
_BACK_FRAMES = 150
"""How far back into its words the bot may go when it takes them up again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn; times in ms, None where there is nothing to measure.

    `gap_ms`: from the caller's last sample, or last key, to the first audible frame of the answer.
    `overlap_ms`: the bot's sound while the caller was sounding. `early_ms`: the bot's sound before
    the caller's last sample, pauses of the caller included. `stop_ms`: from the caller's first
    sample to the bot's pause. `paused`: the bot fell silent where it would have spoken.
    `resumed`: and then went on where it had stopped, or a little before. `changed`: it said
    something else, having stopped where it was silent anyway, so that nobody can say when.
    """

    id: str
    kind: Kind
    sort: str
    gap_ms: float | None = None
    overlap_ms: float = 0.0
    early_ms: float = 0.0
    stop_ms: float | None = None
    paused: bool = False
    resumed: bool = False
    changed: bool = False
    trouble: str = ""

    @property
    def cut_off(self) -> bool:
        """Whether the bot spoke on while the caller did."""
        return self.overlap_ms > CUT_OFF_MS

    @property
    def committed(self) -> bool:
        """Whether the bot gave up what it was saying."""
        return self.changed or (self.paused and not self.resumed)


def judge(sounding: SoundingTurn, record: Record, reference: Sequence[bytes] = ()) -> Outcome:
    """Say what came of a turn. `reference`: the frames of the question that it interrupts, as
    they are heard when nobody does."""
    turn = sounding.turn
    if turn.kind is Kind.KEYS:
        return _keys(sounding, record)
    if turn.kind.is_answer:
        return _answer(sounding, record)
    return _interruption(sounding, record, reference)


def _keys(sounding: SoundingTurn, record: Record) -> Outcome:
    turn = sounding.turn
    gap = None
    if len(record.keyed_ms) == 1 + len(turn.keys):
        last = record.keyed_ms[-1]
        gap = next((at - last for at in record.audible() if at >= last), None)
    return Outcome(turn.id, turn.kind, turn.sort, gap, trouble=record.trouble)


def _answer(sounding: SoundingTurn, record: Record) -> Outcome:
    turn, label = sounding.turn, sounding.label
    if record.said_ms is None or label is None:
        return Outcome(turn.id, turn.kind, turn.sort, trouble=record.trouble or "nothing was said")
    began = record.said_ms - FRAME_MS
    start, end = began + label.start_ms, began + label.end_ms
    audible = record.audible()
    early = [at for at in audible if start <= at < end]
    overlap = sum(
        _shared(at, began + first / 8, began + last / 8)
        for at in early
        for first, last in label.spans
    )
    return Outcome(
        turn.id,
        turn.kind,
        turn.sort,
        _gap(audible, end),
        overlap_ms=overlap,
        early_ms=len(early) * FRAME_MS,
        trouble=record.trouble,
    )


def _gap(audible: Sequence[float], end: float) -> float | None:
    """To the first sound of the bot that is not the rest of what it said too early."""
    last = max((at for at in audible if at < end), default=None)
    for at in audible:
        if at < end:
            continue
        if last is None or at - last > FRAME_MS + _BREAK_MS:
            return at - end
        last = at
    return None


def _shared(at: float, start: float, end: float) -> float:
    return max(0.0, min(at + FRAME_MS, end) - max(at, start))


def _interruption(sounding: SoundingTurn, record: Record, reference: Sequence[bytes]) -> Outcome:
    turn, label = sounding.turn, sounding.label
    found = follow(record, reference)
    stop = None
    if record.said_ms is not None and label is not None and found.paused_ms is not None:
        stop = found.paused_ms - (record.said_ms - FRAME_MS + label.start_ms)
    return Outcome(
        turn.id,
        turn.kind,
        turn.sort,
        stop_ms=stop,
        paused=found.paused_ms is not None,
        resumed=found.resumed,
        changed=found.changed,
        trouble=record.trouble,
    )


@dataclass(frozen=True, slots=True)
class Followed:
    """How the bot's words went, held against the same words undisturbed."""

    paused_ms: float | None
    resumed: bool
    changed: bool = False


def follow(record: Record, reference: Sequence[bytes]) -> Followed:
    """Follow the bot through the words of `reference`. It may pause several times; the first
    counts for when, the last for whether it went on."""
    place = 0
    silent_from: float | None = None
    silent = 0
    paused: float | None = None
    resumed = True
    foreign = 0
    for at, frame in record.heard:
        if record.question_ms is None or at < record.question_ms or place >= len(reference):
            continue
        if frame == reference[place]:
            if silent >= _PAUSED_FRAMES:
                resumed = True
            place, silent, silent_from, foreign = place + 1, 0, None, 0
            continue
        if not is_audible(frame):
            if not is_audible(reference[place]) and silent_from is None:
                # Either's silence may be a frame longer where sounds are joined.
                continue
            silent_from = at if silent_from is None else silent_from
            silent += 1
            if silent == _PAUSED_FRAMES:
                paused = silent_from if paused is None else paused
                resumed = False
            continue
        back = _taken_up(frame, reference, place)
        if back is not None:
            place, silent, silent_from, resumed = back + 1, 0, None, True
        elif silent >= _PAUSED_FRAMES or paused is not None:
            return Followed(paused, resumed=False)
        else:
            foreign += 1
            if foreign == _FOREIGN_FRAMES:
                return Followed(None, resumed=False, changed=True)
    return Followed(paused, resumed=resumed)


def _taken_up(frame: bytes, reference: Sequence[bytes], place: int) -> int | None:
    for back in range(place + 2, max(-1, place - _BACK_FRAMES), -1):
        if back < len(reference) and reference[back] == frame:
            return back
    return None
