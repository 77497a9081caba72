"""One run of SIPp, and its own statistics (SIPp 3.6, "Statistics" in its reference).

SIPp writes a line of counters a second (`-trace_stat`) and a line for each response time
(`-trace_rtt`). Nothing is measured here that it did not write down.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ivr.errors import IvrError
from ivr.settings import PROJECT

SCENARIOS = PROJECT / "tests" / "sipp"

_STATISTICS, _ERRORS = "statistics.csv", "errors.log"
_FAILURES = {
    "FailedCannotSendMessage": "could not be sent",
    "FailedMaxUDPRetrans": "no answer",
    "FailedUnexpectedMessage": "another answer than expected",
    "FailedCallRejected": "rejected",
    "FailedRegexpDoesntMatch": "answer without what was expected",
    "FailedRegexpHdrNotFound": "answer without an expected header",
    "FailedOutboundCongestion": "congestion",
    "FailedTimeoutOnRecv": "timed out",
    "FailedTimeoutOnSend": "timed out in sending",
    "FailedTcpConnect": "no connection",
    "FailedTcpClosed": "connection closed",
}


class SippMissing(IvrError):
    """There is no SIPp here."""


class SippFailed(IvrError):
    """SIPp did not run to its end."""


def scenarios() -> list[str]:
    """The names of the scenarios that come with the project."""
    return sorted(path.stem for path in SCENARIOS.glob("*.xml"))


@dataclass(frozen=True, kw_only=True)
class SippJob:
    """What SIPp is to do. `folder` is where its files go; `sound` is G.711 mu-law at 8 kHz for
    scenarios that talk; `concurrent` None lets as many calls be as the rate brings."""

    scenario: Path
    host: str
    port: int
    number: str = "100"
    calls: int = 1
    rate: float = 1.0
    concurrent: int | None = None
    hold_s: float = 1.0
    local_ip: str = "127.0.0.1"
    first_media_port: int = 20000
    timeout_s: float | None = None
    folder: Path
    sound: bytes = b"\xff" * 8000


@dataclass(frozen=True, kw_only=True)
class SippResult:
    """What SIPp counted. `setup_ms` holds a time from INVITE to answer for each answered call."""

    created: int
    succeeded: int
    failed: int
    causes: dict[str, int]
    setup_ms: list[float] = field(default_factory=list)
    retransmissions: int = 0
    errors: str = ""
    """The beginning of its error file."""


def command(job: SippJob) -> list[str]:
    """The command line. Raises SippMissing."""
    program = shutil.which("sipp")
    if program is None:
        raise SippMissing("SIPp is not installed.", remedy="apt-get install sip-tester.")
    line = [program, f"{job.host}:{job.port}", "-sf", f"{job.scenario.stem}.xml"]
    line += ["-i", job.local_ip, "-mi", job.local_ip, "-s", job.number]
    line += ["-m", str(job.calls), "-r", f"{max(1, round(job.rate * 10))}", "-rp", "10000"]
    line += ["-d", str(round(job.hold_s * 1000)), "-mp", str(job.first_media_port)]
    if job.concurrent is not None:
        line += ["-l", str(job.concurrent)]
    line += ["-trace_stat", "-stf", _STATISTICS, "-fd", "1"]
    line += ["-trace_rtt", "-rtt_freq", "1", "-trace_err", "-error_file", _ERRORS]
    if job.timeout_s is not None:
        line += ["-timeout", f"{job.timeout_s:g}s"]
    return [*line, "-nostdin"]


def start(job: SippJob) -> subprocess.Popen[bytes]:
    """Begin; the caller waits for the process and then asks `result`. Raises SippMissing."""
    line = command(job)
    job.folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(job.scenario, job.folder)
    (job.folder / "talk.ulaw").write_bytes(job.sound)
    with (job.folder / "screen.log").open("wb") as screen:
        return subprocess.Popen(  # noqa: S603 - no shell, and every part is ours
            line,
            cwd=job.folder,
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.STDOUT,
        )


def result(job: SippJob) -> SippResult:
    """Read what SIPp wrote. Raises SippFailed where that is nothing."""
    rows = _rows(job.folder / _STATISTICS)
    if not rows:
        said = _read(job.folder / "screen.log")[-400:]
        raise SippFailed(f"SIPp wrote no statistics: {' '.join(said.split())}")
    last = rows[-1]
    causes = {
        text: int(last[f"{name}(C)"])
        for name, text in _FAILURES.items()
        if int(last.get(f"{name}(C)") or 0)
    }
    return SippResult(
        created=int(last["TotalCallCreated"]),
        succeeded=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        causes=causes,
        setup_ms=_times(job.folder),
        retransmissions=int(last["Retransmissions(C)"]),
        errors=_read(job.folder / _ERRORS)[:4000],
    )


def run(job: SippJob) -> SippResult:
    """Run it to its end. Blocks. Raises SippMissing, SippFailed."""
    process = start(job)
    try:
        process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return result(job)


def _times(folder: Path) -> list[float]:
    """SIPp names the file of response times itself: scenario_pid_rtt.csv."""
    rows = (
        row
        for path in sorted(folder.glob("*_rtt.csv"))
        for row in csv.reader(path.read_text().splitlines(), delimiter=";")
    )
    return [float(row[1]) for row in rows if len(row) >= 3 and row[2].strip() == "1"]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    lines = path.read_text(errors="replace").splitlines()
    return list(csv.DictReader(lines, delimiter=";"))


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
