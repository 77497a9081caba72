"""The interpreter of each flow that scenarios name, made when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from ivr.nlu.spacy import SpacyInterpreter
from ivr.scenarios.scenario_file import Loaded
from ivr.settings import Settings, nlu_of


class Understanding:
    """Interpreters by the folder of what they were taught."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[Path, asyncio.Task[SpacyInterpreter]] = {}

    async def of(self, loaded: Loaded) -> SpacyInterpreter:
        """The interpreter for a scenario's flow. Raises BadTrainingData, ModelNotKept."""
        own = None if loaded.flow is None else nlu_of(loaded.flow)
        folder = (own or self._settings.nlu_dir).resolve()
        if folder not in self._made:
            making = asyncio.to_thread(SpacyInterpreter, folder, self._settings.var_dir / "nlu")
            self._made[folder] = asyncio.create_task(making)
        return await asyncio.shield(self._made[folder])

    async def ready(self, scenarios: Iterable[Loaded]) -> None:
        """Make those that will be needed, before any call is under way. Raises as `of` does."""
        for loaded in scenarios:
            await self.of(loaded)

    async def close(self) -> None:
        """Let go of all of them."""
        made = await asyncio.gather(*self._made.values(), return_exceptions=True)
        for interpreter in made:
            if isinstance(interpreter, SpacyInterpreter):
                await interpreter.close()
