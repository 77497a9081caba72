"""What a scenario's caller sounds like, and what is heard at their end."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.level import level_dbfs
from ivr.scenarios.caller_sounds import mumble, with_noise, with_pauses
from ivr.scenarios.heard import scripts, share_heard


def tone(ms: int) -> Audio:
    t = np.arange(8 * ms) / TELEPHONE.rate
    return Audio.from_samples((np.sin(2 * np.pi * 500 * t) * 8000).astype(np.int16))


def test_a_pause_is_silence_between_the_pieces() -> None:
    audio = with_pauses([tone(100), tone(200)], 300)
    assert audio.duration_ms == 600
    assert not audio.samples[800:3200].any()
    assert audio.samples[:800].any()
    assert with_pauses([tone(100)], 300).duration_ms == 100


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_lies_so_far_below_the_voice(snr_db: float) -> None:
    voice = tone(500)
    noisy = with_noise(voice, snr_db, seed=1)
    assert noisy.duration_ms == pytest.approx(1300)
    before = noisy.pcm[: 8 * 400 * 2]
    # Only what sounds counts as voice, a sine's crossings of zero do not: 0.3 dB.
    assert level_dbfs(voice.pcm) - level_dbfs(before) == pytest.approx(snr_db, abs=1)
    assert with_noise(voice, snr_db, seed=1) == noisy
    assert with_noise(voice, snr_db, seed=2) != noisy


def test_mumbling_is_as_loud_as_speech() -> None:
    assert -30 < level_dbfs(mumble().pcm) < -15


@pytest.mark.parametrize(
    ("said", "heard", "share"),
    [
        ("What is your account number?", "what is your account number", 1.0),
        ("What is your account number?", "uh what is the account number please", 0.8),
        ("one two three", "three two one", 1 / 3),
        ("one two three", "", 0.0),
        ("", "anything", 1.0),
        ("आपका खाता", "आपका खाता", 1.0),
    ],
)
def test_the_share_of_words_that_were_heard(said: str, heard: str, share: float) -> None:
    assert share_heard(said, heard) == pytest.approx(share)


def test_scripts() -> None:
    assert scripts("Say english, or press 1!") == {"LATIN"}
    assert scripts("english अंग्रेज़ी") == {"LATIN", "DEVANAGARI"}
