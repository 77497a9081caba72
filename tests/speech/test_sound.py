from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.format import Samples
from ivr.speech.synthesis.sound import LEAD_MS, LEVEL_DBFS, TAIL_MS, telephone_sound


def tone(rate: int, ms: int, amplitude: float, hertz: float = 440.0) -> Samples:
    at = np.arange(rate * ms // 1000) / rate
    return (amplitude * 32767 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def silence(rate: int, ms: int) -> Samples:
    return np.zeros(rate * ms // 1000, np.int16)


def level_db(samples: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean((samples / 32768.0) ** 2))))


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("amplitude", [0.02, 0.3, 1.0])
def test_every_sound_comes_out_equally_loud_and_trimmed(rate: int, amplitude: float) -> None:
    wave = np.concatenate([silence(rate, 450), tone(rate, 500, amplitude), silence(rate, 700)])
    audio = telephone_sound(wave, rate)
    assert audio.format.rate == 8000
    assert audio.duration_ms == pytest.approx(LEAD_MS + 500 + TAIL_MS, abs=15)
    assert level_db(audio.samples[400:3600]) == pytest.approx(LEVEL_DBFS, abs=0.3)


def test_pauses_do_not_make_a_sentence_louder() -> None:
    word = tone(8000, 300, 0.2)
    dense = telephone_sound(np.concatenate([word, word]), 8000)
    sparse = telephone_sound(np.concatenate([word, silence(8000, 2000), word]), 8000)
    assert level_db(sparse.samples[400:2400]) == pytest.approx(
        level_db(dense.samples[400:2400]), abs=0.3
    )


def test_peaks_are_never_clipped() -> None:
    wave = tone(8000, 1000, 0.01)
    wave[::800] = 32767
    audio = telephone_sound(wave, 8000)
    assert int(np.abs(audio.samples).max()) < 32767
    assert len(np.unique(np.abs(audio.samples))) > 10


@pytest.mark.parametrize("ms", [0, 1, 500])
def test_silence_is_no_sound(ms: int) -> None:
    assert telephone_sound(silence(22050, ms), 22050).pcm == b""


def test_what_is_above_the_telephone_band_does_not_fold_back() -> None:
    low = telephone_sound(tone(22050, 500, 0.3) + tone(22050, 500, 0.3, 6000.0), 22050)
    spectrum = np.abs(np.fft.rfft(low.samples[400:3600]))
    folded = spectrum[round(2000 * 3200 / 8000)]
    assert folded < spectrum.max() / 300


@given(st.lists(st.integers(-32768, 32767), max_size=400))
def test_any_samples_become_sound(samples: list[int]) -> None:
    audio = telephone_sound(np.array(samples, np.int16), 22050)
    assert len(audio.pcm) % 2 == 0
