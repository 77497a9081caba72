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
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow, read_flow

KEPT_S = 7 * 24 * 3600
"""How long a version is kept after a worker last began with it; calls end within an hour."""

_log = structlog.get_logger(__name__)


class FlowArchive:
    """The versions in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Flow | None] = {}

    def load(self, path: Path) -> Flow:
        """The flow of a file, kept for later. A folder that cannot be written to is told in the
        log. Raises FlowError, or IvrError where the flow cannot be read.
        """
        source, beside = read_flow(path)
        flow = Flow.parse(source, file=str(path), beside=beside)
        self._loaded[flow.version] = flow
        try:
            self._keep(flow.version, str(path), source, beside)
        except OSError as error:
            _log.warning("flow_not_archived", flow=flow.name, why=str(error))
        return flow

    def version(self, version: str) -> Flow | None:
        """The flow of this version, or None where none is kept that can still be read. Takes some
        tens of milliseconds the first time: call it off the event loop.
        """
        if version not in self._loaded:
            self._loaded[version] = self._read(version)
        return self._loaded[version]

    def _keep(
        self, version: str, file: str, source: str, beside: Sequence[tuple[str, str]]
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{version}.json"
        if path.exists():
            os.utime(path)
        else:
            part = path.with_suffix(f".{os.getpid()}.part")
            document = {"file": file, "source": source, "beside": list(beside)}
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
