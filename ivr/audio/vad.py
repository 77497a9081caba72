"""Voice activity of one call, frame by frame: webrtcvad, gated by level against a noise floor
that follows the line, and opened only by something with a voice in it.

webrtcvad alone calls line noise speech (95 % of the frames of hiss at -30 dBFS), a level alone
calls every knock speech, and voicing alone gets lost in the middle of a word. So:

- Speech begins with two voiced frames that stand out of the noise and that webrtcvad takes for
  speech. Its onset is put back to where the sound began: the "s" of "six".
- It goes on while frames stand out of the noise and webrtcvad takes them for speech, as long
  as there is a voice among them now and then.
- For 300 ms after speech a voice is not needed to begin again: the "ks" of "six".
- It is over `HANGOVER_FRAMES` after the last such frame. When a turn is over is not said here.
- Sound that goes on for 300 ms without a voice is noise from then on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import webrtcvad

from ivr.audio.format import FRAME_MS, TELEPHONE, AudioFormat
from ivr.audio.level import NO_SOUND_DBFS, power_dbfs
from ivr.audio.noise import NoiseFloor
from ivr.audio.voicing import Voicing, VoicingMeter

_PCM = np.dtype("<i2")
_MEAN = np.full(TELEPHONE.frame_samples, 1 / TELEPHONE.frame_samples, np.float32)
_NOTHING = np.zeros(TELEPHONE.frame_samples, np.float32)

HANGOVER_FRAMES = 3
"""Frames that count as speech after the last that was: they bridge most consonants, and end
long before the shortest silence that may end a turn."""

_RATES = (8000, 16000, 32000, 48000)
_AGGRESSIVENESS = 2

_QUIETEST_SPEECH_DBFS = -50.0

_LEAST_MARGIN_DB, _MOST_MARGIN_DB = 7.0, 12.0
_SPREADS = 4.0
"""Noise is exceeded by so many times its own spread, within the bounds: people in the
background come in bursts, hiss does not."""

_SOFTER_DB = 2.0
"""What has begun may go on so much closer to the noise."""

_DEEPEST_DB = 30.0
"""What is so much softer than the loudest frame of the same stretch is its echo or a breath."""

_VOICED_FRAMES = 2
_CLEARLY_AMONG = 3
"""Two voiced frames begin speech, or a clear one among three that stand out of the noise: the
vowel of a quick "six" is no longer."""

_AGAIN_WITHIN = 15
_AGAIN_FRAMES = 2
"""So soon after speech, two frames that stand out are more of it, with a voice or without."""

_NOISE_FRAMES = 15
_LONGEST_LEAD = 15
_LONGEST_GAP = 2

_HUM_SHARE = 0.09
"""Energy of the differences between samples, against theirs: a tone of 380 Hz has so much."""

_VOICE_CHECKED_AFTER = 8
_VOICE_MISSED_AFTER = 15
"""Frames of speech without a voice in them: from the first figure on it is looked for, at the
second they are noise. The longest "s" is shorter."""


class VoiceDetector:
    """Hears whether the caller speaks. One for each call."""

    def __init__(self, format: AudioFormat = TELEPHONE) -> None:
        if format.rate not in _RATES or format.ptime_ms != FRAME_MS:
            raise ValueError(f"voice is detected in frames of {FRAME_MS} ms at {_RATES} Hz only")
        self._format = format
        self._size = format.frame_bytes
        self._fold = format.rate // TELEPHONE.rate
        self._silences = (format.silence, b"\xff" * self._size)
        self._webrtc = webrtcvad.Vad(_AGGRESSIVENESS)
        self._floor = NoiseFloor()
        self._voicing = VoicingMeter()
        self._before = self._samples = _NOTHING
        self._level = NO_SOUND_DBFS
        self._since_onset = 0
        self._loudest = NO_SOUND_DBFS
        self._hangover = 0
        self._since_voice = _VOICE_MISSED_AFTER
        self._lead = 0
        self._gap = 0
        self._since_end = _AGAIN_WITHIN
        self._beginning = _Beginning()

    @property
    def level_dbfs(self) -> float:
        """Level of the last frame."""
        return self._level

    @property
    def noise_dbfs(self) -> float:
        """Level of the line when nobody speaks, as far as it is known."""
        return self._floor.dbfs

    @property
    def frames_since_onset(self) -> int:
        """Frames from where the present speech began to the last one fed, both counted; 0 while
        nobody speaks. More than 1 from the start: a word is known for one after it began."""
        return self._since_onset

    @property
    def onset_ms(self) -> float:
        """`frames_since_onset` in ms: how far back a recogniser has to begin."""
        return float(self._since_onset * FRAME_MS)

    @property
    def sounding(self) -> bool:
        """Whether the last frame fed was speech itself, and not one of the few counted after it."""
        return self._since_onset > 0 and self._hangover == HANGOVER_FRAMES

    @property
    def stirs(self) -> bool:
        """Whether the last frame fed stood out of the noise, without being known for speech: a
        knock, or the beginning of a word."""
        return self._beginning.frames > 0

    @property
    def is_hum(self) -> bool:
        """Whether the last frame has next to nothing above 400 Hz: a voice through closed lips."""
        samples = self._samples
        steps = samples[1:] - samples[:-1]
        return bool(steps.dot(steps) < _HUM_SHARE * samples.dot(samples))

    @property
    def rests(self) -> bool:
        """Whether it hears digital silence, and has for more than a frame: more of it changes
        nothing but what is known of the noise, and may be told later, by `rest`."""
        return self._level == NO_SOUND_DBFS and not (
            self._since_onset or self._lead or self._beginning.frames
        )

    def rest(self, frames: int) -> None:
        """Take so many frames of digital silence, as `feed` would, while it `rests`."""
        self._since_end += frames
        self._floor.hear_silence(frames)

    def feed(self, frame: bytes) -> bool:
        """Take one frame; returns whether the caller speaks.

        Frames of 0xFF are silence: FreeSWITCH's stand-in for RTP that never came. Raises
        ValueError for what is no whole frame.
        """
        if frame in self._silences:
            return self._silence()
        level = self._listen(frame)
        # Before any gate: webrtcvad learns the line's noise from what it is fed.
        speech_like: bool = self._webrtc.is_speech(frame, self._format.rate)
        floor = self._floor
        floor.hear(level)
        margin = min(max(_SPREADS * floor.spread_db, _LEAST_MARGIN_DB), _MOST_MARGIN_DB)
        above = level - floor.dbfs - margin
        if self._since_onset:
            self._loudest = max(self._loudest, level)
            deep = level < self._loudest - _DEEPEST_DB
            return (
                self._go_on() if speech_like and above > -_SOFTER_DB and not deep else self._fade()
            )
        if above <= -_SOFTER_DB:
            floor.learn(level)
            return self._nothing()
        self._since_end += 1
        self._lead = min(self._lead + 1, _LONGEST_LEAD)
        self._gap = 0
        if above <= 0 or level < _QUIETEST_SPEECH_DBFS:
            return False
        return self._begin(speech_like)

    def _silence(self) -> bool:
        """Take a frame of digital silence: a quiet line, or for one frame perhaps a lost one."""
        if self._level == NO_SOUND_DBFS:
            self._floor.hear_silence(1)
        self._level = NO_SOUND_DBFS
        self._samples = _NOTHING
        if self._since_onset or self._lead or self._beginning.frames:
            return self._nothing()
        self._since_end += 1
        return False

    def _listen(self, frame: bytes) -> float:
        """Take the samples in; returns their level, without any direct current."""
        if len(frame) != self._size:
            raise ValueError(f"a frame of {len(frame)} bytes, not of {self._size}")
        samples = np.frombuffer(frame, _PCM).astype(np.float32)
        if self._fold > 1:
            samples = samples.reshape(-1, self._fold).mean(axis=1)
        self._before, self._samples = self._samples, samples
        mean = float(samples.dot(_MEAN))
        self._level = power_dbfs(float(samples.dot(samples)) / len(samples) - mean * mean)
        return self._level

    def _begin(self, speech_like: bool) -> bool:
        """Take a frame that stands out of the noise: a word, a knock, a new noise."""
        beginning = self._beginning
        beginning.frames += 1
        if speech_like:
            beginning.take(self._voicing.measure(self._before, self._samples))
        if beginning.is_voice:
            self._loudest = self._level
            self._since_voice = 0
        if beginning.is_voice or self._is_more():
            self._since_onset = self._lead
            self._hangover = HANGOVER_FRAMES
            self._lead = 0
            self._beginning = _Beginning()
            return True
        if beginning.frames >= _NOISE_FRAMES:
            self._floor.jump(self._level)
            self._lead = 0
            self._beginning = _Beginning()
        return False

    def _is_more(self) -> bool:
        """Whether what stands out belongs to the speech before it."""
        return (
            self._beginning.likely >= _AGAIN_FRAMES
            and self._since_end <= _AGAIN_WITHIN
            and self._since_voice < _VOICE_MISSED_AFTER
            and self._level > self._loudest - _DEEPEST_DB
        )

    def _go_on(self) -> bool:
        """Take a frame of what has begun."""
        self._since_voice += 1
        if self._since_voice >= _VOICE_CHECKED_AFTER:
            heard = self._voicing.measure(self._before, self._samples)
            if heard in (Voicing.VOICE, Voicing.CLEAR_VOICE):
                self._since_voice = 0
            elif self._since_voice >= _VOICE_MISSED_AFTER:
                return self._fade()
        self._hangover = HANGOVER_FRAMES
        self._since_onset += 1
        return True

    def _nothing(self) -> bool:
        """Take a frame in which the line is quiet."""
        if self._beginning.frames:
            self._beginning = _Beginning()
        if self._lead:
            self._gap += 1
            self._lead = self._lead + 1 if self._gap <= _LONGEST_GAP else 0
        if self._since_onset:
            return self._fade()
        self._since_end += 1
        return False

    def _fade(self) -> bool:
        """Take a frame after the last of speech."""
        if not self._hangover:
            self._since_onset = self._since_end = 0
            return False
        self._hangover -= 1
        self._since_onset += 1
        return True


@dataclass(slots=True)
class _Beginning:
    """Frames in a row that stand out of the noise and may be the beginning of speech."""

    frames: int = 0
    likely: int = 0
    voiced: int = 0
    clear: bool = False

    def take(self, heard: Voicing) -> None:
        """Take what webrtcvad calls speech."""
        if heard is Voicing.TONE:
            # The first and last frame of a tone are no clean tone and pass for a voice.
            self.voiced, self.likely, self.clear = -_VOICED_FRAMES, -_AGAIN_FRAMES, False
            return
        self.likely += 1
        if heard is not Voicing.NEITHER:
            self.voiced += 1
            self.clear = self.clear or heard is Voicing.CLEAR_VOICE

    @property
    def is_voice(self) -> bool:
        """Whether there is a voice in it."""
        if self.voiced >= _VOICED_FRAMES:
            return True
        return self.clear and self.voiced > 0 and self.frames >= _CLEARLY_AMONG
