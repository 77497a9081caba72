"""G.711: a telephone line's companded bytes, to linear samples and back.

The tables are drawn from the decision values of ITU-T G.711 (11/88), tables 1a (A-law) and 2a
(mu-law), scaled to 16 bits. A magnitude on a decision value belongs to the interval above it;
what lies beyond the last interval is coded as the loudest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ivr.audio.format import SAMPLE_BYTES

_Codes = npt.NDArray[np.uint8]
_Linear = npt.NDArray[np.int16]

_SIGN = 0x80
_MAGNITUDE = 0x7F


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """One companding law.

    `encoding` and `payload_type` are its names in SDP and RTP (RFC 3551 section 6); `silence`
    is the byte of the quietest positive sample.
    """

    encoding: str
    payload_type: int
    silence: int
    _decoded: _Linear
    _encoded: _Codes

    def decode(self, codes: bytes) -> bytes:
        """Linear 16-bit little-endian sound of `codes`: two bytes for each."""
        linear: _Linear = self._decoded[np.frombuffer(codes, np.uint8)]
        return linear.tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """Companded bytes of linear 16-bit little-endian `pcm`: one for each sample.

        Raises ValueError when `pcm` is no whole number of samples.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are no whole number of 16-bit samples")
        codes: _Codes = self._encoded[np.frombuffer(pcm, "<u2")]
        return codes.tobytes()


def _law(
    encoding: str,
    payload_type: int,
    *,
    intervals: Sequence[tuple[int, int]],
    unit: int,
    first_is_zero: bool,
    sent_inverted: int,
) -> Law:
    """Draw the tables of a law.

    `intervals` are (how many, how wide) from zero up, in units of `unit` 16-bit steps;
    `sent_inverted` are the bits that are inverted on the line in a positive sample's code
    whose sign bit is set and whose seven others count the interval.
    """
    widths = np.repeat([width for _, width in intervals], [count for count, _ in intervals])
    decisions = np.concatenate(([0], np.cumsum(widths))) * unit
    values = (decisions[:-1] + decisions[1:]) // 2
    if first_is_zero:
        values[0] = 0

    code = np.arange(256) ^ sent_inverted
    magnitude = values[code & _MAGNITUDE]
    decoded = np.where(code & _SIGN, magnitude, -magnitude).astype("<i2")

    sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    interval = np.searchsorted(decisions, np.abs(sample), side="right") - 1
    interval = np.minimum(interval, len(values) - 1)
    encoded = (np.where(sample >= 0, interval | _SIGN, interval) ^ sent_inverted).astype(np.uint8)
    return Law(encoding, payload_type, int(encoded[0]), decoded, encoded)


MU_LAW = _law(
    "PCMU",
    0,
    intervals=((1, 1), (15, 2), *((16, 2 << segment) for segment in range(1, 8))),
    unit=4,
    first_is_zero=True,
    sent_inverted=0x7F,
)
"""North America and Japan: 14 bits. G.711 table 2a."""

A_LAW = _law(
    "PCMA",
    8,
    intervals=((32, 2), *((16, 2 << segment) for segment in range(1, 7))),
    unit=8,
    first_is_zero=False,
    sent_inverted=0x55,
)
"""Everywhere else: 13 bits. G.711 table 1a."""

LAWS = {law.payload_type: law for law in (MU_LAW, A_LAW)}
"""Each law by its RTP payload type."""
