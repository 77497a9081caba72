"""Services of docker-compose.yml without Docker: their own commands, configuration files, secrets,
addresses, published ports and health checks, with programs of this machine.

Each service has a file system of its own, this machine's with a layer above it for what it writes
(overlayfs), and a network of its own, with a line into each network that the file puts it in, at
the address that it gives. Between those and the outside, where the phones are, a host carries
published ports on as Docker does, by network address translation. Not shown: the images, limits
and dropped rights. Needs root and nft.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.settings import PROJECT
from tests.compose.compose_file import load, mounts, volumes

PUBLIC_IP = "198.51.100.7"
"""Where trunks believe us (RFC 5737); published ports are carried on from here."""

_PYTHON = str(PROJECT / ".venv" / "bin" / "python")

_COPY = re.compile(r"^COPY (?!--)(\S+) (\S+)$", re.MULTILINE)

_ENTER = """
set -euf
root=$1 lower=$2 image=$3 environment=$4 project=$5; shift 5
mount -t tmpfs none "$root"
mkdir "$root"/up "$root"/work "$root"/fs
mount -t overlay none -o "lowerdir=$lower,upperdir=$root/up,workdir=$root/work" "$root"/fs
fs=$root/fs
mount -t proc none "$fs"/proc
mount --rbind /dev "$fs"/dev
while IFS= read -r folder; do rm -rf "${fs:?}$folder"; done <"$image"/replaced
cp -a "$image"/files/. "$fs"/
while IFS=' ' read -r source target; do
    mkdir -p "$fs$target"; mount --bind "$source" "$fs$target"
done <"$image"/volumes
while IFS= read -r folder; do mkdir -p "$fs$folder"; chmod 1777 "$fs$folder"; done <"$image"/tmpfs
mkdir -p "$fs/tmp"; chmod 1777 "$fs/tmp"
mkdir -p "$fs$project"
mount --rbind "$project" "$fs$project"
touch "$image"/entered
chroot "$fs" /usr/bin/env -i $(cat "$environment") "$@" &
wait $!
"""


@dataclass(frozen=True, kw_only=True)
class Program:
    """Where a service's programs are on this machine: `path` goes before the usual folders, `root`
    is the file system that it starts from, `lent` what that has none of and gets from ours,
    `wrapper` stands in for an image's entry point."""

    path: Sequence[Path] = ()
    root: Path = Path("/")
    lent: Sequence[str] = ()
    wrapper: Sequence[str] = ()
    cwd: Path = Path("/")


class Network:
    """A network of its own, kept by a process that does nothing."""

    def __init__(self, holder: subprocess.Popen[bytes]) -> None:
        self._holder = holder

    @classmethod
    def new(cls) -> Network:
        """An empty one."""
        holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
        )
        deadline = time.monotonic() + 10
        while os.readlink("/proc/self/ns/net") == os.readlink(f"/proc/{holder.pid}/ns/net"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return cls(holder)

    @property
    def pid(self) -> str:
        """Of a process in it."""
        return str(self._holder.pid)

    def run(self, command: Sequence[str], within_s: float = 60) -> str:
        """Run something in it and return what it says. Raises AssertionError."""
        done = subprocess.run(
            ["nsenter", "-t", self.pid, "-n", *command],
            capture_output=True,
            text=True,
            cwd=PROJECT,
            timeout=within_s,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        """Let it go."""
        self._holder.kill()
        self._holder.wait()


@dataclass
class Running:
    """A service that was started."""

    process: subprocess.Popen[bytes]
    network: Network
    folder: Path
    environment: dict[str, str]

    @property
    def inside(self) -> int:
        """The first process inside, as seen from here."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])


class House:
    """One network and the services in it. `secrets` is the folder that `make secrets` made,
    `prompts` the one that `make prompts` fills."""

    def __init__(
        self, folder: Path, secrets: Path, prompts: Path, programs: Mapping[str, Program]
    ) -> None:
        self.document = load(
            {"IVR_PUBLIC_IP": PUBLIC_IP, "IVR_FREESWITCH_IMAGE": "freeswitch:1.10.12"}
        )
        self.services: dict[str, dict[str, Any]] = self.document["services"]
        self.folder = folder
        self._secrets = secrets
        self._prompts = prompts
        self._programs = programs
        self._running: dict[str, Running] = {}
        self._host: Network | None = None
        self._outside: Network | None = None
        self._lines = 0

    def open(self, *phones: str) -> None:
        """Make the host, its networks, and the outside, with an address for each phone."""
        host = self._host = Network.new()
        self._outside = Network.new()
        setup = ["ip link set lo up", f"ip addr add {PUBLIC_IP}/32 dev lo"]
        setup.append("echo 1 >/proc/sys/net/ipv4/ip_forward")
        for name, network in self.document["networks"].items():
            for each in (network or {}).get("ipam", {}).get("config", []):
                first = each["subnet"].replace(".0/24", ".1/24")
                setup.append(f"ip link add br-{name} type bridge")
                setup.append(f"ip addr add {first} dev br-{name}")
                setup.append(f"ip link set br-{name} up")
        setup.append(f"ip link add outside type veth peer name eth0 netns {self._outside.pid}")
        setup += ["ip addr add 10.99.0.1/24 dev outside", "ip link set outside up"]
        setup += [f"ip route add {phone}/32 via 10.99.0.2" for phone in phones]
        setup.append(f"nft -f {self.folder}/rules")
        (self.folder / "rules").write_text(self._rules())
        host.run(["bash", "-ec", "\n".join(setup)])
        setup = ["ip link set lo up", "ip addr add 10.99.0.2/24 dev eth0", "ip link set eth0 up"]
        setup += [f"ip addr add {phone}/32 dev eth0" for phone in phones]
        setup.append("ip route add default via 10.99.0.1")
        self._outside.run(["bash", "-ec", "\n".join(setup)])

    def _rules(self) -> str:
        """Docker's, for published ports and for what leaves."""
        rules = ["table ip nat {", "chain before {", "type nat hook prerouting priority -100"]
        for name, service in self.services.items():
            for port in service.get("ports", []):
                published = re.fullmatch(r"([\d-]+):\1/(udp|tcp)", port)
                if published:
                    to = self.address(name)
                    rules.append(
                        f"ip daddr {PUBLIC_IP} {published[2]} dport {published[1]} dnat to {to}"
                    )
        rules += ["}", "chain after {", "type nat hook postrouting priority 100"]
        rules += [f"ip saddr 172.28.0.0/24 oif outside snat to {PUBLIC_IP}", "}", "}"]
        return "\n".join(rules) + "\n"

    def _connected(self, name: str) -> Network:
        """A network for one service, connected as the file says."""
        assert self._host is not None
        network = Network.new()
        joined = self.services[name].get("networks", {})
        addresses = {
            where: (each or {}).get("ipv4_address")
            for where, each in (joined.items() if isinstance(joined, dict) else ())
        }
        if not isinstance(joined, dict):  # any free address, as for one-shot services
            subnets = {"workers": "172.28.1.200", "data": "172.28.2.200"}
            addresses = {where: subnets[where] for where in joined}
        inside = ["ip link set lo up"]
        for number, (where, address) in enumerate(addresses.items()):
            if address is None:
                continue
            self._lines += 1
            line, peer = f"line{self._lines}", f"eth{number}"
            self._host.run(
                ["bash", "-ec", f"ip link add {line} type veth peer name {peer} netns {network.pid}"
                 f"; ip link set {line} master br-{where} up"]
            )  # fmt: skip
            inside += [f"ip addr add {address}/24 dev {peer}", f"ip link set {peer} up"]
            if where == "sip":
                inside.append("ip route add default via 172.28.0.1")
        network.run(["bash", "-ec", "\n".join(inside)])
        return network

    def close(self) -> None:
        """End everything."""
        for running in self._running.values():
            running.process.kill()
            running.process.wait()
            running.network.close()
        for network in (self._outside, self._host):
            if network is not None:
                network.close()

    def address(self, name: str) -> str:
        """A service's first address."""
        networks = self.services[name].get("networks", {})
        found = [net["ipv4_address"] for net in networks.values() if "ipv4_address" in net]
        return str(found[0])

    def start(self, name: str) -> None:
        """Start a service; what it depends on is not looked at."""
        service = self.services[name]
        command = [*service.get("entrypoint", []), *service.get("command", [])]
        self._running[name] = self._enter(name, [*self._program(name).wrapper, *command])

    def run(self, name: str, *command: str, within_s: float = 30) -> str:
        """Run a one-shot service with other arguments and return what it says."""
        entry = self.services[name]["entrypoint"]
        running = self._enter(name, [*entry, *command], capture=True)
        out, _ = running.process.communicate(timeout=within_s)
        running.network.close()
        assert running.process.returncode == 0, self.log(name)
        return out.decode()

    def wait_healthy(self, name: str, within_s: float) -> None:
        """Wait until the service's own health check is content. Raises AssertionError."""
        running = self._running[name]
        deadline = time.monotonic() + within_s
        while not self.healthy(name):
            dead = running.process.poll() is not None
            assert not dead, f"{name} ended:\n{self.log(name)[-4000:]}"
            assert time.monotonic() < deadline, f"{name} is ill:\n{self.log(name)[-4000:]}"
            time.sleep(0.25)

    def healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        running = self._running[name]
        if not (running.folder / "image" / "entered").exists():
            return False
        kind, *test = self.services[name]["healthcheck"]["test"]
        command = ["sh", "-c", test[0]] if kind == "CMD-SHELL" else test
        with suppress(OSError, IndexError, subprocess.TimeoutExpired):
            inside = running.inside
            done = subprocess.run(
                [
                    *("nsenter", "-t", str(inside), "-m", "-n", "-p"),
                    *("chroot", str(running.folder / "root" / "fs"), "/usr/bin/env", "-i"),
                    *(f"{key}={value}" for key, value in running.environment.items()),
                    *command,
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
                check=False,
            )
            return done.returncode == 0
        return False

    def phone(self, *arguments: str, within_s: float = 60) -> str:
        """Run our own Python outside, and return what it says."""
        assert self._outside is not None
        return self._outside.run([_PYTHON, *arguments], within_s)

    def ask(self, name: str, *arguments: str, within_s: float = 60) -> str:
        """Run our own Python in a service's network, and return what it says."""
        return self._running[name].network.run([_PYTHON, *arguments], within_s)

    def log(self, name: str) -> str:
        """What a service wrote."""
        file = self.folder / name / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def _program(self, name: str) -> Program:
        return self._programs.get(name, Program())

    def _enter(self, name: str, command: Sequence[str], *, capture: bool = False) -> Running:
        program = self._program(name)
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "root").mkdir(parents=True)
        self._furnish(name, folder / "image")
        environment = {
            "PATH": ":".join([*map(str, program.path), "/usr/sbin:/usr/bin:/sbin:/bin"]),
            "HOME": "/root",
            "LANG": "C.UTF-8",
            **{
                key: value
                for key, value in self.services[name].get("environment", {}).items()
                if value is not None
            },
        }
        # Values hold no spaces but those of JSON, which has none that matter.
        (folder / "environment").write_text(
            "\n".join(f"{key}={value.replace(' ', '')}" for key, value in environment.items())
        )
        network = self._connected(name)
        script = f"cd {shlex.quote(str(program.cwd))}; exec {shlex.join(command)}"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "nsenter", "-t", network.pid, "-n"),
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c"),
                    *(
                        _ENTER,
                        name,
                        str(folder / "root"),
                        str(program.root),
                    ),
                    *(str(folder / "image"), str(folder / "environment"), str(PROJECT)),
                    *("sh", "-c", script),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if capture else log,
                stderr=log,
            )
        return Running(process, network, folder, environment)

    def _neighbours(self, name: str) -> dict[str, str]:
        """The address of each service in a network that this one is in as well."""
        ours = self.services[name].get("networks", {})
        found: dict[str, str] = {}
        for other, service in self.services.items():
            theirs = service.get("networks", {})
            for where in theirs if isinstance(theirs, dict) else ():
                if where in ours and "ipv4_address" in (theirs[where] or {}):
                    found.setdefault(other, theirs[where]["ipv4_address"])
        return found

    def _furnish(self, name: str, image: Path) -> None:
        """Write down what the service finds where: what its Dockerfile copies, its configs,
        secrets, single files, and the names of its neighbours."""
        service = self.services[name]
        files = image / "files"
        replaced: list[str] = []

        def put(target: str, content: bytes, mode: int = 0o644) -> None:
            file = files / target.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)

        dockerfile = service.get("build", {}).get("dockerfile", "")
        for source, target in _COPY.findall(
            (PROJECT / dockerfile).read_text() if dockerfile else ""
        ):
            if source != ".":
                folder = target.rstrip("/")
                ignore = shutil.ignore_patterns("local")
                shutil.copytree(PROJECT / source, files / folder.lstrip("/"), ignore=ignore)
                replaced.append(folder)
        for lent in self._program(name).lent:
            put(lent, Path(lent).read_bytes(), 0o755)
        for source, target in mounts(service, "configs"):
            put(target, self.document["configs"][source]["content"].encode())
        for source, target in mounts(service, "secrets"):
            put(target, (self._secrets / source).read_bytes())
        bound = []
        for source, target in volumes(service):
            if source.startswith("./var/prompts/"):
                bound.append((self._prompts / Path(source).name, target))
            elif source.startswith("./"):
                file = PROJECT / source
                if file.is_dir():
                    shutil.copytree(file, files / target.lstrip("/"))
                    continue
                put(target, file.read_bytes(), file.stat().st_mode & 0o777)
            else:
                kept = self.folder / "volumes" / source
                kept.mkdir(parents=True, exist_ok=True)
                kept.chmod(0o1777)
                bound.append((kept, target))
        names = ["127.0.0.1 localhost"]
        names += [f"{address} {each}" for each, address in self._neighbours(name).items()]
        put("/etc/hosts", ("\n".join(names) + "\n").encode())
        scratch = [each.split(":")[0] for each in service.get("tmpfs", [])]
        (image / "replaced").write_text("".join(f"{each}\n" for each in replaced))
        (image / "volumes").write_text("".join(f"{a} {b}\n" for a, b in bound))
        (image / "tmpfs").write_text("".join(f"{each}\n" for each in scratch))
