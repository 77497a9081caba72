"""Every version of a flow that calls were led by, as files: a call that another worker takes over
goes on in the version it began with, also after a newer one was put in its place.

    var_dir/flows/{version}.json    {"file", "source", "beside": [[file, text], ...]}

Workers of one machine share the folder. Versions are never changed, and removed once no call can
be in them any more.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import structlog

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow, read_flow

KEPT_S = 7 * 24 * 3600
"""How long a version is kept after a worker last began with it; calls end within an hour."""

_log = structlog.get_logger(__name__)


class _Document(TypedDict):
    file: str
    source: str
    beside: list[tuple[str, str]]


class FlowArchive:
    """The versions in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Flow | None] = {}
        self._ours: dict[str, _Document] = {}

    def load(self, path: Path) -> Flow:
        """The flow of a file, for `keep`. Raises FlowError, or IvrError where the flow cannot be
        read."""
        source, beside = read_flow(path)
        flow = Flow.parse(source, file=str(path), beside=beside)
        self._loaded[flow.version] = flow
        self._ours[flow.version] = _Document(file=str(path), source=source, beside=list(beside))
        return flow

    def keep(self) -> None:
        """Keep what was loaded here, from now on: calls begin with it. A folder that cannot be
        written to is told in the log."""
        for version, document in self._ours.items():
            try:
                self._keep(version, document)
            except OSError as error:
                _log.warning("flow_not_archived", flow=document["file"], why=str(error))

    def version(self, version: str) -> Flow | None:
        """The flow of this version, or None where none is kept that can still be read. Takes some
        tens of milliseconds the first time: call it off the event loop.
        """
        if version not in self._loaded:
            self._loaded[version] = self._read(version)
        return self._loaded[version]

    def _keep(self, version: str, document: _Document) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{version}.json"
        if path.exists():
            os.utime(path)
        else:
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
            part.replace(path)
        oldest = time.time() - KEPT_S
        for other in self._folder.glob("*.json"):
            with suppress(OSError):
                if other.stat().st_mtime < oldest:
                    other.unlink()

    def _read(self, version: str) -> Flow | None:
        if not version.isalnum():
            return None
        try:
            kept = json.loads((self._folder / f"{version}.json").read_text(encoding="utf-8"))
            beside = [(str(file), str(text)) for file, text in kept["beside"]]
            flow = Flow.parse(str(kept["source"]), file=str(kept["file"]), beside=beside)
        except (OSError, ValueError, TypeError, KeyError, FlowError) as error:
            _log.warning("flow_version_gone", version=version[:12], why=str(error))
            return None
        return flow if flow.version == version else None
