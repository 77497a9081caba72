"""A real Asterisk for the tests: the project's own configuration on ports of its own.

`scripts/asterisk_root.sh` unpacks Debian's Asterisk once; each `AsteriskSwitch` runs it with a
folder of its own inside that root (which is where it may write), so that several test processes
and several switches in one process don't meet.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from uuid import uuid4

from ivr.settings import PROJECT

READY_S = 60.0
_DIRECTORIES = {
    "astcachedir": "cache",
    "astetcdir": "etc",
    "astvarlibdir": "lib",
    "astdbdir": "lib",
    "astkeydir": "lib",
    "astdatadir": "data",
    "astspooldir": "spool",
    "astrundir": "run",
    "astlogdir": "log",
}


class AsteriskMissing(Exception):
    """No Asterisk can be had here; the text says why."""


def asterisk_root() -> Path:
    """The folder with the unpacked Asterisk. Raises AsteriskMissing."""
    script = PROJECT / "scripts" / "asterisk_root.sh"
    done = subprocess.run([script], capture_output=True, text=True, timeout=280, check=False)
    if done.returncode != 0:
        raise AsteriskMissing(done.stderr.strip() or f"exit status {done.returncode}")
    return Path(done.stdout.strip().splitlines()[-1])


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class AsteriskSwitch:
    """One running Asterisk; see `sip_target` and `use_workers`."""

    def __init__(self, root: Path, name: str = "") -> None:
        self.root = root
        self.name = name or f"ivr-{os.getpid()}-{uuid4().hex[:8]}"
        self.home = root / "tmp" / self.name
        """Its own folder: etc, run, log, data/sounds, ..."""
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self.ami_port = free_port()
        self.ami_user = "ivr"
        self.ami_secret = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._configure()

    @property
    def sounds(self) -> Path:
        """Where its prompts are."""
        return self.home / "data" / "sounds"

    @property
    def pid(self) -> int:
        """The process, for those who freeze or kill it."""
        assert self._process is not None
        return self._process.pid

    def sip_target(self, number: str = "100") -> str:
        """Whom a phone rings."""
        return f"sip:{number}@127.0.0.1:{self.sip_port}"

    def use_workers(
        self, *ports: int, spread: bool = False, rounds: int = 7, menu_wait_s: int = 4
    ) -> None:
        """Point the dialplan at these AudioSocket ports of 127.0.0.1, in this order."""
        values = {
            "IVR_WORKERS": str(len(ports)),
            "IVR_SPREAD": "yes" if spread else "no",
            "IVR_ROUNDS": str(rounds),
            "IVR_MENU_WAIT": str(menu_wait_s),
            **{f"IVR_WORKER_{n}": f"127.0.0.1:{port}" for n, port in enumerate(ports, 1)},
        }
        for name, value in values.items():
            self.set_global(name, value)

    def set_global(self, name: str, value: str) -> None:
        """Set a global variable of the dialplan."""
        self.cli(f"dialplan set global {name} {value}")

    def cli(self, command: str) -> str:
        """What Asterisk's console answers to a command."""
        done = subprocess.run(
            [*self._command(), "-rx", command],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
        return done.stdout

    def channels(self) -> int:
        """How many channels are up."""
        found = re.search(r"(\d+) active channel", self.cli("core show channels count"))
        return int(found.group(1)) if found else -1

    def log(self) -> str:
        """Its log so far."""
        file = self.home / "log" / "messages.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> None:
        """Start it and wait until it takes calls. Raises AsteriskMissing."""
        # setpriv ends Asterisk with us, however we end.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self._command(), "-f", "-q"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_S
        while "fully booted" not in self._booted():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self.log()
                self.stop()
                raise AsteriskMissing(f"Asterisk does not start:\n{said[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it and remove its folder."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def _booted(self) -> str:
        socket_file = self.home / "run" / "asterisk.ctl"
        return self.cli("core waitfullybooted") if socket_file.exists() else ""

    def _command(self) -> list[str]:
        config = f"/tmp/{self.name}/etc/asterisk.conf"
        return ["chroot", str(self.root), "/usr/sbin/asterisk", "-C", config]

    def _configure(self) -> None:
        for folder in {*_DIRECTORIES.values(), "log/cdr-csv", "etc/local", "data/sounds"}:
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        etc = self.home / "etc"
        for file in (PROJECT / "asterisk").glob("*.conf"):
            shutil.copy(file, etc)
        # Asterisk checks its configuration against its documentation.
        documentation = self.home / "data" / "documentation"
        documentation.symlink_to("/usr/share/asterisk/documentation")
        main = etc / "asterisk.conf"
        text = main.read_text()
        for key, folder in _DIRECTORIES.items():
            text, count = re.subn(rf"(?m)^{key} =>.*", f"{key} => /tmp/{self.name}/{folder}", text)
            assert count == 1, f"asterisk.conf has no {key}"
        main.write_text(text)
        self._configure_site(etc)

    def _configure_site(self, etc: Path) -> None:
        made = subprocess.run(
            [PROJECT / "scripts" / "asterisk_secret.sh", etc],
            capture_output=True,
            text=True,
            check=True,
        )
        self.ami_secret = dict(line.split("=", 1) for line in made.stdout.split())["IVR_AMI_SECRET"]
        local = etc / "local"
        (local / "pjsip.conf").write_text(f"[transport-udp](+)\nbind = 127.0.0.1:{self.sip_port}\n")
        manager = local / "manager.conf"
        manager.write_text(f"[general](+)\nport = {self.ami_port}\n{manager.read_text()}")
