"""Playing the corpus in real time: one call for each turn, a few at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from ivr.benchmarks.turns.drawing import LONG_CONFIRM, LONG_MENU
from ivr.benchmarks.turns.judge import Outcome, judge
from ivr.benchmarks.turns.line import Line, Record
from ivr.benchmarks.turns.sound import SoundingTurn
from ivr.benchmarks.turns.turn import Act, Kind, Piece, Speaker, Turn
from ivr.clock import SystemClock
from ivr.errors import IvrError
from ivr.phone.caller import Phone

Ring = Callable[[Line], Phone]
"""Makes a phone with this handset, which rings the bench's flow."""

Told = Callable[[Outcome], None]

_CALL_S = 60.0
_RINGS = 8
_RING_AGAIN_S = 2.0
_HEARD_OUT_MS = 14_000


async def play(
    turns: Sequence[SoundingTurn],
    ring: Ring,
    *,
    at_once: int,
    told: Told = lambda _: None,
    key_release_ms: float = 0.0,
    switch_menu: str = "",
) -> tuple[Outcome, ...]:
    """Play all turns, `at_once` at a time; `told` of each outcome as it is known.

    Raises IvrError when the first call is not answered.
    """
    references = {
        question: frames_of_question(
            await _call(undisturbed(question), ring, key_release_ms, switch_menu)
        )
        for question in (LONG_MENU, LONG_CONFIRM)
    }
    free = asyncio.Semaphore(at_once)

    async def one(sounding: SoundingTurn) -> Outcome:
        async with free:
            record = await _call(sounding, ring, key_release_ms, switch_menu)
        outcome = judge(sounding, record, references.get(sounding.turn.question, ()))
        told(outcome)
        return outcome

    return tuple(await asyncio.gather(*(one(each) for each in turns)))


async def _call(
    sounding: SoundingTurn, ring: Ring, key_release_ms: float, switch_menu: str
) -> Record:
    for _ in range(_RINGS):
        try:
            return await _one_call(sounding, ring, key_release_ms, switch_menu)
        except IvrError as refusal:
            # A worker that is busy just now says so, and a caller rings again.
            why = refusal
            await asyncio.sleep(_RING_AGAIN_S)
    raise why


async def _one_call(
    sounding: SoundingTurn, ring: Ring, key_release_ms: float, switch_menu: str
) -> Record:
    over = asyncio.Event()
    pressing: set[asyncio.Task[None]] = set()

    def press(key: str) -> None:
        task = asyncio.ensure_future(_pressed(phone.press(key)))
        pressing.add(task)
        task.add_done_callback(pressing.discard)

    line = Line(
        sounding,
        SystemClock(),
        press=press,
        done=over.set,
        key_release_ms=key_release_ms,
        switch_menu=switch_menu,
    )
    phone = ring(line)
    await phone.ring()
    try:
        async with asyncio.timeout(_CALL_S):
            hung_up = asyncio.ensure_future(phone.ended.wait())
            heard = asyncio.ensure_future(over.wait())
            await asyncio.wait({hung_up, heard}, return_when=asyncio.FIRST_COMPLETED)
            if not heard.done():
                line.log.trouble = line.log.trouble or "the line went dead"
            hung_up.cancel()
            heard.cancel()
    except TimeoutError:
        line.log.trouble = f"the call took more than {_CALL_S:g} s"
    finally:
        await phone.hang_up()
    return line.log


async def _pressed(pressing: Awaitable[None]) -> None:
    try:
        await pressing
    except (IvrError, ValueError, asyncio.CancelledError):
        # The call is over; the record says so.
        return


def undisturbed(question: str) -> SoundingTurn:
    """Somebody who only listens to a long question."""
    turn = Turn(
        f"undisturbed-{question}",
        Kind.NOISE,
        "undisturbed",
        question,
        (Piece(Act.NOTHING),),
        Speaker("", 0, 0),
        after_ms=_HEARD_OUT_MS,
    )
    return SoundingTurn(turn, np.zeros(0, np.int16), None)


def frames_of_question(record: Record) -> list[bytes]:
    """What was heard from the question on. Raises IvrError where it was not asked."""
    if record.question_ms is None:
        raise IvrError("The bench's flow does not answer.", remedy="See what the worker logs.")
    return [frame for at, frame in record.heard if at >= record.question_ms]
