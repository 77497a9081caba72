"""What Asterisk says by itself, in words, as a caller hears it over RTP."""

from __future__ import annotations

import json

import pytest
import vosk

from ivr.phone.sip import SipPhone
from ivr.settings import PROJECT
from ivr.telephony.audiosocket.ami import AmiControl
from tests.telephony.asterisk.fixtures import Ring
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskSwitch

pytestmark = pytest.mark.asterisk


def words(pcm: bytes) -> str:
    """What the recogniser makes of a sound."""
    vosk.SetLogLevel(-1)
    recogniser = vosk.KaldiRecognizer(vosk.Model(str(PROJECT / "models" / "vosk-ivr-en-8k")), 8000)
    pieces = [pcm[start : start + 3200] for start in range(0, len(pcm), 3200)]
    parts = [recogniser.Result() for piece in pieces if recogniser.AcceptWaveform(piece)]
    parts.append(recogniser.FinalResult())
    return " ".join(json.loads(part)["text"] for part in parts)


def heard(phone: SipPhone) -> bytes:
    """All that the phone has heard."""
    return phone.handset.record()[1].pcm


async def test_the_menu_and_the_transfer_are_heard_word_for_word(
    spoken_asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    spoken_asterisk.use_workers(worker.port)
    ami = AmiControl(
        "127.0.0.1",
        spoken_asterisk.ami_port,
        spoken_asterisk.ami_user,
        spoken_asterisk.ami_secret,
    )
    await ami.start()
    try:
        assert await ami.wait_connected(5)
        phone = await ring("", switch=spoken_asterisk)
        await phone.handset.heard_sound(5)
        await phone.handset.heard_quiet(1000, 10)
        await phone.press("1")
        call = await worker.next_call()
        menu = heard(phone)
        assert "english press one" in words(menu)
        assert await ami.info(call.uuid) is not None
        await ami.set_next(call.uuid, "agent")
        call.hang_up()
        await phone.handset.heard_sound(5)
        await phone.handset.heard_quiet(300, 10)
        assert "please hold for an agent" in words(heard(phone)[len(menu) :])
    finally:
        await ami.close()
