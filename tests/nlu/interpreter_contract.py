"""What every engine promises. A subclass gives the fixture `engine`, taught the bank's English."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ivr.nlu.interpreter import Interpretation, Interpreter

ACTED_ON = 0.7


class InterpreterContract:
    @pytest.fixture
    async def interpreter(self, engine: Interpreter) -> AsyncIterator[Interpreter]:
        yield engine
        await engine.close()

    def test_it_knows_its_languages(self, interpreter: Interpreter) -> None:
        assert "en" in interpreter.languages

    @pytest.mark.parametrize(
        ("said", "intent"),
        [
            ("whats my balance", "check_balance"),
            ("send fifty dollars to mary", "transfer_money"),
            ("i need to block my credit card", "block_card"),
            ("can i speak to a human", "talk_to_agent"),
            ("goodbye", "goodbye"),
            ("will it rain tomorrow", "out_of_scope"),
        ],
    )
    async def test_clear_sentences_are_acted_on(
        self, interpreter: Interpreter, said: str, intent: str
    ) -> None:
        found = await interpreter.interpret(said, "en")
        assert (found.intent, found.confidence >= ACTED_ON) == (intent, True), found.intents[:2]

    @pytest.mark.parametrize(
        "said", ["wibble wobble", "purple monkey dishwasher", "...", "\u0928\u092e"]
    )
    async def test_nonsense_is_not_acted_on(self, interpreter: Interpreter, said: str) -> None:
        found = await interpreter.interpret(said, "en")
        assert found.confidence < ACTED_ON or found.intent == "out_of_scope"

    async def test_intents_are_scored_best_first(self, interpreter: Interpreter) -> None:
        found = await interpreter.interpret("whats my balance", "en")
        scores = [intent.confidence for intent in found.intents]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
        assert len({intent.name for intent in found.intents}) == len(scores) > 1

    async def test_values_have_meaning_and_place(self, interpreter: Interpreter) -> None:
        said = "Pay two hundred and fifty rupees to john smith tomorrow by visa"
        found = await interpreter.interpret(said, "en")
        assert found.text == said
        assert [(entity.kind, entity.value) for entity in found.entities] == [
            ("amount", "250.00"),
            ("person", "John Smith"),
            ("date", "2026-07-16"),
            ("card_type", "visa"),
        ]
        for entity in found.entities:
            assert said[entity.start : entity.end] == entity.text

    async def test_it_says_which_model_spoke(self, interpreter: Interpreter) -> None:
        found = await interpreter.interpret("goodbye", "en")
        engine, _, version = found.model.partition(":")
        assert engine
        assert version.startswith("en-")
        assert found.model == (await interpreter.interpret("whats my balance", "en")).model

    async def test_no_words_and_no_model_give_no_intents(self, interpreter: Interpreter) -> None:
        assert await interpreter.interpret("  ", "en") == Interpretation(text="  ")
        assert await interpreter.interpret("hola", "xx") == Interpretation(text="hola")

    @pytest.mark.parametrize("said", ["whats my balance\x00\u2028", "balance " * 300])
    async def test_odd_text_is_answered(self, interpreter: Interpreter, said: str) -> None:
        found = await interpreter.interpret(said, "en")
        assert found.text == said
        assert found.intents

    async def test_calls_at_once_get_their_own_answers(self, interpreter: Interpreter) -> None:
        said = ["whats my balance", "goodbye"] * 10
        found = await asyncio.gather(*(interpreter.interpret(one, "en") for one in said))
        assert [one.text for one in found] == said
        assert {one.text: one.intent for one in found} == {
            "whats my balance": "check_balance",
            "goodbye": "goodbye",
        }

    async def test_closed_it_understands_nothing(self, interpreter: Interpreter) -> None:
        await interpreter.close()
        assert await interpreter.interpret("goodbye", "en") == Interpretation(text="goodbye")
