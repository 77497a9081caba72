"""The checks, one after the other; each says what it found and what to do."""

from __future__ import annotations

import email.utils
import os
import resource
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.request import Request, urlopen

from ivr.doctor.secrets import fault_of, in_files, password_of
from ivr.edge.nodes import list_nodes
from ivr.edge.rpc import EdgeRpc
from ivr.errors import IvrError
from ivr.settings import Settings

Level = Literal["ok", "warning", "wrong"]

ROOM_MIB = 1024
FILES = 4096
"""Open files for a worker of a few hundred calls."""
CLOCK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`level` "warning" is worth knowing, "wrong" will be heard by callers or used by others."""

    check: str
    level: Level
    text: str
    remedy: str = ""


def _ok(check: str, text: str) -> Finding:
    return Finding(check=check, level="ok", text=text)


def versions() -> Iterator[Finding]:
    """Python and the programs beside us."""
    version = sys.version_info
    text = f"Python {version.major}.{version.minor}.{version.micro}"
    if (3, 11) <= version[:2] < (3, 13):
        yield _ok("versions", text)
    else:
        yield Finding(check="versions", level="wrong", text=text, remedy="Use 3.11 or 3.12.")


def secrets(settings: Settings, configurations: list[Path]) -> Iterator[Finding]:
    """None may be empty, short, or known to everybody."""
    given: list[tuple[str, str]] = []
    if settings.ami_secret is not None:
        given.append(("IVR_AMI_SECRET", settings.ami_secret.get_secret_value()))
    for name, url in (
        ("IVR_DATABASE_URL", settings.database_url),
        ("IVR_REDIS_URL", settings.redis_url),
    ):
        password = None if url is None else password_of(url.get_secret_value())
        if password is not None:
            given.append((name, password))
    files = [path for folder in configurations for path in folder.rglob("*") if path.is_file()]
    given += [(str(path), secret) for path, secret in in_files(files)]
    for name, secret in given:
        fault = fault_of(secret)
        if fault:
            yield Finding(
                check="secrets",
                level="wrong",
                text=f"the secret in {name} {fault}",
                remedy="Make another: make secrets, scripts/asterisk_secret.sh.",
            )
        else:
            yield _ok("secrets", f"the secret in {name} is a good one")


def ports(settings: Settings, running: bool) -> Iterator[Finding]:
    """Ours are free, or taken by ourselves."""
    wanted = [
        (f"IVR_{name}", first + number)
        for name, first in (
            ("AUDIOSOCKET_PORT", settings.audiosocket_port),
            ("HTTP_PORT", settings.http_port),
        )
        for number in range(settings.workers)
        if first
    ]
    for name, port in wanted:
        if running or not _listens(settings.host, port):
            yield _ok("ports", f"{port} ({name})")
        else:
            yield Finding(
                check="ports",
                level="wrong",
                text=f"{port} ({name}) is taken by somebody else",
                remedy=f"Stop what uses it, or set {name}.",
            )


def models(settings: Settings) -> Iterator[Finding]:
    """Speech recognition has something to hear with."""
    for folder in (settings.installed_models_dir, settings.bundled_models_dir):
        found = sorted(path.name for path in folder.glob("*") if path.is_dir())
        if found:
            yield _ok("models", f"{', '.join(found)} in {folder}")
            return
    yield Finding(
        check="models",
        level="wrong",
        text="there is no recognition model",
        remedy="ivrctl models install vosk-model-small-en-us-0.15",
    )


def disk(settings: Settings) -> Iterator[Finding]:
    """Records and prompts have room."""
    folder = settings.var_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free >> 20
    text = f"{free} MiB free in {folder}"
    if free < ROOM_MIB:
        yield Finding(check="disk", level="wrong", text=text, remedy="Free some space.")
    elif not os.access(folder, os.W_OK):
        yield Finding(
            check="disk",
            level="wrong",
            text=f"{folder} cannot be written",
            remedy="Set IVR_VAR_DIR to a folder of your own.",
        )
    else:
        yield _ok("disk", text)


def files() -> Iterator[Finding]:
    """Each call takes a few descriptors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < FILES:
        yield Finding(
            check="files",
            level="warning",
            text=f"only {limit} open files are allowed",
            remedy=f"ulimit -n {FILES}, or LimitNOFILE= in the unit.",
        )
    else:
        yield _ok("files", f"{limit} open files")


def neighbours(settings: Settings, edge: Path) -> Iterator[Finding]:
    """Each neighbour that is configured takes a connection."""
    if settings.ami_secret is not None:
        yield _reached("asterisk", settings.ami_host, settings.ami_port)
    if edge.exists():
        try:
            nodes = list_nodes(EdgeRpc(edge))
        except IvrError as error:
            yield Finding(check="kamailio", level="wrong", text=error.what, remedy=error.remedy)
        else:
            ready = [node.name for node in nodes if node.state == "ready"]
            yield Finding(
                check="kamailio",
                level="ok" if ready else "wrong",
                text=f"{len(ready)} of {len(nodes)} nodes are ready",
                remedy="" if ready else "See `ivrctl nodes list`.",
            )
    for name, base in settings.integrations.items():
        yield _clock(name, base)


def _reached(name: str, host: str, port: int) -> Finding:
    if _listens(host, port):
        return _ok(name, f"{host}:{port} takes connections")
    return Finding(
        check=name,
        level="wrong",
        text=f"{host}:{port} takes no connection",
        remedy="See that it runs.",
    )


def _clock(name: str, base: str) -> Finding:
    """An HTTP server's Date header says whether our clocks agree."""
    try:
        with urlopen(Request(base, method="HEAD"), timeout=2) as answer:  # noqa: S310
            date = answer.headers.get("Date")
    except OSError as error:
        date = getattr(getattr(error, "headers", None), "get", lambda _: None)("Date")
        if date is None:
            return Finding(
                check=name, level="warning", text=f"{base} does not answer", remedy="Start it."
            )
    if date is None:
        return _ok(name, f"{base} answers")
    apart = abs(time.time() - email.utils.parsedate_to_datetime(date).timestamp())
    if apart > CLOCK_S:
        return Finding(
            check="clocks",
            level="wrong",
            text=f"our clock and that of {base} are {apart:.0f} s apart",
            remedy="Run an NTP client on both.",
        )
    return _ok(name, f"{base} answers, and our clocks agree")


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
