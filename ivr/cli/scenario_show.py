"""Scenarios as people watch them run."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import again_summary, diff, gap_summary, transcript


class Show:
    """Shows each outcome as it comes. `quiet`: only failures, and on stderr."""

    def __init__(self, scenarios: int, *, quiet: bool, verbose: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._console = Console(stderr=quiet, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=quiet,
        )
        self._task = self._progress.add_task("scenarios", total=scenarios)

    def tell(self, outcome: Outcome) -> None:
        """Take an outcome."""
        self._progress.advance(self._task)
        if outcome.verdict == "failed":
            self._console.print(Text(diff(outcome), style="red"))
        elif self._verbose and not self._quiet and outcome.verdict == "passed":
            self._console.print(Text(f"{outcome.loaded.name}  ({outcome.seconds:.1f} s)", "bold"))
            for line in transcript(outcome):
                self._console.print(Text(f"    {line}"))

    def summary(self, outcomes: Sequence[Outcome], document: dict[str, int | float]) -> None:
        """Say what came of it all."""
        if self._quiet:
            return
        if gaps := gap_summary(outcomes):
            click.echo(gaps)
        if again := again_summary(outcomes):
            click.echo(again)
        words = ", ".join(f"{document[name]} {name}" for name in ("passed", "failed", "skipped"))
        style = "bold red" if document["failed"] else "bold green"
        self._console.print(Text(f"{words}, in {document['seconds']} s", style))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
