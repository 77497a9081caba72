"""Fixtures for whole calls: what callers say, a stack behind a real switch, and who rings it.

A test that rings a switch runs on each kind of them: on Asterisk, and on FreeSWITCH where
IVR_FREESWITCH names its binary.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from ivr.phone.audiosocket import AudioSocketPhone
from ivr.phone.sip import SipPhone
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from tests.e2e.stack import Stack
from tests.e2e.talk import SENTENCES, Sounds, SwitchedTalk, Talk
from tests.freeswitch.switch import FreeSwitch, channels, without_freeswitch
from tests.prompts import render_spoken
from tests.telephony.asterisk.switch import AsteriskSwitch

RingIn = Callable[..., Awaitable[SwitchedTalk]]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A switch that hands its calls to a stack, worker-0 first where it has an order."""

    stack: Stack
    target: str
    """Whom a phone rings."""
    channels: Callable[[], Awaitable[int]]
    """How many channels are up in the switch."""

    async def all_gone(self) -> None:
        """Wait until the switch has no channel. Raises TimeoutError."""
        async with asyncio.timeout(10):
            while await self.channels():
                await asyncio.sleep(0.05)


_numbers = count(1)


@pytest.fixture(scope="session")
def sounds() -> Sounds:
    """Each of `talk.SENTENCES`, in a voice that the recognition model was not trained on."""

    async def make() -> Sounds:
        voice = CallerVoice(Settings())
        try:
            return {text: await voice.speak(text) for text in SENTENCES}
        finally:
            await voice.close()

    return asyncio.run(make())


@pytest.fixture
def phone(stack: Stack) -> AudioSocketPhone:
    """Rings the first worker of a test's own `stack`, with no switch between."""
    return AudioSocketPhone(stack.notes.host, stack.notes.audiosocket_ports[0])


@pytest.fixture
async def talk(phone: AudioSocketPhone, sounds: Sounds) -> AsyncIterator[Talk]:
    """The caller at that phone."""
    talk = Talk(phone, sounds)
    yield talk
    await talk.hang_up()


@pytest.fixture(scope="session")
def switched_stack(
    spoken_asterisk: AsteriskSwitch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Two workers, to which `spoken_asterisk` hands its calls."""
    environment = {
        "IVR_AMI_PORT": str(spoken_asterisk.ami_port),
        "IVR_AMI_USER": spoken_asterisk.ami_user,
        "IVR_AMI_SECRET": spoken_asterisk.ami_secret,
    }
    folder = tmp_path_factory.mktemp("switched") / "var"
    with Stack(folder, workers=2, environment=environment) as stack:
        yield stack


@pytest.fixture(scope="session")
def freeswitch_stack(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Stack, FreeSwitch]]:
    """Two workers, and the FreeSWITCH that hands its calls to them."""
    without_freeswitch()
    folder = tmp_path_factory.mktemp("freeswitch")
    render_spoken(folder / "sounds", "freeswitch")
    with Stack(folder / "var", workers=2) as stack:
        switch = FreeSwitch.before(folder, stack.notes.freeswitch_ports)
        try:
            yield stack, switch
            assert switch.alive, switch.log()[-4000:]
        finally:
            switch.stop()


@pytest.fixture(
    params=[
        pytest.param("asterisk", marks=pytest.mark.asterisk),
        pytest.param("freeswitch", marks=pytest.mark.freeswitch),
    ]
)
def behind(request: pytest.FixtureRequest) -> tuple[Stack, AsteriskSwitch | FreeSwitch]:
    """Each kind of switch, and the stack behind it."""
    if request.param == "asterisk":
        switch = request.getfixturevalue("spoken_asterisk")
        return request.getfixturevalue("switched_stack"), switch
    stack, freeswitch = request.getfixturevalue("freeswitch_stack")
    return stack, freeswitch


@pytest.fixture
async def site(behind: tuple[Stack, AsteriskSwitch | FreeSwitch]) -> AsyncIterator[Site]:
    """Each kind of switch with its stack, ready to be rung."""
    stack, switch = behind
    if isinstance(switch, AsteriskSwitch):
        switch.use_workers(*stack.notes.audiosocket_ports)
        asterisk = switch

        async def up() -> int:
            return asterisk.channels()

        yield Site(stack=stack, target=switch.sip_target(), channels=up)
        return
    operator = await switch.operator()
    yield Site(stack=stack, target=switch.sip_target(), channels=lambda: channels(operator))
    await operator.close()


@pytest.fixture
async def ring_in(site: Site, sounds: Sounds) -> AsyncIterator[RingIn]:
    """Rings the switch, each time from another number, and presses a key at its menu:
    `talk = await ring_in("1")`. With `heed=True` no key is pressed before the test does.
    """
    talks: list[SwitchedTalk] = []

    async def ring_in(key: str, *, heed: bool = False) -> SwitchedTalk:
        number = f"+9140{next(_numbers):08}"
        phone = SipPhone(site.target, number=number)
        language = {"1": "en", "2": "hi"}[key]
        talk = SwitchedTalk(phone, sounds, site.stack, number, language)
        talks.append(talk)
        await talk.ring()
        await talk.hear_begin()
        if not heed:
            await talk.press(key)
        return talk

    yield ring_in
    for talk in talks:
        await talk.hang_up()
