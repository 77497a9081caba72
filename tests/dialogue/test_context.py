"""What was spoken of: more about it, the other one, corrections, what was interrupted."""

from __future__ import annotations

import pytest

from ivr.dialogue.context import weight
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import Said
from ivr.dialogue.topic import Topic
from ivr.nlu.interpreter import Interpretation, ScoredIntent
from tests.dialogue.talking import BANK, Talk, heard

FLOW = Flow.load(BANK)
ACCOUNT = {"balance": "1250.00", "currency": "INR"}


def at_balance(account: str = "447123") -> Talk:
    talk = Talk(FLOW)
    talk.say("balance", "check_balance", ("digits", account))
    talk.reply(200, ACCOUNT)
    return talk


def at_confirmation() -> Talk:
    talk = Talk(FLOW)
    talk.say("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "raj"))
    talk.key("447123")
    talk.reply(200, ACCOUNT)
    return talk


def test_more_is_told_about_what_was_told_last() -> None:
    talk = at_balance()
    more = talk.say("tell me more about it")
    assert more[0] == "That is the account four four seven, one two three, as it is now."
    assert talk.state.node == "anything_else"
    assert talk.say("tell me more")[0] == "That is all I know about it."


def test_a_topic_fades() -> None:
    talk = at_balance()
    for _ in range(5):
        talk.say("hmm")
        talk.state = talk.state.with_(misunderstood=0)
    assert talk.say("tell me more")[0] == "What is it about?"
    topic = Topic(task="x", slots={}, turn=3)
    assert weight(topic, 3) == 1
    assert weight(topic, 4) > weight(topic, 5) > 0
    assert weight(topic, 1) == 1


def test_where_nothing_was_told_more_of_it_is_asked_about() -> None:
    talk = Talk(FLOW)
    assert talk.say("tell me more") == ["What is it about?", "How can I help you today?"]
    assert talk.say("and the other one") == ["What is it about?", "How can I help you today?"]


def test_the_other_one_of_two_accounts() -> None:
    talk = at_balance("447123")
    talk.say("balance of 556677", "check_balance", ("digits", "556677"))
    talk.state = talk.state.with_(slots={})
    talk = at_balance("447123")
    talk.say("start over")
    talk.say("balance of 556677", "check_balance", ("digits", "556677"))
    talk.reply(200, ACCOUNT)
    talk.say("and the other one?")
    assert talk.request.path == "/accounts/447123"
    talk.reply(200, ACCOUNT)
    talk.say("and the other one?")
    assert talk.request.path == "/accounts/556677"


def test_another_one_never_spoken_of_is_asked_for() -> None:
    talk = at_balance()
    assert talk.say("and the other one") == ["All right.", "What is your account number?"]
    talk.key("556677")
    assert talk.request.path == "/accounts/556677"


def test_the_other_of_two_kinds() -> None:
    talk = Talk(FLOW)
    talk.say("block my debit card", "block_card", ("card_type", "debit"))
    talk.key("4711")
    talk.say("yes")
    talk.reply(201, {"id": "B1"})
    assert talk.say("and the other one")[-1] == "What are the last four digits of the card?"
    assert talk.state.slots["card_type"] == "credit"
    assert "last_four" not in talk.state.slots


@pytest.mark.parametrize(
    ("text", "entity", "slot", "value"),
    [
        ("no i mean sixty", ("amount", "60.00"), "amount", "60.00"),
        ("no to priya", ("person", "priya"), "beneficiary", "priya"),
        ("sorry sixty rupees", ("amount", "60"), "amount", "60.00"),
    ],
)
def test_a_correction_puts_the_value_right_and_asks_again(
    text: str, entity: tuple[str, str], slot: str, value: str
) -> None:
    talk = at_confirmation()
    texts = talk.say(text, "give_value", entity)
    assert talk.state.slots[slot] == value
    assert talk.state.node == "transfer_confirm"
    assert texts[0] == "All right."
    assert texts[-1].startswith("You want to send")
    talk.say("yes")
    assert talk.request.body == {
        "from": "447123",
        "to": "123456" if value == "priya" else "556677",
        "amount": "60.00" if slot == "amount" else "50.00",
    }


def test_a_corrected_account_is_checked_again() -> None:
    talk = at_confirmation()
    talk.say("no the account is 556677", "give_value", ("digits", "556677"))
    assert talk.request.path == "/accounts/556677"
    talk.reply(200, ACCOUNT)
    assert talk.texts == ["You want to send fifty rupees to raj. Is that right?"]


def test_a_plain_no_corrects_nothing() -> None:
    talk = at_confirmation()
    assert talk.say("no", "deny")[0] == "All right, no money was sent."
    talk = at_confirmation()
    assert talk.say("no fifty rupees to raj", "deny", ("amount", "50.00"))[0].startswith(
        "All right"
    )
    assert talk.state.node == "anything_else"


def test_what_was_interrupted_is_resumed_at_its_clause() -> None:
    talk = at_balance()
    rest = ("Second clause.", "Is there anything else I can do for you?")
    said = heard("wait")
    talk.put(Said(interpretation=said.interpretation, asr_confidence=0.9, unheard=rest))
    talk.say("hello", "greet")
    assert talk.say("go on") == list(rest)
    assert talk.say("go on") == list(rest)
    assert talk.state.node == "anything_else"


def test_where_nothing_was_interrupted_it_is_said_again() -> None:
    talk = at_balance()
    first = talk.texts
    assert talk.say("go on") == first


def test_slower_is_slower_from_now_on() -> None:
    talk = at_balance()
    first = talk.texts
    assert talk.say("could you speak slower please") == first
    assert all(getattr(action, "slow", True) for action in talk.actions)
    talk.say("my balance", "check_balance")
    assert talk.actions[0] is not None
    assert talk.state.slow


@pytest.mark.parametrize(
    ("said", "code"), [("hindi", "hi"), ("can you speak spanish please", "es"), ("in hindi", "hi")]
)
def test_the_name_of_a_language_switches_to_it_anywhere(said: str, code: str) -> None:
    talk = Talk(FLOW, speech=("en", "hi", "es"))
    talk.say("block my card", "block_card")
    talk.say(said)
    assert (talk.state.language, talk.state.node) == (code, "block_type")


def test_change_language_asks_which_one() -> None:
    talk = Talk(FLOW, speech=("en", "hi", "es"))
    texts = talk.say("change the language")
    assert [text.split()[0] for text in texts] == ["For", "हिन्दी", "Para"]
    assert talk.key("3")[0] == "¿En qué le puedo ayudar?"
    assert talk.state.language == "es"
    talk.say("cambiar de idioma")
    talk.say("hindi")
    assert talk.state.language == "hi"


def close(*scores: tuple[str, float]) -> Said:
    return Said(
        interpretation=Interpretation(
            text="card money",
            intents=tuple(ScoredIntent(name=name, confidence=sure) for name, sure in scores),
        )
    )


def test_of_two_close_intents_the_caller_chooses() -> None:
    for answer, node in (("the first one", "transfer_account"), ("block a card", "block_type")):
        talk = Talk(FLOW)
        texts = talk.put(close(("transfer_money", 0.45), ("block_card", 0.40)))
        assert texts == ["Did you mean to send money, or to block a card?"]
        talk.say(answer)
        assert talk.state.node == node
        assert talk.state.aside == ""
    talk = Talk(FLOW)
    talk.put(close(("transfer_money", 0.45), ("block_card", 0.40)))
    talk.key("2")
    assert talk.state.node == "block_type"


@pytest.mark.parametrize(
    "scores",
    [
        (("transfer_money", 0.6), ("block_card", 0.3)),
        (("transfer_money", 0.2), ("block_card", 0.2)),
        (("transfer_money", 0.45), ("out_of_scope", 0.4)),
        (("transfer_money", 0.45),),
    ],
)
def test_what_is_not_close_is_not_asked_about(scores: tuple[tuple[str, float], ...]) -> None:
    talk = Talk(FLOW)
    assert talk.put(close(*scores))[0] == "I did not understand that."


def test_an_answer_that_helps_nothing_goes_down_the_ladder() -> None:
    talk = Talk(FLOW)
    talk.put(close(("transfer_money", 0.45), ("block_card", 0.40)))
    for _ in range(4):
        talk.say("xyzzy")
    assert talk.state.verdict == "agent"


def test_nothing_empty_is_gone_on_with() -> None:
    talk = Talk(FLOW)
    talk.put(
        Said(interpretation=Interpretation(text="x"), asr_confidence=0.1, unheard=("", "\x00"))
    )
    assert talk.say("go on") == talk.say("repeat")
