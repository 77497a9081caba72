"""A real Kamailio with the project's own configuration, on ports of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ivr.edge.rpc import EdgeRpc
from ivr.settings import PROJECT
from tests.telephony.asterisk.switch import free_port

READY_S = 60.0
TRUNK = "127.0.0.10"
"""A trusted trunk's address in these tests."""
STRANGER = "127.0.0.66"

_TRUNKS = f"1 {TRUNK} 32 0 carrier/0/0\n1 127.0.0.1 32 0 local/0/0\n"


class KamailioMissing(Exception):
    """No Kamailio can be had here; the text says why."""


def install() -> None:
    """Have Kamailio and SIPp. Raises KamailioMissing."""
    script = PROJECT / "scripts" / "kamailio_install.sh"
    done = subprocess.run([script], capture_output=True, text=True, timeout=280, check=False)
    if done.returncode != 0:
        raise KamailioMissing(done.stderr.strip() or f"exit status {done.returncode}")


class Edge:
    """One Kamailio. `nodes` are name and UDP address ("127.0.0.1:5070"), `defines` what a site
    would write into local/site.cfg, `trunks` its trunks.list, `ways_out` UDP addresses, the first
    of them tried first, `sockets` the folder of PostgreSQL's socket, or "" for no records.
    """

    def __init__(
        self,
        folder: Path,
        nodes: Mapping[str, str],
        *,
        defines: Mapping[str, str] | None = None,
        trunks: str = _TRUNKS,
        ways_out: Sequence[str] = (),
        sockets: str = "",
        children: int = 2,
    ) -> None:
        self.folder = folder
        self.etc = folder / "etc"
        self.port = free_port(socket.SOCK_DGRAM)
        self.nodes = dict(nodes)
        self._sockets = sockets
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(PROJECT / "kamailio", self.etc, ignore=shutil.ignore_patterns("local"))
        (self.etc / "local").mkdir()
        (self.etc / "trunks.list").write_text(trunks)
        lines = [f"1 sip:{address} 0 0 duid={name}" for name, address in nodes.items()]
        lines += [
            f"2 sip:{address} 0 {10 - n} duid=way-{n}" for n, address in enumerate(ways_out, 1)
        ]
        (self.etc / "dispatcher.list").write_text("\n".join(lines) + "\n")
        database = "cdr=>postgres://postgres@/postgres" if sockets else "cdr=>postgres://no@/no"
        site = {
            "IVR_LISTEN": f"udp:127.0.0.1:{self.port}",
            "IVR_CHILDREN": str(children),
            "IVR_TCP_CHILDREN": "1",
            "IVR_DISPATCHER_LIST": f'"{self.etc}/dispatcher.list"',
            "IVR_TRUNKS_LIST": f'"{self.etc}/trunks.list"',
            "IVR_RPC_SOCKET": f'"{self.rpc_socket}"',
            "IVR_DATABASE": f'"{database}"',
            "IVR_CALLER_CPM": "100000",
            "IVR_LOG_STDERR": "yes",
            **(defines or {}),
        }
        text = "".join(f"#!define {name} {value}\n" for name, value in site.items())
        (self.etc / "local" / "site.cfg").write_text(text)

    @property
    def pid(self) -> int:
        """The first process, for those who measure it."""
        assert self._process is not None
        return self._process.pid

    @property
    def rpc_socket(self) -> Path:
        """Where `ivrctl` talks to it."""
        return self.folder / "ivr.sock"

    @property
    def rpc(self) -> EdgeRpc:
        """Ask it."""
        return EdgeRpc(self.rpc_socket)

    def target(self, number: str = "100") -> str:
        """Whom a phone rings."""
        return f"sip:{number}@127.0.0.1:{self.port}"

    def log(self) -> str:
        """What it wrote."""
        file = self.folder / "kamailio.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> None:
        """Start it and wait until it answers."""
        run = self.folder / "run"
        run.mkdir(exist_ok=True)
        environment = {**os.environ, "PGHOST": self._sockets or "/nonexistent"}
        with (self.folder / "kamailio.log").open("ab") as log:
            self._process = subprocess.Popen(
                # setpriv ends Kamailio with us, however we end; its children end with it.
                ["setpriv", "--pdeathsig", "TERM", "kamailio", "-DD", "-E", "-m", "64", "-M", "8",
                 "-f", str(self.etc / "kamailio.cfg"), "-Y", str(run), "-w", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self.log()
                self.stop()
                raise AssertionError(f"Kamailio does not start:\n{said[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        # All at once: its TCP process spins, and logs, while the others go before it.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _answers(self) -> bool:
        try:
            self.rpc.call("core.version")
        except Exception:  # noqa: BLE001 - not yet, for whatever reason
            return False
        return True
