"""Both laws against ITU-T G.711, on every code and every sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ivr.audio.g711 import A_LAW, LAWS, MU_LAW, Law

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768).astype("<i2")

both = pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "A"])


def decoded(law: Law, codes: bytes) -> npt.NDArray[np.int32]:
    return np.frombuffer(law.decode(codes), "<i2").astype(np.int32)


def mu_law_code(sample: int) -> int:
    """The bit recipe of the mu-law: 14 bits, biased by 33, segment and step."""
    sign = 0x80 if sample >= 0 else 0
    biased = min((abs(sample) >> 2) + 33, 8191)
    segment = biased.bit_length() - 6
    step = (biased >> (segment + 1)) & 0xF
    return (sign | (segment << 4) | step) ^ 0x7F


def a_law_code(sample: int) -> int:
    """The bit recipe of the A-law: 12 bits of magnitude, segment and step, even bits inverted."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample) >> 4, 2047)
    segment = max(0, magnitude.bit_length() - 4)
    while segment > 0 and magnitude < (16 << segment >> 1):
        segment -= 1
    step = (magnitude >> max(0, segment - 1)) & 0xF
    return (sign | (segment << 4) | step) ^ 0x55


def mu_law_value(code: int) -> int:
    code ^= 0x7F
    segment, step = (code >> 4) & 7, code & 0xF
    magnitude = (((2 * step + 33) << segment) - 33) * 4
    return magnitude if code & 0x80 else -magnitude


def a_law_value(code: int) -> int:
    code ^= 0x55
    segment, step = (code >> 4) & 7, code & 0xF
    magnitude = 16 * step + 8 if segment == 0 else (16 * step + 264) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


@pytest.mark.parametrize(
    ("law", "value"), [(MU_LAW, mu_law_value), (A_LAW, a_law_value)], ids=["mu", "A"]
)
def test_every_code_has_its_value(law: Law, value: object) -> None:
    assert callable(value)
    assert decoded(law, ALL_CODES).tolist() == [value(code) for code in range(256)]


@pytest.mark.parametrize(
    ("law", "code"), [(MU_LAW, mu_law_code), (A_LAW, a_law_code)], ids=["mu", "A"]
)
def test_every_sample_has_its_code(law: Law, code: object) -> None:
    assert callable(code)
    expected = bytes(code(int(sample)) for sample in ALL_SAMPLES)
    assert law.encode(ALL_SAMPLES.tobytes()) == expected


@pytest.mark.parametrize(
    ("law", "code", "value"),
    [
        (MU_LAW, 0xFF, 0),
        (MU_LAW, 0x80, 32124),
        (MU_LAW, 0x00, -32124),
        (A_LAW, 0xD5, 8),
        (A_LAW, 0x55, -8),
        (A_LAW, 0xAA, 32256),
        (A_LAW, 0x2A, -32256),
    ],
)
def test_landmarks_of_the_tables(law: Law, code: int, value: int) -> None:
    assert decoded(law, bytes([code])).tolist() == [value]


@both
def test_a_decoded_code_is_coded_as_itself(law: Law) -> None:
    again = law.encode(law.decode(ALL_CODES))
    changed = {code for code in range(256) if again[code] != code}
    # mu-law has a zero of either sign; linear sound has one.
    assert changed == ({0x7F} if law is MU_LAW else set())


@both
def test_the_error_is_never_more_than_half_an_interval(law: Law) -> None:
    values = np.unique(np.abs(decoded(law, ALL_CODES)))
    samples = ALL_SAMPLES.astype(np.int32)
    error = np.abs(decoded(law, law.encode(ALL_SAMPLES.tobytes())) - samples)
    inside = np.abs(samples) <= values[-1]
    gaps = np.diff(values)
    widest = gaps[np.clip(np.searchsorted(values, np.abs(samples)) - 1, 0, gaps.size - 1)]
    wider = gaps[np.clip(np.searchsorted(values, np.abs(samples)), 0, gaps.size - 1)]
    assert np.all(error[inside] <= np.maximum(np.maximum(widest, wider) / 2, 8)[inside])
    assert error.max() <= 32768 - values[-1]


@both
def test_louder_stays_louder_and_the_signs_mirror(law: Law) -> None:
    heard = decoded(law, law.encode(ALL_SAMPLES.tobytes()))
    assert np.all(np.diff(heard) >= 0)
    positive = heard[32768 + 1 :]
    negative = heard[1:32768][::-1]
    assert np.array_equal(positive, -negative)


@both
def test_silence_is_the_code_of_zero(law: Law) -> None:
    assert law.encode(bytes(4)) == bytes([law.silence]) * 2
    assert abs(decoded(law, bytes([law.silence]))[0]) <= 8


@both
def test_speech_keeps_its_quality(law: Law) -> None:
    sine = (10 ** (-20 / 20) * 32767 * np.sin(np.arange(8000) * 0.7)).astype("<i2")
    error = decoded(law, law.encode(sine.tobytes())) - sine
    snr_db = 10 * np.log10(np.mean(sine.astype(float) ** 2) / np.mean(error.astype(float) ** 2))
    assert 36 < snr_db < 41


@both
def test_odd_bytes_are_refused_and_nothing_gives_nothing(law: Law) -> None:
    with pytest.raises(ValueError, match="16-bit"):
        law.encode(b"abc")
    assert law.encode(b"") == b""
    assert law.decode(b"") == b""


def test_laws_are_found_by_their_payload_type() -> None:
    assert LAWS[0].encoding == "PCMU"
    assert LAWS[8].encoding == "PCMA"
