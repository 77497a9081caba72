"""The bank's flow, as callers live it."""

from __future__ import annotations

import pytest

from ivr.dialogue.actions import HangUp, Listen, Say, TransferTo
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import Resumed
from tests.dialogue.talking import BANK, Talk

FLOW = Flow.load(BANK)
ACCOUNT = {"number": "447123", "holder": "anna", "balance": "1250.00", "currency": "INR"}


def english(speech: tuple[str, ...] = ("en",)) -> Talk:
    return Talk(FLOW, speech=speech)


def at_account(talk: Talk) -> Talk:
    talk.say("what is my balance", "check_balance")
    return talk


def at_confirmation() -> Talk:
    talk = english()
    # The engine writes names as names are written.
    talk.say("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "Raj"))
    talk.key("447123")
    talk.reply(200, ACCOUNT)
    assert talk.texts == ["You want to send fifty rupees to raj. Is that right?"]
    return talk


def at_post() -> Talk:
    talk = at_confirmation()
    talk.say("yes", "affirm")
    return talk


def test_the_language_menu_speaks_each_language_until_one_is_chosen() -> None:
    talk = Talk(FLOW, language=None)
    says = [action for action in talk.actions if isinstance(action, Say)]
    assert [say.language for say in says] == ["en", "hi", "es"]
    assert talk.expect.keys is not None
    assert talk.expect.keys.most == 1
    assert talk.expect.phrases is not None
    assert "hindi" in talk.expect.phrases
    assert not talk.state.language_known
    texts = talk.say("english")
    assert talk.state.language == "en"
    assert talk.state.language_known
    assert texts[-1] == "How can I help you today?"


def test_two_silences_take_the_default_language() -> None:
    talk = Talk(FLOW, language=None)
    talk.silence(1)
    talk.silence(2)
    assert (talk.state.language, talk.state.node) == ("en", "main")


def test_the_welcome_is_long_enough_to_be_interrupted_and_can_be_rendered_beforehand() -> None:
    first = english().actions[0]
    assert isinstance(first, Say)
    assert first.static
    assert first.interruptible
    assert len(first.text.split()) >= 16


def test_balance_spoken() -> None:
    talk = at_account(english())
    assert talk.texts == ["What is your account number?"]
    assert talk.expect.spoken_digits == 6
    assert talk.expect.phrases is not None
    assert {"double", "oh", "nine"} <= set(talk.expect.phrases)
    assert talk.expect.keys is not None
    assert talk.expect.keys.most == 6
    talk.say("double four seven one two three", "give_value", ("digits", "447123"))
    assert (talk.request.method, talk.request.path) == ("GET", "/accounts/447123")
    assert talk.request.idempotency_key is None
    assert talk.reply(200, ACCOUNT) == [
        "The balance of your account is one thousand two hundred and fifty rupees.",
        "Is there anything else I can do for you?",
    ]
    assert talk.say("no thank you", "deny") == ["Thank you for your call. Goodbye."]
    assert isinstance(talk.wait, HangUp)
    assert (talk.state.finished, talk.state.verdict) == (True, "hangup")


def test_the_account_of_the_first_sentence_is_not_asked_for_again() -> None:
    talk = english()
    talk.say("balance of 447123 please", "check_balance", ("digits", "447123"))
    assert talk.request.path == "/accounts/447123"


def test_an_unknown_account_is_asked_again_twice_then_an_agent_helps() -> None:
    talk = at_account(english())
    for _ in range(2):
        talk.key("111111")
        texts = talk.reply(404)
        assert texts[0].startswith("I can not find an account")
        assert isinstance(talk.wait, Listen)
        assert talk.state.node == "balance_account"
    talk.key("111111")
    talk.reply(404)
    assert talk.wait == TransferTo(destination="agent")


def test_a_known_account_that_turns_out_wrong_is_asked_for() -> None:
    talk = english()
    talk.say("balance of 111111", "check_balance", ("digits", "111111"))
    talk.reply(404)
    assert talk.state.node == "balance_account"
    assert isinstance(talk.wait, Listen)


def test_the_account_outlives_a_task_but_the_amount_does_not() -> None:
    talk = at_post()
    talk.reply(201, {"id": "T000001", "status": "done"})
    talk.say("send money to priya", "transfer_money", ("person", "priya"))
    talk.reply(200, ACCOUNT)
    assert talk.texts == ["How much would you like to send?"]
    talk.say("ten rupees", "give_value", ("amount", "10.00"))
    assert talk.texts == ["You want to send ten rupees to priya. Is that right?"]


def test_transfer_with_everything_asked_for() -> None:
    talk = english()
    assert "account" in talk.say("transfer money", "transfer_money")[0]
    talk.say("447123", "give_value", ("digits", "447123"))
    assert talk.reply(200, ACCOUNT) == ["How much would you like to send?"]
    assert "Anna" in talk.say("fifty rupees", "give_value", ("amount", "50.00"))[0]
    assert talk.say("to raj", "give_value", ("person", "raj")) == [
        "You want to send fifty rupees to raj. Is that right?"
    ]
    talk.say("yes", "affirm")
    request = talk.request
    assert (request.method, request.path) == ("POST", "/transfers")
    assert request.body == {"from": "447123", "to": "556677", "amount": "50.00"}
    assert request.idempotency_key
    texts = talk.reply(201, {"id": "T000042", "status": "done"})
    assert texts[0].endswith("The last four digits of your transfer number are zero zero four two.")


def test_a_no_sends_nothing() -> None:
    talk = at_confirmation()
    assert talk.say("no", "deny")[0] == "All right, no money was sent."
    assert talk.state.node == "anything_else"


def test_a_declined_transfer_is_said_honestly() -> None:
    talk = at_post()
    assert "declined" in talk.reply(422, {"error": "insufficient_funds"})[0]
    assert talk.state.changes == {}


@pytest.mark.parametrize("status", [0, 500, 503, 408, 409])
def test_a_transfer_in_doubt_is_asked_for_not_repeated(status: int) -> None:
    talk = at_post()
    key = talk.request.idempotency_key
    talk.reply(status)
    assert (talk.request.method, talk.request.path) == ("GET", f"/transfers/{key}")
    texts = talk.reply(200, {"id": "T000001", "status": "done"})
    assert texts[0].startswith("It is done.")


def test_a_transfer_that_was_not_made_is_tried_again_under_the_same_key() -> None:
    talk = at_post()
    key = talk.request.idempotency_key
    talk.reply(0)
    assert "not made yet" in talk.reply(404)[0]
    talk.say("yes", "affirm")
    assert talk.request.method == "POST"
    assert talk.request.idempotency_key == key
    talk.reply(0)
    talk.reply(404)
    assert isinstance(talk.wait, Listen)


def test_a_fate_that_nobody_knows_is_admitted_and_an_agent_helps() -> None:
    talk = at_post()
    talk.reply(0)
    assert talk.reply(0)[0].startswith("I can not say if the transfer was made.")
    assert talk.wait == TransferTo(destination="agent")


def test_after_a_success_the_same_transfer_is_another_one() -> None:
    talk = at_post()
    first = talk.request.idempotency_key
    talk.reply(0)
    talk.reply(200, {"id": "T000001"})
    talk.say("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "raj"))
    talk.reply(200, ACCOUNT)
    talk.say("yes", "affirm")
    assert talk.request.idempotency_key not in (None, first)


def test_a_worker_that_dies_before_the_answer_never_repeats_the_transfer() -> None:
    talk = at_post()
    key = talk.request.idempotency_key
    talk.takeover()
    texts = talk.put(Resumed())
    assert texts[0] == "We lost you for a moment, but I am here again."
    assert (talk.request.method, talk.request.path) == ("GET", f"/transfers/{key}")


def test_a_worker_that_dies_while_reading_reads_again() -> None:
    talk = at_account(english())
    talk.key("447123")
    first = talk.request
    talk.takeover()
    talk.put(Resumed())
    assert talk.request.path == first.path
    assert talk.request.request_id != first.request_id


def test_a_worker_that_dies_while_listening_asks_again() -> None:
    talk = at_account(english())
    talk.takeover()
    assert talk.put(Resumed()) == [
        "We lost you for a moment, but I am here again.",
        "What is your account number?",
    ]


def test_blocking_a_card() -> None:
    talk = english()
    talk.say("block my card", "block_card")
    talk.say("it's my credit card", "give_value", ("card_type", "credit"))
    assert talk.state.node == "block_last_four"
    talk.key("4711")
    assert talk.texts == [
        "I will block the credit card with the last four digits four seven one one. Is that right?"
    ]
    talk.key("1")
    assert talk.request.body == {"type": "credit", "last4": "4711"}
    assert talk.request.idempotency_key
    assert talk.reply(201, {"id": "B000001"})[0].startswith("Your card is blocked")


def test_the_kind_of_card_in_the_first_sentence_is_taken() -> None:
    talk = english()
    talk.say("block my debit card", "block_card", ("card_type", "debit"))
    assert talk.state.node == "block_last_four"


def test_an_agent_is_one_word_away_everywhere() -> None:
    for talk in (english(), at_account(english()), at_confirmation()):
        talk.say("i want to talk to an agent", "talk_to_agent")
        assert talk.wait == TransferTo(destination="agent")
        assert talk.state.verdict == "agent"
        talk.takeover()


def test_another_task_is_heard_in_the_middle_of_a_question() -> None:
    talk = at_account(english())
    texts = talk.say("no wait block my credit card", "block_card", ("card_type", "credit"))
    assert texts == ["All right.", "What are the last four digits of the card?"]
    assert talk.state.task == "block_card"


def test_the_same_task_said_again_does_not_begin_anew() -> None:
    talk = at_account(english())
    texts = talk.say("i said my balance", "check_balance")
    assert texts[0] == "I did not understand that."
    assert talk.state.misunderstood == 1


def test_no_task_begins_before_the_language_is_known() -> None:
    talk = Talk(FLOW, language=None)
    talk.say("my balance", "check_balance")
    assert talk.state.node == "language_menu"


def test_an_answer_may_tell_what_comes_next() -> None:
    talk = english()
    talk.say("send money", "transfer_money")
    talk.key("447123")
    talk.reply(200, ACCOUNT)
    talk.say("fifty rupees to raj", "give_value", ("amount", "50"), ("person", "raj"))
    assert talk.texts == ["You want to send fifty rupees to raj. Is that right?"]


def test_hindi_by_keys_alone_reaches_every_goal() -> None:
    talk = Talk(FLOW, language=None, speech=("en",))
    texts = talk.key("2")
    assert "बटन" in texts[0]
    assert talk.expect.speech is False
    assert talk.expect.phrases is None
    talk.key("1")
    assert talk.expect.speech is False
    assert talk.expect.spoken_digits == 0
    talk.key("447123")
    texts = talk.reply(200, ACCOUNT)
    assert texts[0] == "आपके खाते में एक हज़ार दो सौ पचास रुपये हैं।"
    talk.key("2")
    talk.reply(200, ACCOUNT)
    talk.key("50")
    talk.key("2")
    assert talk.texts[0] == "आप प्रिया को पचास रुपये भेजना चाहते हैं। क्या यह सही है?"
    assert talk.texts[1] == "हाँ के लिए एक दबाइए, नहीं के लिए दो दबाइए।"
    talk.key("1")
    assert talk.request.body == {"from": "447123", "to": "123456", "amount": "50.00"}
    talk.reply(201, {"id": "T000001"})
    talk.key("3")
    talk.key("1")
    talk.key("4711")
    talk.key("1")
    talk.reply(201, {})
    talk.key("9")
    assert isinstance(talk.wait, HangUp)
    assert all(say.language == "hi" for say in talk.actions if isinstance(say, Say))


def test_hindi_spoken() -> None:
    talk = Talk(FLOW, language="hi", speech=("en", "hi"))
    talk.say("मेरा बैलेंस बताओ", "check_balance")
    assert talk.expect.phrases is not None
    assert "डबल" in talk.expect.phrases
    talk.say("चार चार सात एक दो तीन", "give_value", ("digits", "447123"))
    talk.reply(200, ACCOUNT)
    assert talk.say("नहीं") == ["कॉल करने के लिए धन्यवाद। नमस्ते।"]


def test_a_language_the_flow_lacks_leads_to_the_menu() -> None:
    assert Talk(FLOW, language="fr").state.node == "language_menu"
