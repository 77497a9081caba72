"""Sounds for tests, all from a seed: noises of a telephone line, tones, clicks, and speech mixed
with noise at a given signal-to-noise ratio.

Waves are float64 of shape (n,) in units of 16-bit samples; levels are RMS in dBFS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.audio.level import FULL_SCALE
from ivr.audio.wav import read_wav

Wave = npt.NDArray[np.float64]

SHARED_SPEECH = Path(__file__).resolve().parents[3] / "shared" / "speech"

_DTMF_LOW = (697, 770, 852, 941)
_DTMF_HIGH = (1209, 1336, 1477, 1633)
_DTMF_KEYS = ("123A", "456B", "789C", "*0#D")


def white(seconds: float, dbfs: float, seed: int = 0) -> Wave:
    """Hiss: as strong at every frequency."""
    noise = np.random.default_rng(seed).standard_normal(_length(seconds))
    return at_level(noise, dbfs)


def pink(seconds: float, dbfs: float, seed: int = 0) -> Wave:
    """Wind, traffic, a fan: 3 dB less per octave."""
    return at_level(_shaped(_length(seconds), lambda f: f**-0.5, seed), dbfs)


def hum(seconds: float, dbfs: float, seed: int = 0, mains: float = 50.0) -> Wave:
    """Mains hum with its harmonics, and a little hiss."""
    t = np.arange(_length(seconds)) / TELEPHONE.rate
    rng = np.random.default_rng(seed)
    wave = sum(
        np.sin(2 * np.pi * mains * n * t + rng.uniform(0, 6)) / n for n in (1, 2, 3, 4, 5, 7, 9)
    )
    return at_level(np.asarray(wave) + 0.02 * rng.standard_normal(t.size), dbfs)


def babble(seconds: float, dbfs: float, seed: int = 0, talkers: int = 12) -> Wave:
    """A room full of people: `talkers` made voices, each with pitch, vowels and syllables."""
    rng = np.random.default_rng(seed)
    n = _length(seconds)
    return at_level(np.sum([_talker(n, rng) for _ in range(talkers)], axis=0), dbfs)


NOISES: dict[str, Callable[[float, float, int], Wave]] = {
    "white": white,
    "pink": pink,
    "hum": hum,
    "babble": babble,
}
"""Each noise by name: (seconds, dbfs, seed) to a wave."""


def tone(seconds: float, dbfs: float, *hertz: float) -> Wave:
    """One or several steady sines."""
    t = np.arange(_length(seconds)) / TELEPHONE.rate
    return at_level(np.sum([np.sin(2 * np.pi * f * t) for f in hertz], axis=0), dbfs)


def dtmf(key: str, seconds: float = 0.2, dbfs: float = -12.0) -> Wave:
    """The tone of a key (ITU-T Q.23)."""
    row = next(n for n, keys in enumerate(_DTMF_KEYS) if key in keys)
    return tone(seconds, dbfs, _DTMF_LOW[row], _DTMF_HIGH[_DTMF_KEYS[row].index(key)])


def click(ms: float, peak: float = 20000.0, seed: int = 0) -> Wave:
    """A burst that decays: a handset knocked, a relay."""
    n = round(TELEPHONE.rate * ms / 1000)
    burst = np.random.default_rng(seed).uniform(-1, 1, n) * np.exp(-3 * np.arange(n) / n)
    return np.asarray(peak * burst / np.abs(burst).max())


def vowel(seconds: float, dbfs: float, pitch: float = 120.0) -> Wave:
    """An "ah" that begins and ends at once."""
    phase = np.arange(_length(seconds)) * pitch / TELEPHONE.rate
    return at_level(_through_mouth(np.diff(np.floor(phase), prepend=0.0), (700, 1200, 2600)), dbfs)


def silence(seconds: float) -> Wave:
    """Digital silence."""
    return np.zeros(_length(seconds))


def at_level(wave: Wave, dbfs: float) -> Wave:
    """`wave` with this RMS; nothing stays nothing."""
    if not wave.any():
        return wave
    return np.asarray(wave / np.sqrt(np.mean(wave**2)) * FULL_SCALE * 10 ** (dbfs / 20))


def active_windows(speech: Wave, below_loudest_db: float = 25.0) -> npt.NDArray[np.intp]:
    """Which windows of 10 ms hold speech: those less than so many dB below the loudest."""
    power = _window_power(speech)
    return np.flatnonzero(power > power.max() * 10 ** (-below_loudest_db / 10))


def active_level_dbfs(speech: Wave) -> float:
    """Level of the speech itself, pauses left out (as in ITU-T P.56)."""
    power = _window_power(speech)[active_windows(speech)]
    return float(10 * np.log10(power.mean() / FULL_SCALE**2))


def with_noise(speech: Wave, noise: Wave, snr_db: float) -> Wave:
    """`speech` over `noise` (as long or longer), whose level is set to active speech - `snr_db`."""
    wanted = active_level_dbfs(speech) - snr_db
    return speech + at_level(noise, wanted)[: speech.size]


def padded(speech: Wave, before_s: float, after_s: float) -> Wave:
    """`speech` with digital silence round it."""
    return np.concatenate((silence(before_s), speech, silence(after_s)))


def to_audio(wave: Wave, format: AudioFormat = TELEPHONE) -> Audio:
    """The wave as sound of a line, clipped at full scale."""
    clipped = np.clip(np.rint(wave), -FULL_SCALE, FULL_SCALE - 1)
    return Audio.from_samples(clipped.astype(np.int16), format)


def frames(audio: Audio) -> Iterator[bytes]:
    """The whole frames of a sound."""
    size = audio.format.frame_bytes
    for start in range(0, len(audio.pcm) - size + 1, size):
        yield audio.pcm[start : start + size]


def recorded(folder: str, pattern: str = "*.wav") -> dict[str, Audio]:
    """Human recordings of the shared material by file name; skips the test where it is absent."""
    paths = sorted((SHARED_SPEECH / folder).glob(pattern))
    if not paths:
        pytest.skip(f"no recordings: shared/speech/{folder} is not beside the project")
    return {path.name: read_wav(path) for path in paths}


def wave_of(audio: Audio) -> Wave:
    """The samples of a sound as a wave."""
    return audio.samples.astype(np.float64)


def _length(seconds: float) -> int:
    return round(seconds * TELEPHONE.rate)


def _window_power(wave: Wave) -> Wave:
    window = TELEPHONE.rate // 100
    whole = wave[: wave.size // window * window].reshape(-1, window)
    return np.asarray((whole**2).mean(axis=1))


def _shaped(n: int, gain: Callable[[Wave], Wave], seed: int) -> Wave:
    """Noise with this gain over frequency (Hz), band-limited as on the telephone."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hertz: Wave = np.fft.rfftfreq(n, 1 / TELEPHONE.rate).astype(np.float64)
    hertz[0] = hertz[1]
    return np.asarray(np.fft.irfft(spectrum * gain(hertz) * (hertz > 60), n))


def _talker(n: int, rng: np.random.Generator) -> Wave:
    """Pulses at a wandering pitch through vowels that change, in syllables with pauses."""
    out = np.zeros(n)
    at = 0
    while at < n:
        length = min(n - at, int(TELEPHONE.rate * rng.uniform(0.12, 0.3)))
        if rng.random() < 0.75:
            pitch = rng.uniform(90, 250) * np.linspace(1, rng.uniform(0.85, 1.15), length)
            phase = np.cumsum(pitch / TELEPHONE.rate)
            pulses = np.diff(np.floor(phase), prepend=0.0)
            voice = _through_mouth(pulses, (rng.uniform(300, 800), rng.uniform(900, 2300), 2700.0))
            out[at : at + length] = voice * np.hanning(length) * rng.uniform(0.4, 1)
        at += length
    return out


def _through_mouth(pulses: Wave, formants: tuple[float, ...]) -> Wave:
    hertz = np.fft.rfftfreq(2 * pulses.size, 1 / TELEPHONE.rate)
    peaks = [0.5**k / (1 + ((hertz - formant) / 70) ** 2) for k, formant in enumerate(formants)]
    gain = np.sum(peaks, axis=0)
    return np.asarray(np.fft.irfft(np.fft.rfft(pulses, 2 * pulses.size) * gain)[: pulses.size])
