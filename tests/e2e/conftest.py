"""Fixtures for whole calls: what callers say, a stack behind a real Asterisk, and who rings it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count

import pytest

from ivr.phone.sip import SipPhone
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from tests.e2e.stack import Stack
from tests.e2e.talk import SENTENCES, Sounds, SwitchedTalk
from tests.telephony.asterisk.switch import AsteriskSwitch

RingIn = Callable[..., Awaitable[SwitchedTalk]]

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


@pytest.fixture
async def ring_in(
    spoken_asterisk: AsteriskSwitch, switched_stack: Stack, sounds: Sounds
) -> AsyncIterator[RingIn]:
    """Rings the Asterisk, each time from another number, and presses a key at its menu:
    `talk = await ring_in("1")`. Calls try worker-0 first.
    """
    spoken_asterisk.use_workers(*switched_stack.notes.audiosocket_ports)
    talks: list[SwitchedTalk] = []

    async def ring_in(key: str) -> SwitchedTalk:
        number = f"+9140{next(_numbers):08}"
        phone = SipPhone(spoken_asterisk.sip_target(), number=number)
        language = {"1": "en", "2": "hi"}[key]
        talk = SwitchedTalk(phone, sounds, switched_stack, number, language)
        talks.append(talk)
        await talk.ring()
        await talk.hear_begin()
        await talk.press(key)
        return talk

    yield ring_in
    for talk in talks:
        await talk.hang_up()
