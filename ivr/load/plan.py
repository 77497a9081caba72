"""What so many calls at once take, computed from costs that were measured (costs.py)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from ivr.load.costs import Costs

_RTP_BYTES = 160 + 12 + 8 + 20 + 18
"""20 ms of G.711 in RTP (RFC 3550), UDP, IPv4 and an Ethernet frame."""
_AUDIOSOCKET_BYTES = 320 + 3 + 32 + 20 + 18
"""20 ms of 16-bit sound in AudioSocket, TCP with time stamps, IPv4 and an Ethernet frame."""
_PACKETS_S = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one process may have."""

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
    store_cores: float
    cores: int
    switches: int
    workers: int
    trunk_mbit_s: float
    audiosocket_mbit_s: float
    files_per_worker: int
    files_per_switch: int
    rtp_ports_per_switch: int


def plan(
    calls: int,
    talk: float,
    duration_s: float,
    costs: Costs,
    limits: Limits | None = None,
) -> Plan:
    """What `calls` at once take, whose callers speak `talk` (0..1) of the time and stay
    `duration_s`."""
    each = limits or Limits()
    rate = calls / duration_s
    moving = costs.worker.cores(calls, talk, rate, processes=0)
    # A worker is one process on one core: what it does for being there is taken off its room.
    room = each.headroom - costs.worker.idle
    workers = max(1, ceil(calls / each.calls_per_worker), ceil(moving / room))
    switches = max(1, ceil(calls / each.calls_per_switch))
    edge = costs.edge.cores(calls, talk, rate)
    switch = costs.switch.cores(calls, talk, rate, switches)
    worker = costs.worker.cores(calls, talk, rate, workers)
    stores = costs.stores.cores(calls, talk, rate)
    per_worker, per_switch = ceil(calls / workers), ceil(calls / switches)
    return Plan(
        calls=calls,
        talk=talk,
        calls_a_second=round(rate, 2),
        edge_cores=round(edge, 3),
        switch_cores=round(switch, 3),
        worker_cores=round(worker, 3),
        store_cores=round(stores, 3),
        cores=ceil((edge + switch + worker + stores) / each.headroom),
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
