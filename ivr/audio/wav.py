"""WAV files: 16-bit PCM, mono or stereo. Nothing is converted behind the caller's back."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from uuid import uuid4

import numpy as np

from ivr.audio.format import SAMPLE_BYTES, Audio, AudioFormat
from ivr.errors import IvrError

_CONVERT = "Convert it: sox {name} -b 16 -c 1 -r 8000 converted.wav"


class WavError(IvrError):
    """A WAV file that cannot be read or written."""


def read_wav(path: Path) -> Audio:
    """Return the sound of a mono file, at its own rate.

    Raises WavError, saying what to do, for a file that is absent, cut short, not 16-bit PCM,
    not mono, or at a rate outside 8,000..48,000 Hz.
    """
    return Audio(*_read(path, channels=1))


def read_stereo_wav(path: Path) -> tuple[Audio, Audio]:
    """Return left and right of a stereo file, at its own rate. Raises WavError as `read_wav`."""
    pcm, shape = _read(path, channels=2)
    both = np.frombuffer(pcm, "<i2").reshape(-1, 2)
    return Audio.from_samples(both[:, 0], shape), Audio.from_samples(both[:, 1], shape)


def write_wav(path: Path, audio: Audio) -> None:
    """Write a mono file. It appears whole or not at all. Raises WavError."""
    _write(path, audio.pcm, channels=1, rate=audio.format.rate)


def write_stereo_wav(path: Path, left: Audio, right: Audio) -> None:
    """Write a stereo file; the shorter side is followed by silence.

    It appears whole or not at all. Raises WavError, and ValueError when the rates differ.
    """
    if left.format.rate != right.format.rate:
        raise ValueError(f"left is at {left.format.rate} Hz, right at {right.format.rate} Hz")
    both = np.zeros((max(left.samples.size, right.samples.size), 2), "<i2")
    both[: left.samples.size, 0] = left.samples
    both[: right.samples.size, 1] = right.samples
    _write(path, both.tobytes(), channels=2, rate=left.format.rate)


def _read(path: Path, *, channels: int) -> tuple[bytes, AudioFormat]:
    try:
        with wave.open(str(path), "rb") as file:
            facts = file.getparams()
            _check(path, facts.nchannels, facts.sampwidth, channels)
            pcm = file.readframes(facts.nframes)
    except OSError as error:
        raise WavError(
            f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path."
        ) from None
    # What the standard library raises for headers that lie or end early, RuntimeError included.
    except (wave.Error, EOFError, ValueError, ArithmeticError, RuntimeError) as error:
        raise WavError(
            f"{path} is no WAV file of plain PCM: {str(error) or 'it ends within its header'}.",
            remedy=_CONVERT.format(name=path.name),
        ) from None
    if len(pcm) != facts.nframes * channels * SAMPLE_BYTES:
        raise WavError(
            f"{path} is cut short: {facts.nframes} samples are announced, "
            f"{len(pcm) // (channels * SAMPLE_BYTES)} are there.",
            remedy="Make or copy it anew, into a file and not through a pipe.",
        )
    try:
        return pcm, AudioFormat(facts.framerate)
    except ValueError as error:
        raise WavError(
            f"{path} cannot be used: {error}.", remedy=_CONVERT.format(name=path.name)
        ) from None


def _check(path: Path, channels: int, width: int, wanted: int) -> None:
    if width != SAMPLE_BYTES:
        raise WavError(
            f"{path} has samples of {width * 8} bits, not 16.",
            remedy=_CONVERT.format(name=path.name),
        )
    if channels != wanted:
        raise WavError(
            f"{path} has {channels} channel{'s' if channels != 1 else ''}, not {wanted}.",
            remedy=f"Convert it: sox {path.name} -c {wanted} converted.wav",
        )


def _write(path: Path, pcm: bytes, *, channels: int, rate: int) -> None:
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        try:
            with part.open("xb") as raw, wave.open(raw, "wb") as file:
                file.setnchannels(channels)
                file.setsampwidth(SAMPLE_BYTES)
                file.setframerate(rate)
                file.writeframes(pcm)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise WavError(
            f"{path} cannot be written: {error.strerror or error}.",
            remedy="Check that the folder exists, may be written to and has room.",
        ) from None
