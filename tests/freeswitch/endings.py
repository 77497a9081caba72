"""The ways in which calls end, many at once through a real FreeSWITCH, and what is left of them: in
this process, which is their worker, and in the switch."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil
import pytest

from ivr.phone.handset import Handset
from ivr.phone.sip import NotAnswered, SipPhone
from ivr.telephony.call import Call
from ivr.telephony.freeswitch.call import FreeSwitchCall, Limits
from ivr.telephony.freeswitch.client import EslClient
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.conftest import no_channels
from tests.freeswitch.listener import Listener, until
from tests.freeswitch.switch import FreeSwitch, channels

AT_ONCE = 10
OPENED_ONCE = 4
"""Descriptors that a switch may open with its first call and keep."""
SETTLED_S = 2.5
PATIENT = Limits(channel_data=20, answer=20, first_datagram=10, no_sound=20, ending=20)
"""Nothing here is about time: a busy machine may take it."""
LATE_S = 30.0


@dataclass
class House:
    """Two workers behind the switch, and what they were handed."""

    switch: FreeSwitch
    operator: EslClient
    servers: list[FreeSwitchServer] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    seen: list[weakref.ref[object]] = field(default_factory=list)
    ringing: list[SipPhone] = field(default_factory=list)

    def take(self, call: Call) -> None:
        listener = Listener(call)
        call.attach(listener)
        self.listeners.append(listener)
        self.seen += [weakref.ref(call), weakref.ref(listener)]

    def phones(self, called: str = "7003") -> list[SipPhone]:
        target = self.switch.sip_target(called)
        made = [SipPhone(target, handset=Handset(keep_record=False)) for _ in range(AT_ONCE)]
        self.ringing = made
        return made

    async def talking(self, called: str = "7003") -> list[SipPhone]:
        """So many calls that a worker has heard the sound of."""
        phones = self.phones(called)
        await asyncio.gather(*(phone.ring(LATE_S) for phone in phones))
        await until(lambda: len(self.listeners) >= AT_ONCE and all(self._sound()), LATE_S)
        return phones

    def _sound(self) -> list[bool]:
        return [bool(listener.frames) for listener in self.listeners]

    def kept(self) -> list[object]:
        """What should have been forgotten."""
        gc.collect()
        return [what for ref in self.seen if (what := ref()) is not None]

    @property
    def live(self) -> list[Call]:
        """The calls that have not ended."""
        return [listener.call for listener in self.listeners if not listener.endings]

    async def each(self, act: Callable[[Call], Awaitable[object]]) -> None:
        """Do something to every call that lives."""
        await asyncio.gather(*(act(call) for call in self.live))

    async def taken_again(self) -> None:
        """Wait until each call is with the next worker."""
        try:
            await until(lambda: len(self.listeners) >= 2 * AT_ONCE, LATE_S)
        except TimeoutError:
            ends = [listener.endings for listener in self.listeners]
            raise AssertionError(f"{len(ends)} were taken, and ended so: {ends}") from None

    async def gone(self, phones: list[SipPhone]) -> None:
        """Wait until all have hung up and every worker has let go."""
        await asyncio.gather(*(phone.hang_up() for phone in phones))
        for server in self.servers:
            await asyncio.wait_for(server.wait_closed(), LATE_S)
        await no_channels(self.operator, LATE_S)
        self.listeners.clear()


@asynccontextmanager
async def opened(switch: FreeSwitch, operator: EslClient) -> AsyncIterator[House]:
    """Two workers of ours behind the switch, for a while."""
    house = House(switch, operator)
    # An agent who is rung takes two sessions more; the limit that we ship is for callers.
    await operator.api("fsctl sps 1000")
    for number in (1, 2):
        server = FreeSwitchServer("127.0.0.1", 0, house.take, limits=PATIENT)
        await server.start()
        await operator.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
        house.servers.append(server)
    try:
        yield house
    finally:
        await asyncio.gather(*(phone.hang_up() for phone in house.ringing))
        for server in house.servers:
            await server.stop()


async def caller_hangs_up(house: House) -> None:
    await house.gone(await house.talking())


async def bot_hangs_up(house: House) -> None:
    phones = await house.talking()
    await house.each(lambda call: call.hang_up())
    await asyncio.gather(*(asyncio.wait_for(phone.ended.wait(), LATE_S) for phone in phones))
    await house.gone(phones)


async def transferred(house: House) -> None:
    phones = await house.talking()
    await house.each(lambda call: call.transfer("agent"))
    await house.gone(phones)


async def bridged(house: House) -> None:
    """With an agent who was asked; the caller hangs up then."""
    phones = await house.talking()

    async def connect(call: Call) -> None:
        consultation = await call.consult("agent", ring_s=LATE_S, on_agent=house.take)
        await consultation.answered()
        await consultation.bridge(returns=False)

    await house.each(connect)
    await house.gone(phones)


async def operator_kills(house: House) -> None:
    phones = await house.talking()
    for call in house.live:
        await house.operator.api(f"uuid_kill {call.id}")
    await asyncio.gather(*(asyncio.wait_for(phone.ended.wait(), LATE_S) for phone in phones))
    await house.gone(phones)


async def worker_lets_go(house: House) -> None:
    """The next worker has it then."""
    phones = await house.talking()

    async def drop(call: Call) -> None:
        call.drop()

    await house.each(drop)
    await house.taken_again()
    await house.gone(phones)


async def connection_breaks(house: House) -> None:
    """As when a worker dies."""
    phones = await house.talking()

    async def break_off(call: Call) -> None:
        assert isinstance(call, FreeSwitchCall)
        transport = call._link._transport
        assert transport is not None
        transport.abort()

    await house.each(break_off)
    await house.taken_again()
    await house.gone(phones)


async def caller_gives_up_unanswered(house: House) -> None:
    async def give_up(phone: SipPhone, after_s: float) -> None:
        with suppress(NotAnswered):
            await phone.ring(after_s)

    phones = house.phones("7001")
    await asyncio.gather(*(give_up(phone, index / 400) for index, phone in enumerate(phones)))
    await house.gone(phones)


async def refused(house: House) -> None:
    async def ring(phone: SipPhone) -> None:
        with pytest.raises(NotAnswered) as refusal:
            await phone.ring(LATE_S)
        assert refusal.value.status == 503

    for server in house.servers:
        server._max_calls = 0
    phones = house.phones()
    await asyncio.gather(*(ring(phone) for phone in phones))
    await house.gone(phones)


async def never_opened(house: House) -> None:
    """A `socket` without `async` has no sound."""
    phones = house.phones("7002")
    await asyncio.gather(*(phone.ring(LATE_S) for phone in phones))
    await asyncio.gather(*(asyncio.wait_for(phone.ended.wait(), LATE_S) for phone in phones))
    await house.gone(phones)


@dataclass(frozen=True)
class Inventory:
    """What this process and the switch have open."""

    ours: Counter[str]
    of_switch: Counter[str]

    @classmethod
    def now(cls, switch: FreeSwitch) -> Inventory:
        ours = _open(psutil.Process())
        ours["tasks"] = len(asyncio.all_tasks())
        return cls(ours, _open(psutil.Process(switch.pid)))

    @classmethod
    async def settled(cls, switch: FreeSwitch) -> Inventory:
        """Once nothing has changed for a while: the switch tidies up some time after a call."""
        found, since = cls.now(switch), time.monotonic()
        async with asyncio.timeout(30):
            while time.monotonic() - since < SETTLED_S:
                await asyncio.sleep(0.1)
                if (again := cls.now(switch)) != found:
                    found, since = again, time.monotonic()
        return found


def _open(process: psutil.Process) -> Counter[str]:
    return Counter(
        descriptors=process.num_fds(),
        udp=len(process.net_connections("udp")),
        tcp=len(process.net_connections("tcp")),
    )


ENDINGS: tuple[Callable[[House], Awaitable[None]], ...] = (
    caller_hangs_up,
    bot_hangs_up,
    transferred,
    bridged,
    operator_kills,
    worker_lets_go,
    connection_breaks,
    caller_gives_up_unanswered,
    refused,
    never_opened,
)
_UNHEARD = (caller_gives_up_unanswered, refused, never_opened)
"""Where no worker gets to hear the caller, always or mostly."""


async def left_of(
    house: House, ending: Callable[[House], Awaitable[None]], calls: int
) -> dict[str, int]:
    """Have so many calls end so; what there is more of than before, by what it is. The switch may
    keep `OPENED_ONCE` descriptors of a kind that it opened with its first call."""
    before = await Inventory.settled(house.switch)
    for _ in range(calls // AT_ONCE):
        await ending(house)
    after = await Inventory.settled(house.switch)
    if ending not in _UNHEARD:
        assert len(house.seen) >= 2 * calls, f"{len(house.seen)} were heard"
    # A call that ended just now may still wait for what the switch has to say about it.
    with suppress(TimeoutError):
        await until(lambda: not house.kept(), LATE_S)
    left = {f"{what} here": after.ours[what] - before.ours[what] for what in after.ours}
    left |= {
        f"{what} in the switch": after.of_switch[what] - before.of_switch[what]
        for what in after.of_switch
    }
    left["calls and listeners here"] = len(house.kept())
    left["channels in the switch"] = await channels(house.operator)
    left["live calls of the servers"] = sum(server.live_calls for server in house.servers)
    return left


def is_nothing(left: Mapping[str, int]) -> bool:
    """Whether nothing of it grows with the calls."""
    held = ("descriptors in the switch", "udp in the switch", "tcp in the switch")
    return all(count <= (OPENED_ONCE if what in held else 0) for what, count in left.items())
