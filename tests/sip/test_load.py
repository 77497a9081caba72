"""`ivrctl load` through the edge to a real Asterisk: its table, and SIPp's own files, agree."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli.load import load
from ivr.load.probes import Probe
from ivr.load.report import figures, percentiles
from ivr.load.sipp import SippResult, scenarios
from tests.sip.edge import Edge
from tests.telephony.asterisk.switch import AsteriskSwitch

CALLS = int(os.environ.get("IVR_LOAD_CALLS", "20"))


class Echo(asyncio.Protocol):
    """A worker that sends back what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 3:
            end = 3 + int.from_bytes(self._data[1:3], "big")
            if len(self._data) < end:
                return
            if self._data[0] == 0x10:
                self._transport.write(self._data[:end])
            self._data = self._data[end:]


async def ivrctl(*arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli.main", "load", "--json", *arguments),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.mark.kamailio
@pytest.mark.sipp
@pytest.mark.asterisk
@pytest.mark.timeout(200)
async def test_the_table_agrees_with_sipps_own_files(
    edge_programs: None, asterisk: AsteriskSwitch, tmp_path: Path
) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    asterisk.use_workers(server.sockets[0].getsockname()[1], menu_wait_s=1)
    (tmp_path / "edge").mkdir()
    edge = Edge(tmp_path / "edge", {"asterisk-1": f"127.0.0.1:{asterisk.sip_port}"})
    await asyncio.to_thread(edge.start)
    kept = tmp_path / "sipp"
    try:
        document = await ivrctl(
            *("--target", f"100@127.0.0.1:{edge.port}", "--calls", str(CALLS)),
            *("--rate", "10", "--hold", "12", "--keep", str(kept), "--sample", "1"),
        )
    finally:
        await asyncio.to_thread(edge.stop)
        server.close()
    print(json.dumps(document, indent=1))
    assert (document["calls"], document["succeeded"], document["failed"]) == (CALLS, CALLS, 0)
    assert document["failures_by_cause"] == {}

    statistics = (kept / "statistics.csv").read_text()
    last = list(csv.DictReader(statistics.splitlines(), delimiter=";"))[-1]
    assert int(last["SuccessfulCall(C)"]) == document["succeeded"]
    assert int(last["FailedCall(C)"]) == document["failed"]
    (file,) = kept.glob("talk_*_rtt.csv")
    times = [float(line.split(";")[1]) for line in file.read_text().splitlines()[1:]]
    assert len(times) == CALLS
    assert document["setup_ms"]["p50"] == pytest.approx(median(times), abs=0.1)
    assert document["setup_ms"]["max"] == max(times)

    sample = document["sample"]
    assert sample["calls"] == 1
    assert sample["frames"] > 200
    assert sample["frame_gap_ms"]["p50"] == pytest.approx(20, abs=3)
    assert "balance" in " ".join(sample["heard"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--target", "100@127.0.0.1:99999"), "is no target"),
        (("--target", "100@no.such.host.invalid"), "There is no host 'no.such.host.invalid'"),
        (("--target", "100@127.0.0.1", "--rate", "0"), "--rate"),
        (("--target", "100@127.0.0.1", "--calls", "0"), "--calls"),
        (("--target", "100@127.0.0.1", "--hold", "-1"), "--hold"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anybody_is_rung(
    arguments: tuple[str, ...], complaint: str
) -> None:
    done = CliRunner().invoke(load, list(arguments))
    assert done.exit_code != 0
    assert complaint in done.output + str(done.exception)


def test_failures_are_counted_by_cause_in_calls_and_sample() -> None:
    sipp = SippResult(
        created=5, succeeded=2, failed=3, causes={"no answer": 3}, setup_ms=[10.0, 20.0]
    )
    document = figures(sipp, [Probe(failure="the bot was silent"), Probe(setup_ms=12.0)])
    assert document["failures_by_cause"] == {"no answer": 3, "sample: the bot was silent": 1}
    assert document["setup_ms"] == {"p50": 15.0, "p95": 19.5, "p99": 19.9, "max": 20.0}
    assert document["sample"]["setup_ms"]["max"] == 12.0
    assert percentiles([]) == {}


def test_the_scenarios_of_the_issue_are_there() -> None:
    wanted = {"talk", "digits", "hangup_mid_prompt", "no_rtp", "no_bye", "hold", "cancel", "burst"}
    assert wanted <= set(scenarios())
