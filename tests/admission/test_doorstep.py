"""Who waits for a place while it rings."""

from __future__ import annotations

import asyncio

from ivr.admission.doorstep import Doorstep

SOON_S = 0.2


async def test_who_comes_while_there_is_a_place_has_it() -> None:
    assert Doorstep(lambda: True).may_enter()
    assert not Doorstep(lambda: False).may_enter()
    assert await Doorstep(lambda: True).wait(lambda: True)


async def test_places_go_to_those_who_wait_in_order_and_to_nobody_past_them() -> None:
    free = 0

    def has_place() -> bool:
        return free > 0

    doorstep = Doorstep(has_place)
    entered: list[str] = []

    async def caller(name: str) -> None:
        nonlocal free
        if await doorstep.wait(lambda: True):
            free -= 1
            entered.append(name)

    waiting = [asyncio.create_task(caller(name)) for name in ("first", "second", "third")]
    await asyncio.sleep(0)
    free = 2
    assert not doorstep.may_enter()
    async with asyncio.timeout(1):
        while len(entered) < 2:
            await asyncio.sleep(0.01)
    assert entered == ["first", "second"]
    free += 1
    await asyncio.gather(*waiting)
    assert entered == ["first", "second", "third"]


async def test_nobody_waits_for_longer_than_a_moment() -> None:
    doorstep = Doorstep(lambda: False, patience_s=SOON_S)
    async with asyncio.timeout(1):
        assert await asyncio.gather(*(doorstep.wait(lambda: True) for _ in range(5))) == [False] * 5


async def test_who_has_hung_up_takes_no_place_and_holds_up_nobody() -> None:
    places, rings = False, True
    doorstep = Doorstep(lambda: places)
    gone = asyncio.create_task(doorstep.wait(lambda: rings))
    stays = asyncio.create_task(doorstep.wait(lambda: True))
    await asyncio.sleep(0)
    places, rings = True, False
    assert await gone is False
    assert await stays is True
