"""Steps a second of the executor on one core: the bank's flow, a call of twelve turns.

python -m bench.dialogue_steps
"""

from __future__ import annotations

import itertools
import time
from datetime import date
from pathlib import Path

from ivr.benchmarks.results import machine, save
from ivr.dialogue.executor import begin, step
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied, Input, Said, Silence, Started
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent

_BANK = Path(__file__).resolve().parent.parent / "flows" / "bank.json"
_CALLS, _ROUNDS = 1000, 5


def _said(text: str, intent: str, *entities: tuple[str, str]) -> Said:
    return Said(
        interpretation=Interpretation(
            text=text,
            intents=(ScoredIntent(name=intent, confidence=0.95),),
            entities=tuple(
                Entity(kind=kind, value=value, text=value, start=0, end=1)
                for kind, value in entities
            ),
        )
    )


_CALL: tuple[Input | dict[str, str], ...] = (
    Started(language="en", speech_languages=frozenset({"en"})),
    _said("what is my balance", "check_balance"),
    _said("order me a pizza", "out_of_scope"),
    _said("four four seven", "give_value", ("digits", "447")),
    _said("four four seven one two three", "give_value", ("digits", "447123")),
    {"balance": "1250.00", "currency": "INR"},
    _said("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "raj")),
    {},
    Silence(rung=1),
    _said("yes", "affirm"),
    {"id": "T000001"},
    _said("no thank you", "deny"),
)


def steps_a_second(flow: Flow, calls: int) -> float:
    """Play the call over and over."""
    ids = itertools.count()
    today = date(2026, 11, 20)
    began = time.process_time()
    for _ in range(calls):
        state = begin(flow)
        for what in _CALL:
            happening = what
            if isinstance(happening, dict):
                assert state.pending is not None
                request_id = state.pending.request_id
                happening = ApiReplied(request_id=request_id, ok=True, status=200, data=what)
            state = step(flow, state, happening, today=today, new_id=lambda: f"{next(ids)}").state
        assert state.finished
    return calls * len(_CALL) / (time.process_time() - began)


def main() -> None:
    """Print the rate of each round, and keep it."""
    where = machine()
    flow = Flow.load(_BANK)
    steps_a_second(flow, 50)
    rates = [steps_a_second(flow, _CALLS) for _ in range(_ROUNDS)]
    print(f"{max(rates):,.0f} steps a second at best, {min(rates):,.0f} at worst")
    save(
        "dialogue-steps",
        title="The executor",
        order=70,
        text=f"Steps of the dialogue on one core: the bank's flow, a call of {len(_CALL)} steps, "
        f"{_CALLS:,} times over, {_ROUNDS} rounds.",
        command="python -m bench.dialogue_steps",
        rows={
            "steps a second": {"best round": round(max(rates)), "worst round": round(min(rates))}
        },
        where=where,
    )


if __name__ == "__main__":
    main()
