"""What integrations answer, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from tests.dialogue.talking import Talk, flow_of


def flow_calling(**config: Any) -> Flow:
    """Asks for a value, calls, and ends at a node named like the outcome."""
    ends = ["ok", "not_found", "refused", "failed", "unknown"]
    changes = config.get("method", "GET") != "GET"
    taken = ["ok", "not_found", "refused", "unknown" if changes else "failed"]
    return flow_of(
        [
            {
                "id": "ask",
                "type": "slot_filler",
                "config": {"slot": "who", "type": "name", "prompt": "ask"},
                "next": "call",
            },
            {
                "id": "call",
                "type": "api_caller",
                "config": {"integration": "crm", "path": "/people/{{ who }}", **config},
                "next": {name: f"end_{name}" for name in taken},
            },
            *(
                {"id": f"end_{name}", "type": "end", "config": {"prompt": name}}
                for name in ends
                if name in taken
            ),
        ],
        integrations=["crm"],
    )


def calling(flow: Flow, who: str = "anna") -> Talk:
    talk = Talk(flow)
    talk.say("x", "give_value", ("person", who))
    return talk


@pytest.mark.parametrize(
    ("status", "end"),
    [(200, "ok"), (204, "ok"), (404, "not_found"), (400, "refused"), (422, "refused"),
     (429, "failed"), (408, "failed"), (500, "failed"), (302, "failed"), (0, "failed")],
)  # fmt: skip
def test_outcomes_of_reads(status: int, end: str) -> None:
    talk = calling(flow_calling())
    talk.reply(status)
    assert talk.state.node == f"end_{end}"


@pytest.mark.parametrize(
    ("status", "end"),
    [(201, "ok"), (404, "not_found"), (422, "refused"), (409, "unknown"), (429, "unknown"),
     (500, "unknown"), (0, "unknown")],
)  # fmt: skip
def test_outcomes_of_changes(status: int, end: str) -> None:
    talk = calling(flow_calling(method="POST"))
    talk.reply(status)
    assert talk.state.node == f"end_{end}"
    assert bool(talk.state.changes) == (end == "unknown")


def test_what_a_caller_says_never_leaves_its_segment() -> None:
    talk = calling(flow_calling(), "../../admin?x=1#y")
    assert talk.request.path == "/people/..%2F..%2Fadmin%3Fx%3D1%23y"


def test_a_path_that_cannot_be_made_asks_for_help_instead() -> None:
    talk = calling(flow_calling(), "..")
    assert talk.texts[0].startswith("Something went wrong here")
    assert talk.state.finished


def test_answers_fill_slots() -> None:
    save = {"a": "name", "b": "card.limit", "c": "open"}
    talk = calling(flow_calling(save=save))
    talk.reply(200, {"name": "Anna\x00", "card": {"limit": 1500}, "open": True})
    slots = talk.state.slots
    assert (slots["a"], slots["b"], slots["c"]) == ("Anna", "1500", "true")


@pytest.mark.parametrize(
    "data",
    [None, [], "x", {}, {"card": None}, {"card": {"limit": []}}, {"card": {"limit": "9" * 501}},
     {"card": {"limit": 10**5000}}, {"card": {"limit": float("nan")}}],
)  # fmt: skip
def test_an_answer_that_lacks_what_is_needed_is_none(data: Any) -> None:
    talk = calling(flow_calling(save={"b": "card.limit"}))
    talk.reply(200, data)
    assert talk.state.node == "end_failed"
    change = calling(flow_calling(save={"b": "card.limit"}, method="POST"))
    change.reply(201, data)
    assert change.state.node == "end_unknown"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.booleans(), st.integers(-1, 700), JSON, st.booleans())
def test_any_answer_has_an_outcome(ok: bool, status: int, data: Any, inside: bool) -> None:
    talk = calling(FLOW)
    answer = {"card": {"limit": data}} if inside else data
    request_id = talk.request.request_id
    talk.put(ApiReplied(request_id=request_id, ok=ok, status=status, data=answer))
    assert talk.state.node.startswith("end_")
    assert talk.state.pending is None


FLOW = flow_calling(save={"b": "card.limit"})
