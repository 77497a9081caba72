"""A worker that takes a dead one's place writes down the end of what nobody else has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from ivr.conversation.lost_calls import TAKEN_UP_S, end_lost_calls, left_by_the_last
from ivr.scenarios.memory import RecordsInMemory
from ivr.storage.record import CallFinished
from ivr.storage.session import Session, SessionStoreAway

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class At:
    """A clock that stands."""

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return NOON


class Left:
    """What the last worker has left: calls at these epochs. `taken` are with another by now."""

    def __init__(self, *calls: UUID) -> None:
        self.epochs = dict.fromkeys(calls, 1)
        self.taken: set[UUID] = set()
        self.away = False

    async def left_behind(self) -> dict[UUID, int]:
        if self.away:
            raise SessionStoreAway("Redis does not answer.")
        return dict(self.epochs)

    async def let_go(
        self, call_id: UUID, epoch: int, *, within_ms: float
    ) -> tuple[bool, Session | None]:
        if self.away:
            raise SessionStoreAway("Redis does not answer.")
        assert epoch == self.epochs.pop(call_id)
        kept = Session(call_id=call_id, flow="bank", flow_version="1", turn=6, state={})
        return call_id not in self.taken, kept


def sleeping(slept: list[float], then: Callable[[], None]) -> Callable[[float], Awaitable[None]]:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        then()

    return sleep


async def test_only_what_nobody_has_taken_up_is_over() -> None:
    lost, taken = uuid4(), uuid4()
    left, records, slept = Left(lost, taken), RecordsInMemory(), list[float]()
    found = await left_by_the_last(left)
    await end_lost_calls(
        found, left, records, At(), sleep=sleeping(slept, lambda: left.taken.add(taken))
    )
    assert records.written == [CallFinished(call_id=lost, at=NOON, cause="lost", turns=6)]
    assert slept == [TAKEN_UP_S]
    assert left.epochs == {}


async def test_while_redis_is_away_nothing_is_said_to_be_over() -> None:
    left, records = Left(uuid4()), RecordsInMemory()
    found = await left_by_the_last(left)

    def goes() -> None:
        left.away = True

    await end_lost_calls(found, left, records, At(), sleep=sleeping([], goes))
    assert records.written == []
    assert left.epochs, "the next worker of the name may still settle it"
    assert await left_by_the_last(left) == {}


async def test_where_nothing_was_left_nobody_waits() -> None:
    slept: list[float] = []
    await end_lost_calls({}, Left(), RecordsInMemory(), At(), sleep=sleeping(slept, lambda: None))
    assert slept == []
