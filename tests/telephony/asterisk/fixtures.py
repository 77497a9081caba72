"""Fixtures for tests on a real Asterisk, loaded by tests/conftest.py for every room.

    asterisk           a running AsteriskSwitch with the project's configuration and, as prompts,
                       tones of which each has a pitch of its own (`tests.tones.PROMPT_HZ`); it is
                       shared by the tests of one process
    spoken_asterisk    another one, whose prompts are spoken by the project's synthesis
    worker, other_worker   ScriptedWorkers: AudioSocket peers that do what a test says
    ring               rings the switch like a phone: `phone = await ring(digits="1")`
    ami                a connected AmiControl on `asterisk`

Point the dialplan at any AudioSocket ports, in the order in which calls try them, and ring:

    asterisk.use_workers(worker_port, other_port)
    phone = await ring(digits="1")           # answers the language menu; "" stays silent

`asterisk.ami_port`, `ami_user` and `ami_secret` are what a worker needs in IVR_AMI_*. Each test
that rings sets its own workers, because the last test's are gone. Where no Asterisk can be had
these tests are skipped with the reason, and with CI=true in the environment they fail.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ivr.audio.g711 import A_LAW, MU_LAW, Law
from ivr.phone.sip import SipPhone
from ivr.telephony.audiosocket.ami import AmiControl
from tests.prompts import render_spoken, render_tones
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskMissing, AsteriskSwitch, asterisk_root

Ring = Callable[..., Awaitable[SipPhone]]


def without_asterisk(reason: str) -> None:
    """Skip, saying why; fail where CI has to have an Asterisk."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs a real Asterisk: {reason}", pytrace=False)
    pytest.skip(f"NO REAL ASTERISK: {reason}")


@pytest.fixture(scope="session")
def unpacked_asterisk() -> Path:
    """The folder with Debian's Asterisk."""
    try:
        return asterisk_root()
    except AsteriskMissing as error:
        without_asterisk(str(error))
        raise


def _running(root: Path, render: Callable[[Path, str], None]) -> Iterator[AsteriskSwitch]:
    switch = AsteriskSwitch(root)
    try:
        render(switch.sounds, "asterisk")
        switch.start()
        yield switch
    except AsteriskMissing as error:
        without_asterisk(str(error))
    finally:
        switch.stop()


@pytest.fixture(scope="session")
def asterisk(unpacked_asterisk: Path) -> Iterator[AsteriskSwitch]:
    """A real Asterisk that plays tones for prompts."""
    yield from _running(unpacked_asterisk, render_tones)


@pytest.fixture(scope="session")
def spoken_asterisk(unpacked_asterisk: Path) -> Iterator[AsteriskSwitch]:
    """A real Asterisk with spoken prompts."""
    yield from _running(unpacked_asterisk, render_spoken)


@pytest.fixture
async def worker() -> AsyncIterator[ScriptedWorker]:
    """A worker that does what the test says."""
    worker = ScriptedWorker()
    await worker.start()
    yield worker
    await worker.stop()


@pytest.fixture
async def other_worker() -> AsyncIterator[ScriptedWorker]:
    """Another one."""
    worker = ScriptedWorker()
    await worker.start()
    yield worker
    await worker.stop()


@pytest.fixture
async def ring(asterisk: AsteriskSwitch) -> AsyncIterator[Ring]:
    """Rings the switch; every phone is hung up in the end."""
    phones: list[SipPhone] = []

    async def ring(
        digits: str = "1",
        *,
        number: str = "+914012345678",
        display_name: str = "",
        called: str = "100",
        codecs: tuple[Law, ...] = (MU_LAW, A_LAW),
        switch: AsteriskSwitch = asterisk,
    ) -> SipPhone:
        phone = SipPhone(
            switch.sip_target(called), number=number, display_name=display_name, codecs=codecs
        )
        phones.append(phone)
        await phone.ring(10)
        await phone.press(digits)
        return phone

    yield ring
    for phone in phones:
        await phone.hang_up()


@pytest.fixture
async def ami(asterisk: AsteriskSwitch) -> AsyncIterator[AmiControl]:
    """The control side, connected."""
    control = AmiControl("127.0.0.1", asterisk.ami_port, asterisk.ami_user, asterisk.ami_secret)
    await control.start()
    assert await control.wait_connected(5)
    yield control
    await control.close()
