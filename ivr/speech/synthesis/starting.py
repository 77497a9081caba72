"""Starting the engines that settings name, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from ivr.errors import IvrError
from ivr.speech.synthesis.engines import KINDS
from ivr.speech.synthesis.supervised import SynthesisProcess

LAST = "espeak"
"""The engine that speaks where no other is named, and when all others fail."""

_log = structlog.get_logger(__name__)


async def start_engines(
    engines: Sequence[str], models: Mapping[str, Sequence[str]]
) -> tuple[list[SynthesisProcess], tuple[str, ...]]:
    """Start those of `engines` that are names, and return the processes and the addresses of all,
    in order. One that cannot be started is said in the log, and the others speak.

    Raises IvrError where there is none.
    """
    processes: list[SynthesisProcess] = []

    async def address(engine: str) -> str | IvrError:
        if engine not in KINDS:
            return engine
        process = SynthesisProcess(kind=engine, models=models.get(engine, ()))
        try:
            await process.start()
        except IvrError as error:
            await process.stop()
            return error
        processes.append(process)
        return process.url

    found = await asyncio.gather(*map(address, engines))
    addresses = tuple(each for each in found if isinstance(each, str))
    for engine, each in zip(engines, found, strict=True):
        if isinstance(each, IvrError):
            if not addresses:
                raise each
            _log.warning("synthesis_engine_missing", engine=engine, reason=str(each))
    return processes, addresses
