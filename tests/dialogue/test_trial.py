"""A flow tried out on some of the callers."""

from __future__ import annotations

import json

import pytest

from ivr.dialogue.flow import Flow
from ivr.dialogue.trial import Trial
from tests.dialogue.talking import BANK

USUAL = Flow.load(BANK)


def other() -> Flow:
    document = json.loads(BANK.read_text())
    document["name"] = "bank-b"
    document["templates"]["how_can_i_help"]["en"] = "What can I do for you?"
    return Flow.parse(json.dumps(document))


TRIED = other()
NUMBERS = [f"+9198{number:08d}" for number in range(4000)]


def test_without_a_trial_everybody_hears_the_same() -> None:
    trial = Trial(USUAL)
    assert {trial.flow_for(number, "x").version for number in NUMBERS} == {USUAL.version}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_share_of_the_callers_hears_the_other_one(share: float) -> None:
    trial = Trial(USUAL, TRIED, share)
    heard = sum(trial.flow_for(number, "x") is TRIED for number in NUMBERS) / len(NUMBERS)
    # Three standard deviations.
    assert abs(heard - share) <= 3 * (share * (1 - share) / len(NUMBERS)) ** 0.5


def test_a_caller_hears_the_same_one_in_every_call_and_on_every_worker() -> None:
    here, there = Trial(USUAL, TRIED, 0.5), Trial(USUAL, TRIED, 0.5)
    for number in NUMBERS[:100]:
        assert here.flow_for(number, "a") is there.flow_for(number, "b")


def test_who_joins_a_larger_share_was_not_taken_from_the_smaller() -> None:
    small, large = Trial(USUAL, TRIED, 0.2), Trial(USUAL, TRIED, 0.4)
    of_small = {number for number in NUMBERS if small.flow_for(number, "x") is TRIED}
    assert of_small < {number for number in NUMBERS if large.flow_for(number, "x") is TRIED}


def test_a_withheld_number_is_decided_by_the_call() -> None:
    trial = Trial(USUAL, TRIED, 0.5)
    assert {trial.flow_for("", f"call-{n}").name for n in range(50)} == {"bank", "bank-b"}


def test_a_version_is_found() -> None:
    trial = Trial(USUAL, TRIED, 0.5)
    assert trial.version(TRIED.version) is TRIED
    assert trial.version("gone") is None
