"""The project's own scenarios with sound: in memory, and through a real Asterisk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.scenarios.loopback_level import loopback
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import again_summary, diff, gap_summary, summary
from ivr.scenarios.run import How, run
from ivr.scenarios.scenario_file import Loaded
from ivr.scenarios.switch_level import switch
from ivr.settings import Settings
from tests.e2e.stack import Stack
from tests.freeswitch.switch import FreeSwitch
from tests.telephony.asterisk.switch import AsteriskSwitch

HOW = How(jobs=16, again=1)


def judged(outcomes: list[Outcome], published: list[Loaded]) -> None:
    print(summary(outcomes, sum(outcome.seconds for outcome in outcomes)), gap_summary(outcomes))
    print(again_summary(outcomes))
    failed = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    assert not failed, "\n\n".join(diff(outcome) for outcome in failed)
    passed = [outcome for outcome in outcomes if outcome.verdict == "passed"]
    assert len(passed) >= len(published) / 3
    assert sum(outcome.tries > 1 for outcome in passed) <= len(passed) / 10


async def test_a_third_passes_in_memory(published: list[Loaded], tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    async with loopback(settings, published) as line:
        outcomes = await run(published, settings, "loopback", line.play, HOW)
    judged(outcomes, published)


@pytest.mark.asterisk
async def test_a_third_passes_through_a_real_asterisk(
    published: list[Loaded], scenario_stack: Stack, spoken_asterisk: AsteriskSwitch
) -> None:
    settings = Settings(var_dir=scenario_stack.folder)
    async with switch(settings, spoken_asterisk.sip_target()) as line:
        outcomes = await run(published, settings, "asterisk", line.play, HOW)
    judged(outcomes, published)


@pytest.mark.freeswitch
async def test_a_third_passes_through_a_real_freeswitch(
    published: list[Loaded], freeswitch_stack: tuple[Stack, FreeSwitch]
) -> None:
    stack, freeswitch = freeswitch_stack
    settings = Settings(var_dir=stack.folder)
    async with switch(settings, f"sip:100@127.0.0.1:{freeswitch.sip_port}") as line:
        outcomes = await run(published, settings, "freeswitch", line.play, HOW)
    judged(outcomes, published)
