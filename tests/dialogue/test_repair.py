"""The ladder: never a caller stranded, never a word too much."""

from __future__ import annotations

import pytest

from ivr.dialogue.actions import HangUp, Listen, TransferTo
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied, Resumed, Said, Started, TransferRefused
from tests.dialogue.talking import BANK, Talk, flow_of, heard

FLOW = Flow.load(BANK)
KEYS = (
    "For your balance press one. To transfer money press two. "
    "To block a card press three. For an agent press zero."
)


def at_main() -> Talk:
    return Talk(FLOW)


def at_account() -> Talk:
    talk = at_main()
    talk.say("what is my balance", "check_balance")
    return talk


NOT_UNDERSTOOD = [
    heard("xyzzy", "check_balance", sure=0.69),
    heard("what is my balance", "check_balance", asr=0.59),
    heard("xyzzy"),
    heard("check my balance", "check_balance", sure=float("nan")),
    heard("check my balance", "check_balance", asr=float("nan")),
]


@pytest.mark.parametrize("said", NOT_UNDERSTOOD)
def test_not_understood_other_words_twice_then_keys_then_an_agent(said: Said) -> None:
    talk = at_main()
    assert talk.put(said) == ["I did not understand that.", "What would you like to do?"]
    assert talk.state.misunderstood == 1
    texts = talk.put(said)
    assert texts[0] == "I did not understand that."
    assert texts[1].startswith("You can say, what is my balance.")
    assert texts[2:] == ["How can I help you today?"]
    texts = talk.put(said)
    assert texts[0] == "I still did not understand. You can use the keys of your phone."
    assert texts[1:] == [KEYS]
    talk.put(said)
    assert talk.wait == TransferTo(destination="agent")


def test_just_sure_enough_is_understood() -> None:
    talk = at_main()
    talk.put(heard("my balance", "check_balance", sure=0.7, asr=0.6))
    assert talk.state.node == "balance_account"


def test_the_flow_sets_its_own_thresholds() -> None:
    router = {
        "id": "main",
        "type": "intent_router",
        "config": {"prompt": "ask", "keys_prompt": "keys", "keys": {"1": "buy"}},
        "next": {"buy": "bye"},
    }
    end = {"id": "bye", "type": "end"}
    flow = flow_of([router, end], thresholds={"nlu": 0.2, "asr": 0.1})
    talk = Talk(flow)
    talk.put(heard("buy", "buy", sure=0.25, asr=0.2))
    assert isinstance(talk.wait, HangUp)


def test_being_understood_ends_the_ladder() -> None:
    talk = at_main()
    talk.say("xyzzy")
    talk.say("my balance", "check_balance")
    assert talk.state.misunderstood == 0
    talk.say("xyzzy")
    assert talk.state.misunderstood == 1


def test_nothing_heard_is_said_so() -> None:
    talk = at_main()
    assert talk.say("")[0] == "I did not get what you said."
    assert talk.say("  .")[0] == "I did not get what you said."


def test_too_few_digits_says_how_many() -> None:
    talk = at_account()
    assert talk.say("four four seven", "give_value", ("digits", "447"))[0] == "I need six digits."
    assert talk.key("4471") == [
        "I need six digits.",
        "What is your account number?",
        "Please enter the six digits on your phone.",
    ]
    talk.key("4")
    assert talk.wait == TransferTo(destination="agent")


def test_a_key_without_meaning() -> None:
    talk = at_main()
    assert talk.key("7")[0] == "That is not one of the options."
    assert talk.key("#")[0] == "That is not one of the options."
    talk.key("")
    assert talk.wait == TransferTo(destination="agent")


def test_out_of_scope_says_what_can_be_asked_and_is_no_misunderstanding() -> None:
    talk = at_main()
    texts = talk.say("order me a pizza", "out_of_scope")
    assert texts[0] == "I can not help with that."
    assert texts[1].startswith("You can say, what is my balance.")
    assert talk.state.misunderstood == 0
    talk.say("order me a pizza", "out_of_scope")
    assert talk.state.misunderstood == 0


def test_out_of_scope_is_bounded() -> None:
    talk = at_main()
    for _ in range(5):
        talk.say("order me a pizza", "out_of_scope")
    assert talk.wait == TransferTo(destination="agent")


def test_small_talk_is_answered() -> None:
    talk = at_account()
    assert talk.say("hello", "greet")[0] == "Hello."
    assert talk.say("thanks", "thank")[0] == "No problem."
    assert talk.state.node == "balance_account"


def test_silence() -> None:
    talk = at_account()
    assert talk.silence(1) == ["Please say or enter the six digits of your account number."]
    assert talk.silence(2) == [
        "Are you still there?",
        "What is your account number?",
        "Please enter the six digits on your phone.",
    ]
    texts = talk.silence(3)
    assert texts[-1].endswith("Goodbye.")
    assert isinstance(talk.wait, HangUp)
    assert talk.state.verdict == "hangup"


def test_a_word_ends_the_silence() -> None:
    talk = at_account()
    talk.silence(1)
    assert talk.state.silence == 1
    talk.say("xyzzy")
    assert talk.state.silence == 0


def test_the_last_silence_ends_a_call_in_any_state() -> None:
    talk = at_account()
    talk.key("447123")
    talk.silence(3)
    assert isinstance(talk.wait, HangUp)
    talk.put(Resumed())
    assert isinstance(talk.wait, HangUp)


def test_a_takeover_says_again_what_may_not_have_been_heard() -> None:
    talk = at_account()
    talk.say("447123", "give_value", ("digits", "447123"))
    answer = talk.reply(200, {"balance": "1250.00", "currency": "INR"})
    assert len(answer) == 2
    bridge = "We lost you for a moment, but I am here again."
    talk.takeover()
    assert talk.put(Resumed()) == [bridge, *answer]
    talk.takeover()
    assert talk.put(Resumed()) == [bridge, *answer]


def test_help_says_what_can_be_said_here() -> None:
    talk = at_main()
    texts = talk.say("help", "help")
    assert texts[0].startswith("You can say, what is my balance.")
    assert "press zero" in texts[1]
    assert talk.state.misunderstood == 0


def test_repeat_says_the_same_again() -> None:
    talk = at_account()
    first = talk.texts
    assert talk.say("say that again") == first
    assert talk.key("*") == first
    assert talk.say("could you repeat that please", "repeat") == first
    assert talk.state.misunderstood == 0


def test_cancel_drops_the_task() -> None:
    talk = at_account()
    assert talk.say("cancel", "cancel") == ["All right.", "How can I help you today?"]
    assert (talk.state.task, talk.state.node) == ("", "main")


def test_start_over_forgets_everything() -> None:
    talk = at_account()
    talk.key("447123")
    talk.reply(200, {"balance": "1.00", "currency": "INR"})
    assert talk.state.slots["account"] == "447123"
    talk.say("start over", "start_over")
    assert talk.state.slots == {}
    assert talk.state.node == "main"


def test_go_back_asks_the_question_before() -> None:
    talk = at_main()
    talk.say("block my card", "block_card")
    talk.say("credit")
    assert talk.state.node == "block_last_four"
    talk.say("go back", "go_back")
    assert talk.state.node == "block_type"
    assert "card_type" not in talk.state.slots
    talk.say("debit")
    talk.key("4711")
    assert "debit" in talk.texts[0]
    talk.say("go back")
    talk.say("go back")
    talk.say("go back")
    assert talk.state.node == "main"
    assert talk.say("go back")[0] == "We are at the start."


def test_on_the_way_forth_again_what_was_told_unasked_is_still_known() -> None:
    talk = at_main()
    talk.say("send fifty rupees to raj", "transfer_money", ("amount", "50"), ("person", "raj"))
    talk.key("447123")
    talk.reply(200, {})
    talk.say("go back")
    assert talk.state.node == "transfer_account"
    talk.key("556677")
    talk.reply(200, {})
    assert talk.texts == ["You want to send fifty rupees to raj. Is that right?"]


def test_what_is_done_is_not_gone_back_to() -> None:
    talk = at_account()
    talk.key("447123")
    talk.reply(200, {"balance": "1.00", "currency": "INR"})
    assert talk.say("go back")[0] == "We are at the start."
    assert talk.state.node == "anything_else"


def test_goodbye_anywhere() -> None:
    for talk in (at_main(), at_account()):
        talk.say("goodbye")
        assert isinstance(talk.wait, HangUp)


def test_a_refused_transfer_is_said_and_another_way_offered() -> None:
    talk = at_main()
    talk.say("agent")
    texts = talk.put(TransferRefused())
    assert texts[0] == "No agent can take your call now."
    assert isinstance(talk.wait, Listen)
    assert not talk.state.finished
    talk.say("my balance", "check_balance")
    assert talk.state.node == "balance_account"


def test_where_no_agent_ever_comes_the_ladder_ends_in_an_honest_goodbye() -> None:
    talk = at_main()
    for _ in range(2):
        talk.say("agent")
        talk.put(TransferRefused())
    for _ in range(4):
        talk.say("xyzzy")
    assert talk.texts[:2] == [
        "No agent can take your call now.",
        "On which number can we call you back?",
    ]
    for _ in range(4):
        talk.say("xyzzy")
    assert talk.texts[0].startswith("I am not able to help you today.")
    assert isinstance(talk.wait, HangUp)


def test_late_and_stale_answers_are_dropped() -> None:
    talk = at_account()
    waited = talk.wait
    assert talk.put(ApiReplied(request_id="old", ok=True, status=200)) == []
    assert talk.wait == waited
    assert talk.last is not None
    assert talk.last.same_wait
    talk.key("447123")
    asked = talk.request
    talk.put(ApiReplied(request_id="old", ok=True, status=200))
    assert talk.request == asked
    assert talk.last.same_wait
    for late in (heard("hello"), TransferRefused(), Started()):
        talk.put(late)
        assert talk.request == asked
    talk.reply(404)
    assert isinstance(talk.wait, Listen)


def test_after_the_end_nothing_happens() -> None:
    talk = at_main()
    talk.say("goodbye")
    for late in (heard("hello", "greet"), Resumed(), TransferRefused(), Started()):
        assert talk.put(late) == []
        assert isinstance(talk.wait, HangUp)


def test_insults_are_answered_calmly_twice_and_then_by_a_person() -> None:
    talk = at_main()
    swearing = heard("you stupid machine", "out_of_scope", sure=0.99)
    calm = "I understand that this is not going well."
    for _ in range(2):
        texts = talk.put(swearing)
        assert texts[0].startswith(calm)
        assert talk.state.misunderstood == 0
    talk.put(swearing)
    assert talk.wait == TransferTo(destination="agent")


def test_what_an_insult_asks_for_is_done_all_the_same() -> None:
    talk = at_main()
    talk.put(heard("tell me my balance you idiot", "check_balance", sure=0.95))
    assert talk.state.node == "balance_account"
    assert talk.state.insults == 0
