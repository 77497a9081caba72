"""Levels of sounds whose level is known."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.audio.format import Audio
from ivr.audio.g711 import A_LAW, MU_LAW
from ivr.audio.level import (
    NO_SOUND_DBFS,
    clipped_samples,
    is_audible,
    level_dbfs,
    peak,
    power_dbfs,
)
from tests.audio import sounds


def pcm(*samples: int) -> bytes:
    return Audio.from_samples(np.array(samples, np.int16)).pcm


def test_a_square_of_full_scale_is_at_zero_and_a_sine_three_below() -> None:
    assert level_dbfs(pcm(*[-32768] * 160)) == 0
    full = 32767 * np.sin(2 * np.pi * np.arange(8000) / 8)
    assert level_dbfs(sounds.to_audio(full).pcm) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("dbfs", [-60.0, -30.0, -10.0])
def test_noise_is_measured_as_it_was_made(dbfs: float) -> None:
    assert level_dbfs(sounds.to_audio(sounds.white(1.0, dbfs)).pcm) == pytest.approx(dbfs, abs=0.1)


def test_silence_and_nothing_have_a_level_one_can_reckon_with() -> None:
    assert level_dbfs(bytes(320)) == level_dbfs(b"") == power_dbfs(-1e-9) == NO_SOUND_DBFS
    assert level_dbfs(pcm(1, *[0] * 8000)) == NO_SOUND_DBFS


def test_the_peak_is_the_greatest_of_either_sign() -> None:
    assert peak(pcm(3, -5, 4)) == 5
    assert peak(pcm(-32768)) == 32768
    assert peak(b"") == peak(bytes(320)) == 0


def test_only_full_scale_counts_as_clipped() -> None:
    assert clipped_samples(pcm(32767, 32766, -32767, -32768, -32766, 0)) == 3
    assert clipped_samples(b"") == 0


def test_idle_noise_is_not_audible_and_a_soft_consonant_is() -> None:
    for law in (MU_LAW, A_LAW):
        assert not is_audible(law.decode(bytes([law.silence, law.silence ^ 0x80]) * 80))
    assert not is_audible(b"")
    assert is_audible(sounds.to_audio(sounds.white(0.02, -55)).pcm)
    assert is_audible(pcm(0, 33))
    assert not is_audible(pcm(0, -32))
    assert not is_audible(pcm(0, 33), threshold=100)
