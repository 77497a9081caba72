"""What was spoken of of late: "tell me more about it", "and the other one?".

Topics fade: each turn of the caller takes a part of their weight, and what has become too light
is no longer meant by "it".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.nodes.slot_filler import SlotConfig, SlotFiller
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from ivr.dialogue.tasks import forget_task
from ivr.dialogue.topic import Topic

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn

_KEPT_EACH_TURN = 0.7
_MEANT_FROM = 0.2
"""Weight below which a topic is forgotten: after four turns of other things."""
_MOST_TOPICS = 4


def note_topic(turn: Turn, more: str | None) -> None:
    """Remember that something was told just now; `more` names what else there is to say."""
    state = turn.state
    if not state.task and more is None:
        return
    topic = Topic(task=state.task, slots=state.slots, turn=state.turns, more=more)
    turn.change(topics=(*state.topics, topic)[-_MOST_TOPICS:])


def weight(topic: Topic, turns: int) -> float:
    """How present a topic is at the caller's turn number `turns`, 1 when it is fresh."""
    return float(_KEPT_EACH_TURN ** max(0, turns - topic.turn))


def _latest(turn: Turn) -> Topic | None:
    state = turn.state
    for topic in reversed(state.topics):
        if weight(topic, state.turns) >= _MEANT_FROM:
            return topic
    return None


def tell_more(turn: Turn) -> bool:
    """Say more about what was told last, or that there is no more. Returns False where nothing
    was told of late, so that it had to be asked what is meant.
    """
    topic = _latest(turn)
    if topic is None:
        turn.say("more_about_what")
        return False
    if topic.more is None:
        turn.say("nothing_more")
    else:
        turn.say(topic.more, topic.slots)
        topics = turn.state.topics
        at = topics.index(topic)
        told = topic.model_copy(update={"more": None, "turn": turn.state.turns})
        turn.change(topics=(*topics[:at], *topics[at + 1 :], told))
    return True


def begin_other(turn: Turn) -> str | None:
    """Do the last task again for the other one: the other option of two, or the other value that
    was spoken of. Returns the node to go to; None where nothing was spoken of.
    """
    flow = turn.flow
    topic = _latest(turn)
    target = flow.routes.get(topic.task) if topic is not None else None
    if topic is None or target is None:
        return None
    turn.say("all_right")
    forget_task(turn, keep_lasting=True, task=topic.task)
    slots = dict(turn.state.slots)
    for config in _asked(turn, topic):
        others = _others(turn, config, topic.slots[config.slot])
        if len(others) == 1:
            turn.change(slots={**slots, **config.filled_by(others[0])})
            return target
    # Which other one? The task asks for it.
    wanted = next((config.slot for config in _asked(turn, topic)), "")
    turn.change(slots={name: one for name, one in slots.items() if name != wanted})
    return target


def _asked(turn: Turn, topic: Topic) -> list[SlotConfig]:
    """The questions that the topic's values answered, those with few answers first."""
    nodes, askers = turn.flow.nodes, turn.flow.askers
    found = []
    for slot in topic.slots:
        asker = nodes.get(askers.get(slot, ""))
        if asker is None or not isinstance(asker.kind, SlotFiller):
            continue
        config: SlotConfig = asker.config
        if config.slot == slot and config.type not in ("yes_no", "amount", "text"):
            found.append(config)
    return sorted(found, key=lambda config: not SLOT_TYPES[config.type].values(config))


def _others(turn: Turn, config: SlotConfig, value: str) -> list[str]:
    few = SLOT_TYPES[config.type].values(config)
    known = few or turn.state.told.get(config.slot, ())
    return sorted(one for one in known if one != value)
