"""However calls end, nothing is left of them, neither here nor in the real switch.

`bench.endings` does it with 200 calls of each ending.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ivr.telephony.freeswitch.client import EslClient
from tests.freeswitch.endings import ENDINGS, House, is_nothing, left_of, opened
from tests.freeswitch.switch import FreeSwitch

pytestmark = pytest.mark.freeswitch

CALLS = 40
"""More than a switch or a loop may open once and keep (`OPENED_ONCE`)."""


@pytest.fixture
async def house(freeswitch: FreeSwitch, ops: EslClient) -> AsyncIterator[House]:
    async with opened(freeswitch, ops) as house:
        yield house


@pytest.mark.parametrize("ending", ENDINGS)
async def test_nothing_is_left(house: House, ending: Callable[[House], Awaitable[None]]) -> None:
    left = await left_of(house, ending, CALLS)
    assert is_nothing(left), left
