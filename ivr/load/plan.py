"""What so many calls at once take, from costs that were measured.

Costs are CPU seconds a second of a call ("cores a call"), or CPU seconds for each call that
begins and ends. Where each comes from stands beside it; `tests/sip/test_plan.py` measures those
of the edge and the switch again.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

_RTP_BYTES = 160 + 12 + 8 + 20 + 18
"""20 ms of G.711 in RTP (RFC 3550), UDP, IPv4 and an Ethernet frame."""
_AUDIOSOCKET_BYTES = 320 + 3 + 32 + 20 + 18
"""20 ms of 16-bit sound in AudioSocket, TCP with time stamps, IPv4 and an Ethernet frame."""
_PACKETS_S = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What was measured, on one core of the machines that the project is built on."""

    edge_idle: float = 0.022
    """Cores of Kamailio without a call: probes, timers."""
    edge_call_s: float = 0.00235
    """CPU seconds of Kamailio for a call's INVITE, ACK, BYE and record (200 calls, 20 a second)."""
    switch_call: float = 0.0031
    """Cores of Asterisk for a call that talks by AudioSocket (10, 20, 30 and 40 calls: 0.0036,
    0.0033, 0.0031, 0.0028)."""
    switch_setup_s: float = 0.0053
    """CPU seconds of Asterisk for a call's beginning and end (200 calls, 20 a second)."""
    media_call: float = 0.00072
    """Cores of a worker for a call's frames (uvloop Protocol, 400 calls)."""
    recognition_s: float = 0.006
    """CPU seconds of Vosk for a second of speech, with the small model."""
    noise_recognition_s: float = 0.037
    """The same for a second of noise that the voice activity detection took for speech."""
    false_speech: float = 0.02
    """How much of the time that callers are silent is taken for speech."""

    calls_per_switch: int = 200
    """Practical upper end of one Asterisk on two cores."""
    calls_per_worker: int = 200
    """IVR_MAX_CALLS as delivered."""
    headroom: float = 0.6
    """How full a core may be, so that frames leave on time."""
    worker_files: int = 4
    switch_files: int = 12
    """Descriptors of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it takes. Bandwidth is for one direction, in Mbit/s."""

    calls: int
    talk: float
    calls_a_second: float
    edge_cores: float
    switch_cores: float
    worker_cores: float
    cores: int
    switches: int
    workers: int
    trunk_mbit_s: float
    audiosocket_mbit_s: float
    files_per_worker: int
    files_per_switch: int
    rtp_ports_per_switch: int


def plan(calls: int, talk: float, duration_s: float = 120.0, costs: Costs | None = None) -> Plan:
    """What `calls` at once take, whose callers speak `talk` of the time and stay `duration_s`."""
    each = costs or Costs()
    rate = calls / duration_s
    edge = each.edge_idle + rate * each.edge_call_s
    switch = calls * each.switch_call + rate * each.switch_setup_s
    heard = talk * each.recognition_s
    heard += (1 - talk) * each.false_speech * each.noise_recognition_s
    worker = calls * (each.media_call + heard)
    workers = max(ceil(calls / each.calls_per_worker), ceil(worker / each.headroom))
    switches = ceil(calls / each.calls_per_switch)
    per_worker, per_switch = ceil(calls / workers), ceil(calls / switches)
    return Plan(
        calls=calls,
        talk=talk,
        calls_a_second=round(rate, 2),
        edge_cores=round(edge, 3),
        switch_cores=round(switch, 3),
        worker_cores=round(worker, 3),
        cores=ceil((edge + switch + worker) / each.headroom),
        switches=switches,
        workers=workers,
        trunk_mbit_s=_mbit_s(calls, _RTP_BYTES),
        audiosocket_mbit_s=_mbit_s(calls, _AUDIOSOCKET_BYTES),
        files_per_worker=256 + per_worker * each.worker_files,
        files_per_switch=256 + per_switch * each.switch_files,
        rtp_ports_per_switch=2 * per_switch,
    )


def _mbit_s(calls: int, packet: int) -> float:
    return round(calls * packet * _PACKETS_S * 8 / 1e6, 1)
