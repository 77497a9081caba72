"""Options whose order matters: `--say yes --keys 1 --say no` is a small script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from ivr.conversation.keys import KEYS


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a caller does: `what` is "say", "wav" or "keys"; `value` the words, the file or
    the keys."""

    what: str
    value: str


class SteppedCommand(click.Command):
    """A command whose options in `STEPS` are kept in the order in which they were given, as
    `ctx.meta["steps"]`."""

    STEPS = ("say", "wav", "keys")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click.Command."""
        ctx.meta["steps"] = _steps(args, self.STEPS)
        return super().parse_args(ctx, args)


def _steps(args: Sequence[str], names: Sequence[str]) -> list[Step]:
    steps = []
    rest = iter(args)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in names:
            continue
        steps.append(Step(name, value if equals else next(rest, "")))
    return steps


def split_keys(value: str) -> list[str]:
    """Cut "1,2#" into entries, "1" and "2#". Raises click.BadParameter for what is no key."""
    entries = [entry.strip() for entry in value.split(",") if entry.strip()]
    for entry in entries:
        for key in entry:
            if key not in KEYS:
                raise click.BadParameter(f"{key!r} is no key of a telephone; there are 0-9 * #.")
    return entries
