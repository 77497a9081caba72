"""Tones instead of words: what was played can be told by its pitch."""

from __future__ import annotations

import asyncio

import numpy as np

from ivr.audio.format import TELEPHONE, Audio
from ivr.phone.handset import Handset

PROMPT_HZ = {
    ("choose-en", "en"): 310.0,
    ("choose-hi", "hi"): 370.0,
    ("please-hold", "en"): 450.0,
    ("please-hold", "hi"): 530.0,
    ("no-agent", "en"): 610.0,
    ("no-agent", "hi"): 690.0,
    ("sorry", "en"): 770.0,
    ("sorry", "hi"): 850.0,
}
"""The pitch of each prompt of a dialplan, by name and language; workers sing above 1,000 Hz."""

PROMPT_MS = 300


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


async def heard(handset: Handset, hz: float, within: float = 15.0) -> None:
    """Wait until the phone has heard a tone of that pitch. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while clearest(handset.record()[1].pcm, hz) < 0.8:
            await asyncio.sleep(0.02)
