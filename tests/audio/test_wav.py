"""WAV files: what is written is read; what cannot be used is said in one sentence."""

from __future__ import annotations

import contextlib
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.audio.format import Audio, AudioFormat
from ivr.audio.wav import WavError, read_stereo_wav, read_wav, write_stereo_wav, write_wav


def ramp(samples: int, rate: int = 8000) -> Audio:
    return Audio.from_samples(np.arange(samples).astype(np.int16), AudioFormat(rate))


def plain(path: Path, *, channels: int = 1, width: int = 2, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(width * channels * 160))
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("samples", [0, 1, 161])
def test_mono_comes_back_as_it_went(tmp_path: Path, rate: int, samples: int) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, ramp(samples, rate))
    assert read_wav(path) == ramp(samples, rate)


def test_stereo_comes_back_and_the_shorter_side_ends_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_stereo_wav(path, ramp(300), ramp(200))
    left, right = read_stereo_wav(path)
    assert left == ramp(300)
    assert right.pcm == ramp(200).pcm + bytes(200)


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_stereo_wav(path, ramp(3), ramp(3))
    header = struct.unpack("<4sI4s4sIHHIIHH4sI", path.read_bytes()[:44])
    assert header == (
        b"RIFF", 36 + 12, b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", 12,
    )  # fmt: skip
    assert path.read_bytes()[44:] == struct.pack("<6h", 0, 0, 1, 1, 2, 2)


def test_sides_at_different_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="16000"):
        write_stereo_wav(tmp_path / "a.wav", ramp(3), ramp(3, 16000))


@pytest.mark.parametrize(
    ("facts", "says", "remedy"),
    [
        ({"channels": 2}, "2 channels, not 1", "-c 1"),
        ({"width": 1}, "8 bits, not 16", "-b 16"),
        ({"width": 3}, "24 bits, not 16", "-b 16"),
        ({"rate": 4000}, "4000 Hz", "-r 8000"),
        ({"rate": 96000}, "96000 Hz", "-r 8000"),
        ({"rate": 11025}, "11025 Hz", "-r 8000"),
    ],
)
def test_nothing_is_converted_unasked(
    tmp_path: Path, facts: dict[str, int], says: str, remedy: str
) -> None:
    path = plain(tmp_path / "odd.wav", **facts)
    with pytest.raises(WavError) as error:
        read_wav(path)
    assert says in error.value.what
    assert str(path) in error.value.what
    assert remedy in error.value.remedy


def test_mono_is_no_stereo(tmp_path: Path) -> None:
    with pytest.raises(WavError, match="1 channel, not 2"):
        read_stereo_wav(plain(tmp_path / "a.wav"))


def test_a_compressed_file_is_named_as_such(tmp_path: Path) -> None:
    path = plain(tmp_path / "ulaw.wav")
    data = bytearray(path.read_bytes())
    data[20:22] = struct.pack("<H", 7)
    path.write_bytes(data)
    with pytest.raises(WavError, match="no WAV file of plain PCM"):
        read_wav(path)


def test_what_ends_before_it_begins_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"host\n")
    with pytest.raises(WavError, match="it ends within its header"):
        read_wav(path)


def test_a_file_cut_short_is_not_played_as_if_it_were_whole(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:-21])
    with pytest.raises(WavError, match="cut short: 160 samples are announced, 149 are there"):
        read_wav(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"ID3\x04 not a wave file at all", bytes(100)])
def test_what_is_no_wav_file_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(WavError, match="no WAV file"):
        read_wav(path)


def test_absent_files_and_folders_are_said(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.wav", tmp_path):
        with pytest.raises(WavError, match="cannot be read"):
            read_wav(path)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_whatever_the_bytes_it_is_sound_or_a_wav_error(tmp_path: Path, data: st.DataObject) -> None:
    path = plain(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 47))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(WavError):
        assert len(read_wav(path).pcm) <= len(content)


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "taken.wav"
    path.mkdir()
    with pytest.raises(WavError, match="cannot be written"):
        write_wav(path, ramp(10))
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.wav"]
    with pytest.raises(WavError, match="cannot be written"):
        write_wav(tmp_path / "absent" / "a.wav", ramp(10))


def test_a_full_disk_is_said_and_leaves_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, ramp(10))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ivr.audio.wav.os.replace", full)
    with pytest.raises(WavError, match="No space left") as error:
        write_wav(path, ramp(99))
    assert "room" in error.value.remedy
    assert read_wav(path) == ramp(10)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]
