"""The results of benchmarks, one JSON file each: what was run, where, and what came out.

A bench calls `save`; `ivr.benchmarks.report` makes the page from the files. A file keeps the last
runs of its bench on one kind of machine, so that the page can show how far they spread.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from pydantic import BaseModel, ConfigDict, ValidationError

from ivr.errors import IvrError

FOLDER = Path("bench") / "results"
"""Where results lie, beside the benches."""

KEPT_RUNS = 5

_LOOKS = 50

Cell = int | float | str | None
"""A figure, or words. None: not measured."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Strict):
    """Where a bench ran."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    load_before: float
    """Load average of the last minute when the bench ended its preparations: other work."""
    blake2b_mib_s: float | None = None
    """How fast one core was then, in MiB of BLAKE2b a second (RFC 7693), by `core_speed`: a shared
    core may be half as fast on another day."""


class Run(_Strict):
    """One run: rows of figures by their name and column."""

    at: datetime
    command: str
    machine: Machine
    versions: dict[str, str]
    """Of Python and of what was measured, such as `{"python": "3.11.2", "asterisk": "22.10.1"}`."""
    rows: dict[str, dict[str, Cell]]
    note: str = ""
    """What was odd about this run."""


class Result(_Strict):
    """A bench, as one section of the page."""

    title: str
    order: int
    """Where on the page; the smallest comes first."""
    text: str
    """Markdown: what is measured, and how, for somebody who has not read the code."""
    runs: tuple[Run, ...]


def machine() -> Machine:
    """Return what this machine is, and how busy."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    release = platform.freedesktop_os_release()
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(kib / (1 << 20), 1),
        system=release.get("PRETTY_NAME", platform.system()),
        load_before=round(os.getloadavg()[0], 1),
        blake2b_mib_s=round(core_speed()),
    )


def core_speed() -> float:
    """Return how many MiB of BLAKE2b this core does in a second: the median of `_LOOKS`, which
    take some 0.1 s. It needs neither memory nor the interpreter, nor instructions of its own that
    only some processors have."""
    sound = bytes(1 << 20)
    took_s = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        hashlib.blake2b(sound).digest()
        took_s.append(time.perf_counter() - began)
    return 1 / median(took_s)


def save(
    name: str,
    *,
    title: str,
    order: int,
    text: str,
    command: str,
    rows: Mapping[str, Mapping[str, Cell]],
    where: Machine,
    versions: Mapping[str, str] | None = None,
    note: str = "",
    folder: Path = FOLDER,
) -> Path:
    """Add a run to the results of `name`, and return the file.

    `where` is taken by `machine()` before the bench begins. `versions` are those of switches and
    engines; Python's and the project's are added. Runs on another kind of machine, or with other
    rows or columns, begin the file anew: they cannot be compared.

    Raises IvrError when the file cannot be read as a result, or not be written.
    """
    run = Run(
        at=datetime.now(UTC).replace(microsecond=0),
        command=command,
        machine=where,
        versions={"python": platform.python_version(), **_ours(), **(versions or {})},
        rows={row: dict(cells) for row, cells in rows.items()},
        note=note,
    )
    path = folder / f"{name}.json"
    earlier = load(path).runs if path.exists() else ()
    like = tuple(one for one in earlier if _comparable(one, run))
    result = Result(title=title, order=order, text=text, runs=(*like, run)[-KEPT_RUNS:])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise IvrError(
            f"{path} cannot be written: {error.strerror}. Run the bench from the project's folder."
        ) from error
    return path


def load(path: Path) -> Result:
    """Read one file. Raises IvrError where it holds no result."""
    try:
        return Result.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise IvrError(f"{path} holds no result of a benchmark: {error}") from error


def _comparable(one: Run, other: Run) -> bool:
    return (
        one.command == other.command
        and (one.machine.processor, one.machine.cores)
        == (other.machine.processor, other.machine.cores)
        and _shape(one.rows) == _shape(other.rows)
    )


def _shape(rows: Mapping[str, Mapping[str, Cell]]) -> Sequence[tuple[str, tuple[str, ...]]]:
    return [(row, tuple(cells)) for row, cells in rows.items()]


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _ours() -> dict[str, str]:
    try:
        return {"ivr": version("ivr")}
    except PackageNotFoundError:
        return {}
