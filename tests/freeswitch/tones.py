"""Tones instead of words: what was played can be told by its pitch."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.wav import write_wav
from ivr.phone.handset import Handset

PROMPT_HZ = {
    "ivr/choose-en": 310.0,
    "ivr/choose-hi": 370.0,
    "en/ivr/please-hold": 450.0,
    "hi/ivr/please-hold": 530.0,
    "en/ivr/no-agent": 610.0,
    "hi/ivr/no-agent": 690.0,
    "en/ivr/sorry": 770.0,
    "hi/ivr/sorry": 850.0,
}
"""The pitch of each prompt; workers sing above 1,000 Hz, callers above 2,000 Hz."""


def tone(hz: float, ms: float, level: float = 0.25) -> Audio:
    """A pure tone at `level` of full scale."""
    t = np.arange(int(TELEPHONE.rate * ms / 1000)) / TELEPHONE.rate
    return Audio.from_samples((np.sin(2 * np.pi * hz * t) * level * 32767).astype(np.int16))


def share(pcm: bytes, hz: float) -> float:
    """How much of a sound's energy lies within 15 Hz of `hz`, 0..1."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    if not samples.any():
        return 0.0
    power = np.abs(np.fft.rfft(samples)) ** 2
    near = np.abs(np.fft.rfftfreq(samples.size, 1 / TELEPHONE.rate) - hz) <= 15
    return float(power[near].sum() / power.sum())


def clearest(pcm: bytes, hz: float, ms: float = 200) -> float:
    """The best `share` of any stretch of that length."""
    size = int(TELEPHONE.rate * ms / 1000) * 2
    return max(
        (share(pcm[n : n + size], hz) for n in range(0, len(pcm) - size + 1, size // 2)),
        default=0.0,
    )


async def heard(handset: Handset, hz: float, within: float = 8.0) -> None:
    """Wait until the phone has heard a tone of that pitch. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while clearest(handset.record()[1].pcm, hz) < 0.8:
            await asyncio.sleep(0.02)


def render_tones(sounds: Path) -> None:
    """Make FreeSWITCH's prompts tones."""
    for name, hz in PROMPT_HZ.items():
        file = sounds / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_wav(file, tone(hz, 300))
