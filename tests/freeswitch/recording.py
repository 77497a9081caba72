"""What passed between a real FreeSWITCH and a worker, on disk: one JSON object a line.

The first line says what was recorded and on what; the last, `{"told": [...]}`, what the
conversations were told. Between them, in the order of time:

    {"t": 0.0213, "link": 1, "from": "switch", "esl": "Event-Name: ..."}   bytes, as Latin-1
    {"t": 0.0218, "link": 1, "from": "worker", "esl": "sendmsg\n..."}
    {"t": 0.0391, "link": 1, "from": "switch", "sound": "AAAA..."}         one datagram, base64
    {"t": 0.0391, "link": 1, "from": "switch", "sound": [160, -1]}         160 samples, all -1
    {"t": 2.4000, "link": 1, "from": "worker", "end": true}                it closed

`t` is in seconds from the first line on; a link is a connection of the switch's to the worker.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

RECORDED = Path(__file__).parent / "recorded"

Side = Literal["switch", "worker"]
Kind = Literal["esl", "sound", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Something that passed: bytes of the Event Socket, one datagram, or the end of a link."""

    t: float
    link: int
    by: Side
    kind: Kind
    data: bytes = b""

    def to_json(self) -> str:
        """One line."""
        what: Any = True
        if self.kind == "esl":
            what = self.data.decode("latin-1")
        elif self.kind == "sound":
            what = _sound(self.data)
        return json.dumps(
            {"t": round(self.t, 4), "link": self.link, "from": self.by, self.kind: what}
        )

    @classmethod
    def read(cls, line: dict[str, Any]) -> Passed:
        """From a line's object."""
        kind: Kind = next(k for k in ("esl", "sound", "end") if k in line)
        data = b""
        if kind == "esl":
            data = line["esl"].encode("latin-1")
        elif kind == "sound":
            what = line["sound"]
            if isinstance(what, str):
                data = base64.b64decode(what)
            else:
                data = int(what[1]).to_bytes(2, "little", signed=True) * what[0]
        return cls(t=line["t"], link=line["link"], by=line["from"], kind=kind, data=data)


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded scenario."""

    about: dict[str, Any]
    passed: list[Passed]
    told: list[dict[str, Any]]

    @classmethod
    def load(cls, name: str) -> Recording:
        """Read `recorded/NAME.jsonl`."""
        text = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8")
        about, *passed, told = [json.loads(line) for line in text.splitlines()]
        return cls(about, [Passed.read(line) for line in passed], told["told"])

    def save(self, name: str) -> Path:
        """Write it; returns the file."""
        RECORDED.mkdir(exist_ok=True)
        file = RECORDED / f"{name}.jsonl"
        lines = [json.dumps(self.about), *(each.to_json() for each in self.passed)]
        file.write_text("\n".join([*lines, json.dumps({"told": self.told}), ""]), encoding="utf-8")
        return file


def names() -> list[str]:
    """What has been recorded."""
    return sorted(file.stem for file in RECORDED.glob("*.jsonl"))


def _sound(datagram: bytes) -> str | list[int]:
    """As few characters as say it."""
    first = datagram[:2]
    if first * (len(datagram) // 2) == datagram:
        return [len(datagram) // 2, int.from_bytes(first, "little", signed=True)]
    return base64.b64encode(datagram).decode()
