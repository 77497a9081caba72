"""`ivrctl plan` against a measured run, at two sizes."""

from __future__ import annotations

import asyncio
import math
import socket
from pathlib import Path

import numpy as np
import psutil
import pytest

from ivr.audio.g711 import MU_LAW
from ivr.load.plan import Costs, plan
from ivr.load.sipp import SCENARIOS, SippJob, result, start
from tests.sip.edge import Edge
from tests.sip.test_load import Echo
from tests.telephony.asterisk.switch import AsteriskSwitch, free_port

MEASURED_S = 10.0


def cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@pytest.mark.kamailio
@pytest.mark.sipp
@pytest.mark.asterisk
@pytest.mark.soak
@pytest.mark.parametrize("calls", [20, 40])
async def test_the_switch_costs_about_what_was_planned(
    calls: int, edge_programs: None, asterisk: AsteriskSwitch, tmp_path: Path
) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    asterisk.use_workers(server.sockets[0].getsockname()[1], menu_wait_s=1)
    (tmp_path / "edge").mkdir()
    edge = Edge(tmp_path / "edge", {"asterisk-1": f"127.0.0.1:{asterisk.sip_port}"})
    await asyncio.to_thread(edge.start)
    wave = np.sin(np.arange(80000) / 8000 * 2 * math.pi * 440) * 8000
    job = SippJob(
        scenario=SCENARIOS / "talk.xml",
        host="127.0.0.1",
        port=edge.port,
        calls=calls,
        rate=10,
        hold_s=calls / 10 + 4 + MEASURED_S,
        folder=tmp_path / "sipp",
        first_media_port=free_port(socket.SOCK_DGRAM) & ~1,
        sound=MU_LAW.encode(wave.astype("<i2").tobytes()),
    )
    process = start(job)
    try:
        await asyncio.sleep(calls / 10 + 3)
        loop = asyncio.get_running_loop()
        before, began = cpu_s(asterisk.pid), loop.time()
        await asyncio.sleep(MEASURED_S)
        measured = (cpu_s(asterisk.pid) - before) / (loop.time() - began)
        while process.poll() is None:
            await asyncio.sleep(0.1)
    finally:
        process.kill()
        process.wait()
        await asyncio.to_thread(edge.stop)
        server.close()
    assert result(job).succeeded == calls
    # No call begins or ends while it is measured.
    planned = plan(calls, 0.25, duration_s=math.inf).switch_cores
    print(f"{calls} calls: {planned} cores planned, {measured:.3f} measured")
    # A machine that others use as well gave 0.0025 to 0.0036 cores a call: no 20 % there.
    assert planned == pytest.approx(measured, rel=0.6)


def test_a_thousand_calls() -> None:
    found = plan(1000, 0.25)
    assert found.switches == 5
    assert found.workers >= 5
    assert found.cores >= found.edge_cores + found.switch_cores + found.worker_cores
    assert 80 < found.trunk_mbit_s < 90
    assert found.files_per_worker < 4096


def test_more_speech_takes_more_workers_and_no_more_switches() -> None:
    quiet, loud = plan(1000, 0.1), plan(1000, 0.9)
    assert loud.worker_cores > quiet.worker_cores
    assert (loud.switches, loud.switch_cores) == (quiet.switches, quiet.switch_cores)
    assert plan(1, 0.25).workers == plan(1, 0.25).switches == 1
    assert plan(400, 0.25, costs=Costs(calls_per_switch=100)).switches == 4
