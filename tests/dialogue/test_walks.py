"""Whatever comes, in whatever state, through whatever flow: a next prompt or wait, never an
exception, never the same silence for ever.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ivr.dialogue.actions import CallApi, Listen, RecordMessage, Say
from ivr.dialogue.changes import Change
from ivr.dialogue.executor import begin, step
from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_check import check
from ivr.dialogue.inputs import (
    ApiReplied,
    Input,
    Keyed,
    LineQuality,
    MessageRecorded,
    Resumed,
    Returned,
    Said,
    Silence,
    Started,
    TransferRefused,
)
from ivr.dialogue.node_kinds import NODE_KINDS
from ivr.dialogue.returning import Returning
from ivr.dialogue.state import DialogueState, PendingRequest, Spoken
from ivr.dialogue.topic import Topic
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent
from tests.dialogue.talking import BANK, PROJECT, TODAY, check_shape, document_of

FLOW = Flow.load(BANK)
INTENTS = [
    "check_balance", "transfer_money", "block_card", "talk_to_agent", "goodbye", "help", "repeat",
    "cancel", "go_back", "affirm", "deny", "greet", "thank", "start_over", "give_value",
    "out_of_scope", "", "a", "about_health", "about_farming", "check_eligibility", "how_to_apply",
]  # fmt: skip
TEXTS = [
    "yes", "no", "slower", "change language", "call me back", "tell me more", "the other one",
    "go on", "spanish", "no the other account", "there is a fire",
    "447123", "english", "hindi", "go back", "cancel", "credit", "raj", "हाँ", "",
    "life insurance", "insurance", "a visit", "a question", "my card", "a message", "five",
]  # fmt: skip
VALUES = ["447123", "4711", "50.00", "raj", "anna", "credit", "yes", "2026-12-01", "NaN", "", "{{"]
KINDS = ["digits", "amount", "person", "card_type", "yes_no", "date", "x"]

entities = st.builds(
    Entity,
    kind=st.sampled_from(KINDS),
    value=st.sampled_from(VALUES) | st.text(max_size=8),
    text=st.just("x"),
    start=st.just(0),
    end=st.just(1),
)
confidences = st.sampled_from([0.0, 0.5, 0.69, 0.7, 0.95, 1.0, float("nan")])
interpretations = st.builds(
    Interpretation,
    text=st.sampled_from(TEXTS) | st.text(max_size=12),
    intents=st.lists(
        st.builds(ScoredIntent, name=st.sampled_from(INTENTS), confidence=confidences), max_size=2
    ).map(tuple),
    entities=st.lists(entities, max_size=3).map(tuple),
)
bodies = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "balance": st.sampled_from(["1250.00", "x", None, 7]),
        "currency": st.sampled_from(["INR", "XXX", "{{ x }}"]),
        "id": st.sampled_from(["T000001", "", 5, []]),
    },
)
GOOD = {"balance": "1250.00", "currency": "INR", "id": "T000001", "status": "done"}
statuses = st.sampled_from([0, 200, 201, 302, 404, 409, 422, 500])
PENDING = "the request that is waited for"
inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(
        Started,
        language=st.sampled_from([None, "en", "hi", "fr", ""]),
        speech_languages=st.sets(st.sampled_from(["en", "hi", "es"])).map(frozenset),
        caller=st.sampled_from(["", "9876543210", "112", "\x00"]),
        returning=st.none()
        | st.builds(
            Returning,
            how=st.sampled_from(["", "step", "task"]),
            node=st.sampled_from([*FLOW.nodes, "gone"]),
            task=st.sampled_from(["check_balance", "block_card", "gone"]),
            language=st.sampled_from(["en", "hi", "xx"]),
            slots=st.dictionaries(st.sampled_from(["account", "x"]), st.just("447123")),
        ),
    ),
    st.builds(
        Said,
        interpretation=interpretations,
        asr_confidence=confidences,
        unheard=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    ),
    st.builds(Said, interpretation=interpretations, asr_confidence=st.just(0.9)),
    st.builds(
        Keyed,
        digits=st.sampled_from(["1", "2", "3", "0", "*", "#", "", "447123", "4711", "50"])
        | st.text(alphabet="0123456789*#ABCD", max_size=8),
    ),
    st.builds(Silence, rung=st.integers(-1, 5)),
    st.builds(
        ApiReplied,
        request_id=st.sampled_from([PENDING, PENDING, "stale"]),
        ok=st.booleans(),
        status=statuses,
        data=bodies | st.just(GOOD),
    ),
    st.builds(
        MessageRecorded,
        message_id=st.sampled_from([PENDING, PENDING, "stale"]),
        ok=st.booleans(),
    ),
    st.builds(
        LineQuality,
        level_dbfs=st.none() | st.floats(-90, 0),
        lost=st.none() | st.floats(0, 1),
    ),
    st.builds(TransferRefused),
    st.builds(Returned),
    st.builds(Resumed),
)


def through(flow: Flow, state: DialogueState, what: Input, ids: Any) -> DialogueState:
    """One step, checked; returns the state as another worker would find it."""
    if isinstance(what, MessageRecorded) and what.message_id == PENDING and state.pending:
        what = MessageRecorded(message_id=state.pending.request_id, ok=what.ok)
    if isinstance(what, ApiReplied) and what.request_id == PENDING and state.pending is not None:
        what = ApiReplied(
            request_id=state.pending.request_id, ok=what.ok, status=what.status, data=what.data
        )
    done = step(flow, state, what, today=TODAY, new_id=lambda: f"id{next(ids)}")
    check_shape(done.actions)
    wait = done.actions[-1]
    if done.same_wait:
        assert len(done.actions) == 1
    elif isinstance(wait, Listen):
        # Who is to answer has been told what.
        assert any(isinstance(action, Say) for action in done.actions)
    after = done.state
    assert after.finished == (not isinstance(wait, Listen | CallApi | RecordMessage))
    assert (after.pending is not None) == isinstance(wait, CallApi | RecordMessage)
    if isinstance(wait, Listen):
        assert wait.expect.speech or wait.expect.keys is not None
        assert after.language in after.speech_languages or not wait.expect.speech
        assert after.node in flow.nodes
    return after


SHIPPED = {
    path.stem: Flow.load(path)
    for path in (*PROJECT.glob("flows/*.json"), *PROJECT.glob("scenarios/flows/*.json"))
    if "." not in path.stem
}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(SHIPPED)), st.lists(inputs, max_size=25), st.booleans())
def test_no_shipped_flow_is_ever_stuck(name: str, happenings: list[Input], takeovers: bool) -> None:
    flow = SHIPPED[name]
    state, ids = begin(flow), itertools.count()
    for what in happenings:
        state = through(flow, state, what, ids)
        if takeovers:
            state = DialogueState.model_validate(json.loads(state.model_dump_json()))


names = st.sampled_from(["ask", "call", "menu", "say", "go", "main", "agent", "bye", "gone"])
slot_maps = st.dictionaries(
    st.sampled_from(["account", "amount", "beneficiary", "card_type", "transfer_key", "x"]),
    st.sampled_from(VALUES),
    max_size=4,
)
bank_nodes = st.sampled_from([*FLOW.nodes, "", "gone"])
states = st.builds(
    DialogueState,
    language=st.sampled_from(["en", "hi", "fr", ""]),
    language_known=st.booleans(),
    speech_languages=st.sets(st.sampled_from(["en", "hi"])).map(frozenset),
    node=bank_nodes,
    phase=st.sampled_from(["ask", "confirm"]),
    task=st.sampled_from(INTENTS),
    slots=slot_maps,
    secrets=slot_maps,
    offered=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(VALUES)), max_size=3).map(
        tuple
    ),
    misunderstood=st.integers(-1, 9),
    detours=st.integers(0, 9),
    aside=st.sampled_from(["", "language", "return", "which"]),
    between=st.sampled_from([(), ("check_balance", "block_card"), ("x", "y")]),
    line=st.sampled_from(["", "line_faint"]),
    turns=st.integers(0, 9),
    unheard=st.lists(st.just(Spoken("x", "en", True)), max_size=2).map(tuple),
    told=st.dictionaries(st.just("account"), st.just(("447123", "556677"))),
    topics=st.lists(
        st.builds(
            Topic,
            task=st.sampled_from(["check_balance", "block_card", ""]),
            slots=slot_maps,
            turn=st.integers(0, 9),
            more=st.sampled_from([None, "balance_more"]),
        ),
        max_size=2,
    ).map(tuple),
    silence=st.integers(0, 4),
    refusals=st.integers(0, 4),
    visits=st.dictionaries(bank_nodes, st.integers(0, 9), max_size=3),
    trail=st.lists(bank_nodes, max_size=4).map(tuple),
    spoken=st.lists(st.just(Spoken("x", "en", True)), max_size=2).map(tuple),
    pending=st.none() | st.builds(PendingRequest, request_id=st.just("r"), node=bank_nodes),
    changes=st.dictionaries(bank_nodes, st.just(Change(key="k", fingerprint="f")), max_size=2),
    finished=st.booleans(),
    verdict=st.sampled_from(["", "hangup", "agent", "gone"]),
)


@settings(max_examples=400, deadline=None)
@given(states, inputs)
def test_any_state_has_a_next_one(state: DialogueState, what: Input) -> None:
    ids = itertools.count()
    if isinstance(what, ApiReplied):
        what = ApiReplied(request_id="r", ok=what.ok, status=what.status, data=what.data)
    done = step(FLOW, state, what, today=TODAY, new_id=lambda: f"id{next(ids)}")
    check_shape(done.actions)
    DialogueState.model_validate(json.loads(done.state.model_dump_json()))


@settings(max_examples=100, deadline=None)
@given(st.lists(inputs, max_size=12))
def test_a_silent_caller_is_let_go_and_a_call_ends(happenings: list[Input]) -> None:
    state, ids = begin(FLOW), itertools.count()
    for what in happenings:
        state = through(FLOW, state, what, ids)
    state = through(FLOW, state, Silence(rung=3), ids)
    assert state.finished


@settings(max_examples=100, deadline=None)
@given(st.lists(inputs, max_size=12))
def test_a_caller_who_is_never_understood_comes_to_somebody_or_to_an_end(
    happenings: list[Input],
) -> None:
    state, ids = begin(FLOW), itertools.count()
    for what in happenings:
        state = through(FLOW, state, what, ids)
    for _ in range(40):
        if state.finished:
            break
        noise = Said(interpretation=Interpretation(text="noise"))
        lost = ApiReplied(request_id=PENDING, ok=False)
        state = through(FLOW, state, lost if state.pending else noise, ids)
    assert state.finished


def made_node(name: str, ids: list[str], draw: Any) -> dict[str, Any]:
    """A node that leads anywhere."""
    kind = draw(st.sampled_from(sorted(NODE_KINDS)))
    to = st.sampled_from(ids)
    config: dict[str, Any] = {}
    ways: dict[str, str] = {}
    match kind:
        case "response":
            config, ways = {"prompt": draw(st.sampled_from(["p", "filled"]))}, {"done": draw(to)}
        case "intent_router":
            config = {"prompt": "p", "keys_prompt": "p", "keys": {"1": "a"}}
            ways = {intent: draw(to) for intent in ("a", "check_balance", "affirm")}
        case "slot_filler":
            config = {
                "slot": draw(st.sampled_from(["s", "t"])),
                "type": draw(st.sampled_from(["digits", "amount", "yes_no", "name", "date"])),
                "prompt": draw(st.sampled_from(["p", "filled"])),
                "sensitive": False,
            }
            ways = {"done": draw(to)}
            if draw(st.booleans()):
                ways["exhausted"] = draw(to)
            if config["type"] != "yes_no" and draw(st.booleans()):
                config["confirm"] = "filled"
        case "menu":
            options = [
                {"name": "x", "key": "1", "phrases": {"en": ["yes"]}, "set": {"t": "1"}},
                {"name": "y", "key": "2", "set": {"language": "hi"}},
            ]
            config = {"prompt": "p", "options": options}
            ways = {"x": draw(to), "y": draw(to)}
            if draw(st.booleans()):
                config["default"] = "y"
        case "api_caller":
            method = draw(st.sampled_from(["GET", "POST"]))
            config = {"integration": "bank", "method": method, "path": "/x/{{ s }}"}
            config["save"] = {"t": "id"}
            if method == "POST":
                config |= {"body": {"s": "{{ s }}"}, "key_slot": "k"}
                ways = {"ok": draw(to), "refused": draw(to), "unknown": draw(to)}
            else:
                ways = {"ok": draw(to), "failed": draw(to)}
        case "transfer":
            config = {"destination": "agent"}
        case "condition":
            case = {"name": "known", "slot": "s", "filled": draw(st.booleans())}
            config, ways = {"cases": [case]}, {"known": draw(to), "else": draw(to)}
        case "set":
            config = {"values": {"t": "{{ s }}"}, "forget": draw(st.sampled_from([[], ["s"]]))}
            ways = {"done": draw(to)}
        case "confirm":
            config = {"prompt": draw(st.sampled_from(["p", "filled"]))}
            ways = {"yes": draw(to), "no": draw(to)}
        case "survey":
            config, ways = {"slot": "t", "prompt": "p"}, {"done": draw(to)}
        case "knowledge":
            config, ways = {"base": "all", "prompt": "p"}, {"answered": draw(to)}
            if draw(st.booleans()):
                config["keys_prompt"] = "p"
        case "language":
            config, ways = draw(st.sampled_from([{}, {"to": "hi"}])), {"done": draw(to)}
        case "callback":
            config, ways = {"integration": "bank", "slot": "t"}, {"booked": draw(to)}
        case "voicemail":
            config, ways = {"box": "box"}, {"kept": draw(to)}
        case "subflow":
            config, ways = {"flow": "inner"}, {"out": draw(to)}
    return {"id": name, "type": kind, "config": config, "next": ways}


@st.composite
def flows(draw: Any) -> Flow:
    """A flow that its check lets pass."""
    ids = [f"n{number}" for number in range(draw(st.integers(2, 6)))]
    nodes = [made_node(name, ids, draw) for name in ids]
    # A place where both slots can be filled, so that templates may use them.
    nodes.append(
        {
            "id": "filler",
            "type": "menu",
            "config": {
                "prompt": "p",
                "options": [{"name": "z", "key": "1", "set": {"s": "447123", "t": "2", "k": "k"}}],
            },
            "next": {"z": draw(st.sampled_from(ids))},
        }
    )
    document = document_of(
        nodes,
        languages=["en", "hi"],
        templates={
            "p": {"en": "Well?", "hi": "क्या?"},
            "filled": {"en": "{{ s | digits }}", "hi": "{{ t }}"},
        },
        integrations=["bank"],
        transfer_destinations=["agent"],
        message_boxes=["box"],
        callback_numbers=["9"],
        knowledge={"all": [{"name": "x", "key": "1", "phrases": {"en": ["yes"]}, "answer": "p"}]},
        subflows={
            "inner": {
                "entry": "say",
                "nodes": [
                    {
                        "id": "say",
                        "type": "response",
                        "config": {"prompt": "p"},
                        "next": "@out",
                    }
                ],
            }
        },
    )
    agent = {"agent": {"next": draw(st.sampled_from(ids))}} if draw(st.booleans()) else {}
    document["global_intents"] = agent
    document["entry"]["language_unknown"] = "filler"
    document["nodes"] = nodes
    reached = {"filler", ids[0], *(each["next"] for each in agent.values())}
    while True:
        more = {to for node in nodes if node["id"] in reached for to in node["next"].values()}
        if more <= reached:
            break
        reached |= more
    document["nodes"] = [node for node in nodes if node["id"] in reached]
    source = json.dumps(document)
    faults = check(source, "made.json").faults
    assert all("without ever listening" in fault.what for fault in faults), faults
    assume(not faults)
    return Flow.parse(source)


@settings(max_examples=200, deadline=None)
@given(flows(), st.lists(inputs, max_size=15))
def test_no_flow_that_passes_its_check_is_ever_stuck(flow: Flow, happenings: list[Input]) -> None:
    state, ids = begin(flow), itertools.count()
    for what in happenings:
        state = through(flow, state, what, ids)
