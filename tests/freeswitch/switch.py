"""A real FreeSWITCH in a folder of its own, with the project's configuration."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr.ports import free_ports
from ivr.settings import PROJECT
from ivr.telephony.freeswitch.client import EslClient

CONF = PROJECT / "freeswitch" / "conf"
SECRET = "only-for-this-run"
READY_S = 40.0
_RTP_PORTS = 500
FOLDERS = "log db run temp certs recordings storage cache scripts sounds htdocs grammar".split()

NUMBERS = """<include>
  <extension name="unanswered">
    <condition field="destination_number" expression="^7001$">
      <action application="socket" data="${ivr_worker_1} async full"/>
    </condition>
  </extension>
  <extension name="without-async">
    <condition field="destination_number" expression="^7002$">
      <action application="answer"/>
      <action application="socket" data="${ivr_worker_1} full"/>
      <action application="hangup" data="USER_BUSY"/>
    </condition>
  </extension>
  <extension name="unasked">
    <condition field="destination_number" expression="^7005$">
      <action application="socket" data="${ivr_worker_1} async full"/>
      <action application="socket" data="${ivr_worker_2} async full"/>
    </condition>
  </extension>
  <extension name="answered">
    <condition field="destination_number" expression="^7006$">
      <action application="answer"/>
      <action application="socket" data="${ivr_worker_1} async full"/>
    </condition>
  </extension>
  <extension name="let-in">
    <condition field="destination_number" expression="^7007$">
      <action application="set" data="ivr_language=en"/>
      <action application="answer"/>
      <action application="transfer" data="worker XML ivr"/>
    </condition>
  </extension>
  <extension name="english">
    <condition field="destination_number" expression="^7003$">
      <action application="set" data="ivr_language=en"/>
      <action application="transfer" data="admission XML ivr"/>
    </condition>
  </extension>
  <extension name="hindi">
    <condition field="destination_number" expression="^7004$">
      <action application="set" data="ivr_language=hi"/>
      <action application="transfer" data="admission XML ivr"/>
    </condition>
  </extension>
</include>
"""
"""Numbers that put a caller somewhere at once; see conftest.py."""


def binary() -> Path | None:
    """The FreeSWITCH of IVR_FREESWITCH; None: there is none."""
    named = os.environ.get("IVR_FREESWITCH", "")
    return Path(named) if named and os.access(named, os.X_OK) else None


def without_freeswitch() -> None:
    """Skip, saying why, where there is no FreeSWITCH."""
    if binary() is None:
        pytest.skip("NO REAL FREESWITCH: IVR_FREESWITCH names no binary")


def modules_of(program: Path) -> Path:
    """Where an installed FreeSWITCH keeps its modules."""
    return program.resolve().parent.parent / "lib" / "freeswitch" / "mod"


@dataclass
class FreeSwitch:
    """One switch. `values` go into conf/local; `files` are added or replaced in conf; without a
    `secret` its Event Socket stays as delivered."""

    folder: Path
    sip_port: int
    event_socket_port: int
    values: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    secret: str = SECRET
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def before(
        cls, folder: Path, worker_ports: Sequence[int], values: Mapping[str, str] | None = None
    ) -> FreeSwitch:
        """One that runs and hands its calls to two workers of this machine, or always to one."""
        first, second = worker_ports[0], worker_ports[-1]
        workers = {f"ivr_worker_{n}": f"127.0.0.1:{p}" for n, p in ((1, first), (2, second))}
        sip, event_socket = free_ports(2)
        switch = cls(
            folder,
            sip,
            event_socket,
            values={**workers, **(values or {})},
            files={"dialplan/public/05_numbers.xml": NUMBERS},
        )
        switch.start()
        return switch

    def sip_target(self, number: str = "100") -> str:
        """Whom a phone rings."""
        return f"sip:{number}@127.0.0.1:{self.sip_port}"

    async def operator(self) -> EslClient:
        """A client of its Event Socket."""
        return await EslClient.connect("127.0.0.1", self.event_socket_port, SECRET)

    @property
    def pid(self) -> int:
        """The process, for those who measure it."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it takes calls."""
        self.prepare()
        self.run()

    def prepare(self) -> None:
        """Make its configuration."""
        conf = self.folder / "conf"
        shutil.copytree(CONF, conf, ignore=shutil.ignore_patterns("local"))
        for name, text in self.files.items():
            (conf / name).write_text(text, encoding="utf-8")
        # Ports that no other FreeSWITCH of this machine is likely to choose.
        first = 10_000 + _RTP_PORTS * (self.sip_port % 40)
        values = {
            "ivr_rtp_first": str(first),
            "ivr_rtp_last": str(first + _RTP_PORTS - 2),
            "ivr_sip_port": str(self.sip_port),
            "ivr_event_socket_port": str(self.event_socket_port),
            **self.values,
        }
        if self.secret:
            values["ivr_event_socket_password"] = self.secret
            values["ivr_event_socket_acl"] = "loopback.auto"
        lines = [
            f'<X-PRE-PROCESS cmd="set" data="{key}={value}"/>' for key, value in values.items()
        ]
        (conf / "local").mkdir()
        (conf / "local" / "test.xml").write_text(
            "\n".join(["<include>", *lines, "</include>", ""]), encoding="utf-8"
        )

    def run(self) -> None:
        """Start what was prepared and wait until it takes calls."""
        program = binary()
        assert program is not None
        arguments = ["-conf", str(self.folder / "conf"), "-mod", str(modules_of(program))]
        for name in FOLDERS:
            (self.folder / name).mkdir(exist_ok=True)
            arguments += [f"-{name}", str(self.folder / name)]
        with (self.folder / "console.log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, "-nf", "-nc", "-nonat", "-nonatmap", "-nocal", "-np", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Kill it; nothing of it is worth a clean end."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """What it wrote."""
        files = [self.folder / "console.log", self.folder / "log" / "freeswitch.log"]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process is not None and self.process.poll() is None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while not (self.answers_options() and self._event_socket_listens()):
            if not self.alive or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"FreeSWITCH does not come up:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def _event_socket_listens(self) -> bool:
        """Its module is loaded early, and listens when its own thread comes to it."""
        try:
            socket.create_connection(("127.0.0.1", self.event_socket_port), 1).close()
        except OSError:
            return False
        return True

    def answers_options(self) -> bool:
        """Whether OPTIONS is answered with 200: SIP is up, and takes calls."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            probe.connect(("127.0.0.1", self.sip_port))
            port = probe.getsockname()[1]
            request = (
                f"OPTIONS sip:ping@127.0.0.1:{self.sip_port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{time.monotonic_ns()}\r\n"
                f"From: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:ping@127.0.0.1>\r\n"
                f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\n"
                f"Contact: <sip:probe@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n"
                "Content-Length: 0\r\n\r\n"
            )
            try:
                probe.send(request.encode())
                return probe.recv(2000).startswith(b"SIP/2.0 200")
            except OSError:
                return False


async def channels(operator: EslClient) -> int:
    """How many channels are up."""
    return int((await operator.api("show channels count")).split()[0])
