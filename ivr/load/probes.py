"""A sample of the calls, made by our own phone, which keeps what it hears; SIPp does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from ivr.audio.format import Audio
from ivr.phone.handset import CallOver
from ivr.phone.listener import BotEar
from ivr.phone.sip import NotAnswered, SipPhone
from ivr.settings import Settings

_ANSWER_S = 15.0
_QUIET_MS = 700.0
_SPEAKS_OUT_S = 40.0


@dataclass
class Probe:
    """What one sampled call was like. Times in ms."""

    setup_ms: float | None = None
    answer_gaps_ms: list[float] = field(default_factory=list)
    """From the end of what the caller said to the bot's first sound."""
    frame_gaps_ms: list[float] = field(default_factory=list)
    """Between one RTP packet that arrived and the next; 20 when all is well."""
    heard: list[str] = field(default_factory=list)
    """What was recognised in the bot's answers."""
    failure: str = ""


async def probe(
    target: str, number: str, says: list[Audio], *, local_host: str, hold_s: float, key: str = "1"
) -> Probe:
    """Ring, choose a language, say each sentence and listen to its answer. Never raises."""
    found = Probe()
    phone = SipPhone(target, number=number, local_host=local_host)
    ear = BotEar(Settings(), phone.handset, "en")
    began = monotonic()
    try:
        await phone.ring(_ANSWER_S)
        found.setup_ms = (monotonic() - began) * 1000
        phone.handset.arrival_gaps_ms.clear()
        await phone.handset.heard_sound(_ANSWER_S)  # nobody presses before they are asked
        await phone.press(key)
        await asyncio.sleep(0.5)
        await phone.handset.heard_quiet(_QUIET_MS, _SPEAKS_OUT_S)
        for sentence in says:
            ear.begin()
            phone.handset.speak(sentence)
            await phone.handset.spoken()
            await phone.handset.heard_sound(_ANSWER_S)
            gap = phone.handset.last_gap_ms
            if gap is not None:
                found.answer_gaps_ms.append(gap)
            await phone.handset.heard_quiet(_QUIET_MS, _SPEAKS_OUT_S)
            found.heard.append(await ear.words())
        left = began + hold_s - monotonic()
        if left > 0:
            await asyncio.sleep(left)
    except NotAnswered as error:
        found.failure = f"not answered: {error.status or 'silence'}"
    except CallOver:
        found.failure = "the call ended early"
    except TimeoutError:
        found.failure = "the bot was silent"
    except OSError as error:
        found.failure = f"no line: {error.strerror}"
    finally:
        await phone.hang_up()
        ear.close()
        found.frame_gaps_ms = list(phone.handset.arrival_gaps_ms)
    return found
