"""What a caller waits for an answer when Rasa freezes or dies, and when it is back.

    make rasa && ivrctl nlu train --engine rasa --language en
    python -m bench.rasa_away

A real Rasa server behind `FallbackInterpreter`, as in a worker, with the patience that calls have.
Frozen is SIGSTOP, killed SIGKILL; a round ends when Rasa has been used again.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.progress import track

from ivr.benchmarks.results import Cell, machine, save
from ivr.cli.nlu_engines import rasa_models_dir
from ivr.cli.nlu_options import cache_dir
from ivr.errors import IvrError
from ivr.nlu.fallback import FallbackInterpreter
from ivr.nlu.rasa import RasaInterpreter
from ivr.nlu.rasa_server import RasaServer
from ivr.nlu.spacy import SpacyInterpreter
from ivr.ports import free_ports
from ivr.settings import PROJECT

_BANK = PROJECT / "nlu_models" / "bank"
_SAID = "what is my balance"
_BACK_S = 60.0


async def _asked(both: FallbackInterpreter) -> tuple[float, str]:
    """Ms until the right answer, and the engine that gave it. Raises IvrError for a wrong one."""
    begun = time.monotonic()
    found = await both.interpret(_SAID, "en")
    spent = (time.monotonic() - begun) * 1000
    if found.intent != "check_balance":
        raise IvrError(f"{found.model} takes {_SAID!r} for {found.intent!r}.")
    return spent, found.model.partition(":")[0]


async def _asked_away(both: FallbackInterpreter) -> float:
    """Ms until the answer while Rasa is away. Raises IvrError where Rasa gave it all the same."""
    spent, engine = await _asked(both)
    if engine == "rasa":
        raise IvrError("Rasa answered, who is away.")
    return spent


async def _asked_rasa(both: FallbackInterpreter) -> float:
    """Ms until Rasa's answer; where a busy machine makes it too slow once, it is waited for."""
    while True:
        await _back(both)
        spent, engine = await _asked(both)
        if engine == "rasa":
            return spent


async def _back(both: FallbackInterpreter) -> float:
    """S until Rasa is asked again."""
    begun = time.monotonic()
    while not both.uses_remote("en"):
        if time.monotonic() - begun > _BACK_S:
            raise IvrError("Rasa is back, and is not used again.")
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


def _row(times_ms: Sequence[float], back_s: Sequence[float] = ()) -> dict[str, Cell]:
    return {
        "answers": len(times_ms),
        "p50, ms": round(float(np.percentile(times_ms, 50)), 1),
        "p95, ms": round(float(np.percentile(times_ms, 95)), 1),
        "longest, ms": round(max(times_ms), 1),
        "used again after, at most, s": round(max(back_s), 1) if back_s else None,
    }


async def _measured(model: Path, freezes: int, deaths: int) -> dict[str, dict[str, Cell]]:
    port = free_ports(1)[0]
    server = RasaServer(model, port=port)
    local = SpacyInterpreter(_BANK, cache_dir())
    both = FallbackInterpreter(RasaInterpreter({"en": server.url}, _BANK), local)
    usual: list[float] = []
    away: list[float] = []
    first: dict[str, list[float]] = {"frozen": [], "killed": []}
    back: dict[str, list[float]] = {"frozen": [], "killed": []}
    try:
        await asyncio.to_thread(server.wait)
        await _asked_rasa(both)
        usual += [await _asked_rasa(both) for _ in range(100)]
        for number in track(range(freezes + deaths), description="Rasa away"):
            how = "frozen" if number < freezes else "killed"
            sign = signal.SIGSTOP if how == "frozen" else signal.SIGKILL
            server.process.send_signal(sign)
            if how == "killed":
                server.process.wait()
            first[how].append(await _asked_away(both))
            away += [await _asked_away(both) for _ in range(5)]
            if how == "frozen":
                server.process.send_signal(signal.SIGCONT)
            else:
                server.stop()
                server = RasaServer(model, port=port)
                await asyncio.to_thread(server.wait)
            back[how].append(await _back(both))
            await _asked_rasa(both)
    finally:
        await both.close()
        server.process.send_signal(signal.SIGCONT)
        server.stop()
    return {
        "Rasa, as usual": _row(usual),
        "Rasa frozen: the first answer": _row(first["frozen"], back["frozen"]),
        "Rasa killed: the first answer": _row(first["killed"], back["killed"]),
        "while it is away": _row(away),
    }


@click.command()
@click.option("--freezes", default=20, show_default=True)
@click.option("--deaths", default=3, show_default=True)
def main(freezes: int, deaths: int) -> None:
    """Freeze and kill a real Rasa, and measure the answers."""
    where = machine()
    model = rasa_models_dir(cache_dir()) / "bank-en.tar.gz"
    if not model.is_file():
        raise IvrError(
            f"There is no {model}.", remedy="Run `ivrctl nlu train --engine rasa --language en`."
        )
    rows = asyncio.run(_measured(model, freezes, deaths))
    for name, row in rows.items():
        click.echo(f"{name}: {row}")
    save(
        "rasa-away",
        title="Rasa away",
        order=61,
        text="A real Rasa server behind the fall-back of a worker, asked the same sentence: as "
        "usual, frozen (SIGSTOP) or killed (SIGKILL) just before it is asked, and meanwhile, when "
        "the engine in process (`spacy`) answers. Used again: from the moment it could answer.",
        command="python -m bench.rasa_away",
        rows=rows,
        where=where,
        versions={"rasa": "3.6.21"},
    )


if __name__ == "__main__":
    main()
