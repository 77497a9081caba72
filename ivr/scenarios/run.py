"""Running scenarios: several at once, each told of as soon as it is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ivr.dialogue.flow import Flow
from ivr.errors import IvrError
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.scenario import Level
from ivr.scenarios.scenario_file import Loaded
from ivr.scenarios.text_level import play_text
from ivr.scenarios.understanding import Understanding
from ivr.settings import Settings

Play = Callable[[Loaded, Flow, Outcome], Awaitable[None]]
"""Plays one scenario at one level and notes what came of it. Raises IvrError where the level
itself is broken."""

_LONGEST_S = 240.0
_TEXT_JOBS = 64


class Flows:
    """The flows that scenarios name, each loaded once."""

    def __init__(self, settings: Settings) -> None:
        self._own = settings.flow
        self._loaded: dict[Path, Flow] = {}

    def of(self, loaded: Loaded) -> Flow:
        """The flow that answers. Raises FlowError."""
        path = (loaded.flow or self._own).resolve()
        if path not in self._loaded:
            self._loaded[path] = Flow.load(path)
        return self._loaded[path]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How to run: `jobs` calls at once; `again`: how often a scenario is played again that failed
    where words were misheard, for no sound is twice the same; `times`: whether `within_ms` is
    judged; `tell` is called with each outcome when it is known."""

    jobs: int = 16
    again: int = 0
    times: bool = False
    tell: Callable[[Outcome], None] = lambda _: None


async def run_text(
    scenarios: Sequence[Loaded], settings: Settings, how: How = How()
) -> list[Outcome]:
    """Run at text level. Raises FlowError, and BadTrainingData from the interpreter."""
    understanding = Understanding(settings)

    async def play(loaded: Loaded, flow: Flow, outcome: Outcome) -> None:
        await play_text(loaded, flow, await understanding.of(loaded), outcome)

    try:
        # Nothing is computed for long, and what goes wrong on purpose is waited for.
        return await run(scenarios, settings, "text", play, replace(how, jobs=_TEXT_JOBS))
    finally:
        await understanding.close()


async def run(
    scenarios: Sequence[Loaded], settings: Settings, level: Level, play: Play, how: How = How()
) -> list[Outcome]:
    """Run the scenarios that are for `level`; the others are skipped. Raises FlowError."""
    flows = Flows(settings)
    outcomes = [Outcome(loaded=loaded, level=level, times=how.times) for loaded in scenarios]
    waiting: list[tuple[Outcome, Flow]] = []
    for outcome in outcomes:
        if level in outcome.loaded.scenario.at:
            waiting.append((outcome, flows.of(outcome.loaded)))
        else:
            outcome.skipped, outcome.why = True, f"it is not for {level} level"
            how.tell(outcome)
    # The longest first, so that they do not keep everybody waiting in the end.
    waiting.sort(key=lambda each: -len(each[0].loaded.scenario.steps))
    queue = iter(waiting)

    async def work() -> None:
        for outcome, flow in queue:
            began = time.monotonic()
            await _play(play, outcome, flow)
            while outcome.verdict == "failed" and outcome.misheard and outcome.tries <= how.again:
                outcome.begin_again()
                await _play(play, outcome, flow)
            outcome.seconds = time.monotonic() - began
            how.tell(outcome)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(how.jobs, len(waiting))):
            group.create_task(work())
    return outcomes


async def _play(play: Play, outcome: Outcome, flow: Flow) -> None:
    try:
        async with asyncio.timeout(_LONGEST_S):
            await play(outcome.loaded, flow, outcome)
    except TimeoutError:
        outcome.why = f"it was not over after {_LONGEST_S:g} s"
    except IvrError as error:
        outcome.why = str(error)
