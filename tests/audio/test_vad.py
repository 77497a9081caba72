"""Voice activity: human digits over the noises of a line, and those noises alone."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.audio.format import TELEPHONE, AudioFormat
from ivr.audio.level import NO_SOUND_DBFS
from ivr.audio.resampling import resample
from ivr.audio.vad import HANGOVER_FRAMES, VoiceDetector
from tests.audio import sounds
from tests.audio.sounds import NOISES, Wave
from tests.audio.vad_report import (
    Detection,
    decisions,
    detect,
    detect_all,
    false_speech_s_per_minute,
    words_of,
)

STEADY = ["white", "pink", "hum"]
QUIET_LINE_DBFS = -65.0


_SOUNDS = {
    "v": list(sounds.frames(sounds.to_audio(sounds.vowel(0.3, -20.0)))),
    "h": list(sounds.frames(sounds.to_audio(sounds.white(0.2, -30.0)))),
    "k": list(sounds.frames(sounds.to_audio(sounds.white(0.04, -10.0)))),
}
"""A voice, hiss, a knock."""


def line(*waves: Wave) -> Wave:
    """Waves one after the other, with a second of a quiet line round them."""
    quiet = sounds.white(1.0, QUIET_LINE_DBFS, 1)
    return np.concatenate((quiet, *waves, sounds.white(1.0, QUIET_LINE_DBFS, 2)))


def heard(noise: str | None, folder: str = "fsdd-lucas", snr_db: float = 15.0) -> list[Detection]:
    words = words_of(folder)
    if noise is None:
        return [detect(word) for word in words]
    return detect_all(words, NOISES[noise], snr_db)


@pytest.mark.parametrize("noise", [None, *STEADY])
def test_every_lone_digit_is_found_and_nothing_before_it(noise: str | None) -> None:
    found = heard(noise)
    assert len(found) == 100
    assert all(one.found for one in found)
    assert not any(one.false_before for one in found)


@pytest.mark.parametrize("noise", STEADY)
def test_digits_are_found_at_10_db_too(noise: str) -> None:
    assert sum(not one.found for one in heard(noise, snr_db=10.0)) <= 1


def test_digits_are_found_in_a_room_full_of_people() -> None:
    assert sum(not one.found for one in heard("babble")) <= 1


@pytest.mark.parametrize("noise", [None, *STEADY])
def test_every_recording_of_other_people_is_found(noise: str | None) -> None:
    assert all(one.found for one in heard(noise, "real-en"))


@pytest.mark.parametrize("noise", [None, *STEADY])
def test_a_voice_is_known_soon_and_its_end_too(noise: str | None) -> None:
    found = heard(noise)
    # Median over all digits, "six" and "three" included, which begin without a voice.
    assert np.median([one.onset_ms for one in found]) <= 100
    assert -60 <= np.median([one.offset_ms for one in found]) <= 100


def test_a_vowel_is_known_within_60_ms_and_ends_with_the_hangover() -> None:
    wave = line(sounds.vowel(0.4, -25.0))
    answers = np.flatnonzero(decisions(wave))
    assert 50 <= answers[0] <= 52
    assert answers[-1] - 69 == HANGOVER_FRAMES
    assert np.all(np.diff(answers) == 1)


def test_the_hint_reaches_back_to_the_consonant_that_began_the_word() -> None:
    digits = sounds.recorded("fsdd-lucas", "6_*.wav").values()
    found = [detect(sounds.wave_of(digit)) for digit in digits]
    assert np.median([one.onset_ms for one in found]) > 60
    assert max(one.hint_ms for one in found) <= 20


def test_the_hint_counts_on_while_somebody_speaks_and_is_nothing_otherwise() -> None:
    detector = VoiceDetector()
    counted = 0
    for frame in sounds.frames(sounds.to_audio(line(sounds.vowel(0.4, -25.0)))):
        speaks = detector.feed(frame)
        now = detector.frames_since_onset
        assert (now > 0) == speaks
        assert detector.onset_ms == now * 20
        assert not speaks or counted == 0 or now == counted + 1
        counted = now


@pytest.mark.parametrize("dbfs", [-60.0, -50.0, -40.0, -30.0, -20.0])
@pytest.mark.parametrize("noise", STEADY)
def test_noise_alone_is_never_speech(noise: str, dbfs: float) -> None:
    wave = NOISES[noise](20.0, dbfs, 3)
    assert false_speech_s_per_minute(wave) == 0
    assert false_speech_s_per_minute(wave, begins_at_s=2.0) == 0


def test_noise_that_comes_and_goes_is_never_speech() -> None:
    bursts = [
        np.concatenate((NOISES[noise](0.4, -30.0, seed), sounds.white(0.31, -60.0, seed)))
        for seed in range(10)
        for noise in STEADY
    ]
    assert not any(decisions(line(*bursts)))


def test_a_room_full_of_people_is_noise_once_it_is_known() -> None:
    for seed in range(3):
        answers = decisions(line(sounds.babble(20.0, -35.0, seed, talkers=16)))
        assert sum(answers[50 + 100 : -50]) * 0.02 <= 0.4


def test_soft_people_in_the_background_are_noise_from_the_first() -> None:
    assert false_speech_s_per_minute(sounds.babble(20.0, -45.0, 4, talkers=16)) == 0


def test_what_may_be_the_beginning_of_a_word_is_told_before_it_is_known() -> None:
    detector = VoiceDetector()
    stirred = []
    for frame in sounds.frames(sounds.to_audio(line(sounds.vowel(0.2, -20.0)))):
        speech = detector.feed(frame)
        if detector.stirs:
            assert not speech
            stirred.append(speech)
        elif speech:
            break
    assert 1 <= len(stirred) <= 2
    assert not detector.stirs


@pytest.mark.parametrize("ms", [1, 5, 15, 29])
def test_a_click_is_no_speech(ms: float) -> None:
    for seed in range(20):
        gap = sounds.white(0.2 + 0.0013 * seed, QUIET_LINE_DBFS, seed)
        assert not any(decisions(line(gap, sounds.click(ms, seed=seed))))


@pytest.mark.parametrize("key", list("0123456789*#ABCD"))
@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.3])
def test_a_key_is_no_speech(key: str, seconds: float) -> None:
    for shift in (0.0, 0.003, 0.011):
        gap = sounds.white(0.1 + shift, QUIET_LINE_DBFS, 5)
        assert not any(decisions(line(gap, sounds.dtmf(key, seconds), gap)))


@pytest.mark.parametrize("hertz", [(425,), (350, 440), (440, 480), (480, 620), (1004,), (2100,)])
def test_a_tone_of_the_network_is_no_speech(hertz: tuple[float, ...]) -> None:
    for shift in (0.0, 0.003, 0.011):
        gap = sounds.white(0.3 + shift, QUIET_LINE_DBFS, 6)
        beep = sounds.tone(0.5, -15.0, *hertz)
        assert not any(decisions(line(gap, beep, gap, beep)))


def test_frames_that_stand_for_nothing_are_silence() -> None:
    detector = VoiceDetector()
    for frame in (b"\xff" * 320, bytes(320)) * 50:
        assert not detector.feed(frame)
        assert detector.level_dbfs == NO_SOUND_DBFS


def test_direct_current_is_no_sound() -> None:
    assert not any(decisions(line() + 3000.0))
    detector = VoiceDetector()
    decisions(line() + 3000.0, detector)
    assert detector.level_dbfs == pytest.approx(QUIET_LINE_DBFS, abs=2)


@pytest.mark.parametrize("noise", STEADY)
def test_the_floor_follows_the_line_up_and_down(noise: str) -> None:
    detector = VoiceDetector()
    for seconds, dbfs in ((0.5, -45.0), (2.0, -30.0), (1.0, -60.0), (2.0, -54.0)):
        decisions(NOISES[noise](seconds, dbfs, 7), detector)
        assert detector.noise_dbfs == pytest.approx(dbfs, abs=2.5)


def test_what_never_pauses_becomes_the_room() -> None:
    answers = decisions(line(sounds.vowel(6.0, -30.0)))
    assert any(answers[50:100])
    assert not any(answers[50 + 125 :])


def test_speech_is_heard_again_at_once_after_a_noise_has_gone() -> None:
    wave = line(
        sounds.pink(3.0, -25.0, 8), sounds.white(0.6, QUIET_LINE_DBFS), sounds.vowel(0.3, -30.0)
    )
    answers = np.flatnonzero(decisions(wave))
    assert 230 <= answers[0] <= 232


@pytest.mark.parametrize("rate", [16000, 32000, 48000])
def test_other_rates_hear_the_same(rate: int) -> None:
    digit = next(iter(sounds.recorded("fsdd-lucas", "9_*.wav").values()))
    audio = resample(sounds.to_audio(line(sounds.wave_of(digit))), rate)
    detector = VoiceDetector(AudioFormat(rate))
    answers = np.flatnonzero([detector.feed(frame) for frame in sounds.frames(audio)])
    expected = np.flatnonzero(decisions(line(sounds.wave_of(digit))))
    assert abs(answers[0] - expected[0]) <= 1
    assert abs(answers[-1] - expected[-1]) <= 2


@pytest.mark.parametrize("format", [AudioFormat(22050), AudioFormat(8000, 30)])
def test_other_formats_are_refused(format: AudioFormat) -> None:
    with pytest.raises(ValueError, match="20 ms"):
        VoiceDetector(format)


@pytest.mark.parametrize("size", [0, 319, 640])
def test_what_is_no_whole_frame_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="320"):
        VoiceDetector().feed(b"\x01" * size)


@given(st.lists(st.binary(min_size=1, max_size=8), max_size=60))
@settings(max_examples=60)
def test_any_frames_are_heard_without_a_fault(patterns: list[bytes]) -> None:
    detector = VoiceDetector()
    for pattern in patterns:
        frame = (pattern * TELEPHONE.frame_bytes)[: TELEPHONE.frame_bytes]
        speaks = detector.feed(frame)
        assert speaks == (detector.frames_since_onset > 0)
        assert NO_SOUND_DBFS <= detector.level_dbfs <= 0
        assert -65 <= detector.noise_dbfs <= 0


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("vhk")), max_size=12))
@settings(max_examples=40, deadline=None)
def test_silence_that_is_told_later_changes_nothing(line: list[tuple[int, str]]) -> None:
    told_later, at_once = VoiceDetector(), VoiceDetector()
    rested = 0
    for silent, sound in line:
        for frame in [TELEPHONE.silence] * silent + _SOUNDS[sound]:
            expected = at_once.feed(frame)
            if told_later.rests and frame == TELEPHONE.silence:
                rested += 1
                assert not expected
                continue
            if rested:
                told_later.rest(rested)
                rested = 0
            assert told_later.feed(frame) == expected
            assert told_later.frames_since_onset == at_once.frames_since_onset
            assert told_later.noise_dbfs == pytest.approx(at_once.noise_dbfs)


def test_a_quiet_line_costs_little() -> None:
    frames = list(sounds.frames(sounds.to_audio(sounds.white(20.0, -60.0))))
    detector = VoiceDetector()
    began = time.process_time()
    for frame in frames:
        detector.feed(frame)
    # Measured: 5 us, which is a tenth of a core for 400 calls.
    assert (time.process_time() - began) / len(frames) < 50e-6
