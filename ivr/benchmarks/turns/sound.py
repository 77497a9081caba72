"""Turns as sound: spoken, with their pauses, at their level, as a telephone line passes it on; and
the truth about them, to the sample."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ivr.audio.format import TELEPHONE, Audio, Samples
from ivr.audio.g711 import MU_LAW
from ivr.audio.resampling import resample
from ivr.audio.wav import read_wav
from ivr.benchmarks.turns.noises import burst, cough, hum, knock
from ivr.benchmarks.turns.turn import Act, Piece, Speaker, Turn
from ivr.errors import IvrError
from ivr.speech.synthesis.synthesiser import Voice

Wave = npt.NDArray[np.float64]

Speak = Callable[[str, Voice], Awaitable[Audio]]

_RATE = TELEPHONE.rate
_WINDOW = _RATE // 200
_AUDIBLE_DB = -32.0
"""Of a piece, against its loudest 5 ms: what is softer before the first and after the last sound
is breath, and the engine's own silence."""

_BETWEEN_HUMAN_DIGITS_MS = (40, 140)


@dataclass(frozen=True, slots=True)
class Label:
    """What is true of a turn's sound: stretches of it in which the caller sounds, in samples from
    its first one, ends excluded; the silence between two of them is a pause within the turn."""

    spans: tuple[tuple[int, int], ...]

    @property
    def start_ms(self) -> float:
        """The caller's first sample."""
        return self.spans[0][0] * 1000 / _RATE

    @property
    def end_ms(self) -> float:
        """The end of the caller's last sample."""
        return self.spans[-1][1] * 1000 / _RATE

    @property
    def pauses_ms(self) -> tuple[float, ...]:
        """The pauses between, in order."""
        pairs = zip(self.spans, self.spans[1:], strict=False)
        return tuple((after[0] - before[1]) * 1000 / _RATE for before, after in pairs)


@dataclass(frozen=True, slots=True)
class SoundingTurn:
    """A turn with its sound. `label` is None where the caller makes none."""

    turn: Turn
    samples: Samples
    label: Label | None


class TurnSounds:
    """Makes turns into sound. `speak` is a synthesis engine; `human` a folder of the Free Spoken
    Digit Dataset (files like 7_lucas_3.wav), or None."""

    def __init__(self, speak: Speak, human: Path | None = None) -> None:
        self._speak = speak
        self._human = human

    async def of(self, turn: Turn) -> SoundingTurn:
        """The turn's sound. Raises IvrError where a recording is missing or no engine speaks."""
        rng = np.random.default_rng(turn.seed)
        waves: list[Wave] = []
        spans: list[tuple[int, int]] = []
        at = 0
        for piece in turn.pieces:
            if piece.act is Act.NOTHING:
                continue
            wave = _trimmed(await self._piece(piece, turn.speaker, rng))
            spans.append((at, at + wave.size))
            pause = np.zeros(_RATE * piece.pause_ms // 1000)
            waves += [wave, pause]
            at += wave.size + pause.size
        if not spans:
            return SoundingTurn(turn, np.zeros(0, np.int16), None)
        whole = np.concatenate(waves)
        sounding = np.concatenate([whole[start:end] for start, end in spans])
        level = float(np.sqrt(np.mean(sounding**2)))
        gain = min(10 ** (turn.level_dbfs / 20) / level, 0.9 / float(np.abs(whole).max()))
        return SoundingTurn(turn, telephone_line(whole * gain), Label(tuple(spans)))

    async def _piece(self, piece: Piece, speaker: Speaker, rng: np.random.Generator) -> Wave:
        match piece.act:
            case Act.SAY:
                return await self._said(piece, speaker)
            case Act.HUMAN_DIGITS:
                return self._recorded(piece.text.split(), rng)
            case _:
                return _NOISES[piece.act](rng)

    async def _said(self, piece: Piece, speaker: Speaker) -> Wave:
        english = piece.language == "en"
        voice = Voice(
            language=piece.language,
            names=(("espeak", speaker.voice),) if english else (),
            rate=speaker.rate,
            pitch=speaker.pitch,
        )
        # A comma: the melody of somebody who goes on.
        audio = await self._speak(piece.text + ("," if piece.pause_ms else ""), voice)
        return audio.samples.astype(np.float64) / 32768

    def _recorded(self, names: list[str], rng: np.random.Generator) -> Wave:
        if self._human is None:
            raise IvrError("This turn needs recordings of human digits.", remedy="Use --human.")
        parts: list[Wave] = []
        for name in names:
            audio = resample(read_wav(self._human / f"{name}.wav"), _RATE)
            wave = _trimmed(audio.samples.astype(np.float64) / 32768)
            gap = int(rng.integers(*_BETWEEN_HUMAN_DIGITS_MS)) * _RATE // 1000
            parts += [wave / max(float(np.sqrt(np.mean(wave**2))), 1e-6) * 0.1, np.zeros(gap)]
        return np.concatenate(parts[:-1])


_NOISES: Mapping[Act, Callable[[np.random.Generator], Wave]] = {
    Act.HUM: hum,
    Act.COUGH: cough,
    Act.KNOCK: knock,
    Act.BURST: burst,
}


def telephone_line(wave: Wave) -> Samples:
    """What is left of `wave` (-1..1) after G.711, the mu-law of it, as int16."""
    linear = np.rint(np.clip(wave, -1, 1) * 32767).astype("<i2")
    return np.frombuffer(MU_LAW.decode(MU_LAW.encode(linear.tobytes())), "<i2").astype(np.int16)


def _trimmed(wave: Wave) -> Wave:
    """Without what is before the first and after the last sound."""
    padded = np.pad(wave, (0, -wave.size % _WINDOW)).reshape(-1, _WINDOW)
    loudness = np.sqrt(np.mean(padded**2, axis=1))
    heard = np.flatnonzero(loudness > loudness.max() * 10 ** (_AUDIBLE_DB / 20))
    if not heard.size:
        raise IvrError("A piece of a turn is silent.", remedy="See what its engine says.")
    return wave[int(heard[0]) * _WINDOW : (int(heard[-1]) + 1) * _WINDOW]
