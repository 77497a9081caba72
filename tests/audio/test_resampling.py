"""A prompt at another rate sounds the same and lasts as long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.format import Audio, AudioFormat
from ivr.audio.level import level_dbfs
from ivr.audio.resampling import resample

RATES = [8000, 16000, 22050, 24000, 44100, 48000]


def sine(hertz: float, rate: int, seconds: float = 1.0, peak: float = 10000) -> Audio:
    t = np.arange(round(rate * seconds)) / rate
    wave = np.rint(peak * np.sin(2 * np.pi * hertz * t)).astype(np.int16)
    return Audio.from_samples(wave, AudioFormat(rate))


def strongest_hertz(audio: Audio) -> float:
    wave = audio.samples * np.hanning(audio.samples.size)
    return float(np.abs(np.fft.rfft(wave)).argmax() * audio.format.rate / audio.samples.size)


@pytest.mark.parametrize("old", RATES)
@pytest.mark.parametrize("new", RATES)
def test_a_tone_keeps_pitch_level_and_length(old: int, new: int) -> None:
    before = sine(1000, old)
    after = resample(before, new)
    assert after.format == AudioFormat(new)
    assert abs(after.duration_ms - before.duration_ms) <= 500 / new
    assert strongest_hertz(after) == pytest.approx(1000, abs=1)
    assert level_dbfs(after.pcm) == pytest.approx(level_dbfs(before.pcm), abs=0.05)


@pytest.mark.parametrize("old", [16000, 22050, 44100])
def test_nothing_moves_in_time(old: int) -> None:
    wave = np.zeros(old, np.int16)
    where = old // 4
    wave[where - 20 : where + 21] = (8000 * np.hanning(41)).astype(np.int16)
    after = resample(Audio.from_samples(wave, AudioFormat(old)), 8000)
    assert int(np.abs(after.samples).argmax()) == pytest.approx(where * 8000 / old, abs=1)


def test_what_the_telephone_cannot_carry_does_not_come_back_as_another_tone() -> None:
    after = resample(sine(6000, 22050), 8000)
    assert level_dbfs(after.pcm[800:-800]) < -80


def test_silence_stays_silence() -> None:
    assert resample(Audio(bytes(44100), AudioFormat(22050)), 8000).pcm == bytes(16000)


def test_full_scale_is_clipped_and_never_wraps() -> None:
    square = np.where(np.arange(22050) % 50 < 25, 32767, -32768).astype(np.int16)
    after = resample(Audio.from_samples(square, AudioFormat(22050)), 8000).samples
    period = 50 * 8000 / 22050
    phase = np.arange(after.size) % period / period
    assert after[(phase > 0.1) & (phase < 0.4)].min() > 20000
    assert after[(phase > 0.6) & (phase < 0.9)].max() < -20000


def test_the_same_rate_is_the_same_sound() -> None:
    audio = sine(440, 8000)
    assert resample(audio, 8000) is audio


def test_an_unknown_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="4000"):
        resample(sine(440, 8000), 4000)


@given(st.integers(0, 700), st.sampled_from(RATES), st.sampled_from(RATES))
def test_length_is_exact_whatever_the_length(samples: int, old: int, new: int) -> None:
    after = resample(Audio(bytes(2 * samples), AudioFormat(old)), new)
    assert abs(after.samples.size - samples * new / old) <= 0.5
