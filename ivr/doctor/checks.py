"""The checks, one after the other; each says what it found and what to do."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ivr.doctor.finding import Finding, well
from ivr.doctor.secrets import fault_of, in_files, password_of
from ivr.settings import Settings

ROOM_MIB = 1024
PROGRAMS = (
    ("kamailio", "-v", (5, 6)),
    ("asterisk", "-V", (20, 0)),
    ("freeswitch", "-version", (1, 10)),
)
"""Each with the argument that makes it say its version, and the oldest that will do."""
FILES = 4096
"""Open files for a worker of a few hundred calls."""


def versions() -> Iterator[Finding]:
    """Python, and the switches' programs where they are on this machine."""
    version = sys.version_info
    text = f"Python {version.major}.{version.minor}.{version.micro}"
    if (3, 11) <= version[:2] < (3, 13):
        yield well("versions", text)
    else:
        yield Finding(check="versions", level="wrong", text=text, remedy="Use 3.11 or 3.12.")
    for name, argument, oldest in PROGRAMS:
        program = shutil.which(name)
        if program is not None:
            yield _version_of(name, [program, argument], oldest)


def _version_of(name: str, command: list[str], oldest: tuple[int, int]) -> Finding:
    try:
        said = subprocess.run(  # noqa: S603 - names of ours, found on the path
            command, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    found = re.search(r"\b(\d+)\.(\d+)(?:\.\d+)?", said)
    wanted = ".".join(map(str, oldest))
    if found is None:
        text = f"{name} does not say its version"
        return Finding(check="versions", level="warning", text=text, remedy=f"Use {wanted}.")
    if (int(found[1]), int(found[2])) < oldest:
        text, remedy = f"{name} {found[0]} is too old", f"Use {wanted} or later."
        return Finding(check="versions", level="wrong", text=text, remedy=remedy)
    return well("versions", f"{name} {found[0]}")


def secrets(settings: Settings, configurations: list[Path]) -> Iterator[Finding]:
    """None may be empty, short, or known to everybody."""
    given: list[tuple[str, str]] = []
    for name, held in (
        ("IVR_AMI_SECRET", settings.ami_secret),
        ("IVR_EVENT_SOCKET_PASSWORD", settings.event_socket_password),
    ):
        if held is not None:
            given.append((name, held.get_secret_value()))
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
            yield well("secrets", f"the secret in {name} is a good one")


def ports(settings: Settings, running: bool) -> Iterator[Finding]:
    """Ours are free, or taken by ourselves."""
    wanted = [
        (f"IVR_{name}", first + number)
        for name, first in (
            ("AUDIOSOCKET_PORT", settings.audiosocket_port),
            ("FREESWITCH_PORT", settings.freeswitch_port),
            ("HTTP_PORT", settings.http_port),
        )
        for number in range(settings.workers)
        if first
    ]
    for name, port in wanted:
        if running or not listens(settings.host, port):
            yield well("ports", f"{port} ({name})")
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
            yield well("models", f"{', '.join(found)} in {folder}")
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
        yield well("disk", text)


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
        yield well("files", f"{limit} open files")


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
