"""A transfer is made once, whatever happens on the way, and what is said of it is true.

The bank is the example's own, in process; between it and the dialogue everything is lost, late or
cut that can be, workers die, and the caller says yes again and again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from urllib.parse import unquote

import pytest

from ivr.dialogue.actions import CallApi, HangUp, Listen, TransferTo
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied, Resumed
from ivr.integrations.bank_api import BankApi
from tests.dialogue.talking import BANK, Talk, heard

FLOW = Flow.load(BANK)
DONE = "It is done. I have sent fifty rupees"
TRUE_WHEN_DONE = (DONE, "I can not say if the transfer was made")
TRUE_WHEN_NOT = (
    "As of now no money was sent",
    "All right, no money was sent",
    "I can not say if the transfer was made",
    "I can not reach the system of the bank now",
)


@dataclass
class Run:
    """One call under one kind of weather."""

    dice: random.Random
    bank: BankApi = field(default_factory=BankApi)
    late: list[ApiReplied] = field(default_factory=list)
    confirmed: int = 0
    said: list[str] = field(default_factory=list)

    def call(self) -> None:
        talk = Talk(FLOW)
        wish = heard("send fifty rupees to raj", "transfer_money", ("amount", "50.00"),
                     ("person", "raj"))  # fmt: skip
        self.hear(talk.put(wish))
        for _ in range(80):
            if isinstance(talk.wait, HangUp | TransferTo):
                return
            if self.dice.random() < 0.08:
                talk.takeover()
                self.hear(talk.put(Resumed()))
            elif isinstance(talk.wait, CallApi):
                self.answer(talk, talk.wait)
            else:
                self.speak(talk)
        talk.say("goodbye")

    def answer(self, talk: Talk, request: CallApi) -> None:
        fate = self.dice.choice(["fine", "fine", "cut before", "cut after", "late", "killed"])
        reply = None if fate == "cut before" else self.ask(request)
        if reply is not None and fate == "fine":
            self.hear(talk.put(reply))
        elif fate == "killed":
            talk.takeover()
            self.hear(talk.put(Resumed()))
        else:
            if reply is not None and fate == "late":
                self.late.append(reply)
            self.hear(talk.put(ApiReplied(request_id=request.request_id, ok=False, error="lost")))
        if self.late and self.dice.random() < 0.5:
            self.hear(talk.put(self.late.pop()))

    def ask(self, request: CallApi) -> ApiReplied:
        key = request.idempotency_key or ""
        answer, _ = self.bank.answer(request.method, unquote(request.path), key, request.body)
        assert answer is not None
        status = int(answer[0])
        return ApiReplied(
            request_id=request.request_id, ok=status < 300, status=status, data=answer[1]
        )

    def speak(self, talk: Talk) -> None:
        assert isinstance(talk.wait, Listen)
        node = talk.state.node
        if node in ("transfer_confirm", "transfer_again"):
            self.confirmed += node == "transfer_confirm"
            answer = self.dice.choice(["yes", "yes", "yes", "no"])
            self.hear(talk.say(answer))
        elif node in ("anything_else", "main"):
            if any(DONE in text for text in self.said) or self.dice.random() < 0.3:
                self.hear(talk.say("no thank you" if node == "anything_else" else "goodbye"))
            else:
                # They repeat the same wish: it is the same transfer as long as it is in doubt.
                self.hear(talk.say("send fifty rupees to raj", "transfer_money",
                                   ("amount", "50.00"), ("person", "raj")))  # fmt: skip
        elif talk.expect.keys is not None and talk.expect.keys.most == 6:
            self.hear(talk.key("447123"))
        else:
            self.hear(talk.say("no"))

    def hear(self, texts: list[str]) -> None:
        self.said += texts


@pytest.mark.parametrize("block", range(10))
def test_in_five_hundred_calls_no_transfer_is_made_twice(block: int) -> None:
    made = 0
    for seed in range(block * 50, block * 50 + 50):
        run = Run(random.Random(seed))
        run.call()
        transfers = run.bank.transfers
        assert transfers <= 1, (seed, run.said)
        assert transfers <= run.confirmed, (seed, run.said)
        made += transfers
        about = [text for text in run.said if text.startswith((*TRUE_WHEN_DONE, *TRUE_WHEN_NOT))]
        if any(text.startswith(DONE) for text in run.said):
            assert transfers == 1, (seed, run.said)
        if transfers:
            # The last word about it does not deny it.
            assert about, (seed, run.said)
            assert about[-1].startswith(TRUE_WHEN_DONE) or "check your balance" in about[-1], (
                seed,
                about,
            )
    assert 5 <= made <= 50
