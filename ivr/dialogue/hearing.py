"""What the caller said or keyed, brought to the node that asked.

In this order: a cry for help, an answer beyond doubt, a global intent, a correction of what was
told before, a likely answer, another task, small talk, two things it may have been; else it was
not understood.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.dialogue.asides import ASIDES, language_named
from ivr.dialogue.corrections import correction, put_right
from ivr.dialogue.global_intents import (
    change_language,
    do_global,
    find_global,
    settle_aside,
)
from ivr.dialogue.ladder import Trouble
from ivr.dialogue.lexicon import contains_any, lexicon, spoken_form
from ivr.dialogue.nodes.kind import AskingKind, Misfit
from ivr.dialogue.repair import (
    OFF_TOPIC,
    AskingNode,
    ask,
    ask_in_other_words,
    insulted,
    misunderstood,
    off_topic,
)
from ivr.dialogue.state import Spoken
from ivr.dialogue.tasks import begin_task
from ivr.dialogue.templates import clean
from ivr.nlu.interpreter import Entity, ScoredIntent
from ivr.nlu.sentiment import sentiment_of

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.turn import Turn

_LONGEST_ENTITY = 200
_MOST_ENTITIES = 16
_MOST_UNHEARD = 16
_EMERGENCY = "emergency"
"""The intent, and the prompt, of somebody in danger."""
_CLOSE = 0.25
_LEAST_LIKELY = 0.3
"""Two intents are close where both are at least so likely, and no further apart than that."""


def hear_keys(turn: Turn, node: AskingNode, keyed: Keyed) -> str | None:
    """Returns the node to go to, or None once the turn waits."""
    kind = node.kind
    assert isinstance(kind, AskingKind)
    _note(turn, keyed.unheard)
    aside = turn.state.aside
    if aside:
        chosen = ASIDES[aside].keyed(turn, keyed.digits)
        if chosen is not None:
            return settle_aside(turn, node, chosen)
        answer = None
    else:
        answer = kind.keyed(turn, node, keyed)
    if answer is None or isinstance(answer, Misfit):
        # Too few digits of an account number, and yet all that it takes for an agent.
        name = turn.flow.global_keys.get(keyed.digits)
        if name is not None:
            return do_global(turn, node, name)
        answer = answer or Misfit("not_a_choice")
    if isinstance(answer, Misfit):
        return misunderstood(turn, node, answer)
    return kind.accept(turn, node, answer)


def hear_speech(turn: Turn, node: AskingNode, said: Said) -> str | None:
    """Returns the node to go to, or None once the turn waits."""
    meaning, flow = said.interpretation, turn.flow
    _note(turn, said.unheard)
    text = spoken_form(meaning.text)
    if not text:
        return misunderstood(turn, node, Misfit("not_heard"))
    if _is_emergency(turn, said, text):
        # Also where we are not sure of the words: to be told for nothing harms nobody.
        turn.say(_EMERGENCY)
        ask_in_other_words(turn, node)
        return None
    if not said.asr_confidence >= flow.thresholds.asr:
        return misunderstood(turn, node)
    said = _with_names(turn, said)
    meaning = said.interpretation
    turn.sentence = meaning.text
    turn.heard = tuple(
        (entity.kind, clean(entity.value))
        for entity in meaning.entities[:_MOST_ENTITIES]
        if len(entity.value) <= _LONGEST_ENTITY
    )
    aside = turn.state.aside
    if aside:
        chosen = ASIDES[aside].understood(turn, said)
        if chosen is not None:
            return settle_aside(turn, node, chosen)
        if aside == "return":
            # Whoever says something else wants something else.
            turn.change(aside="", returning=None)
    return _answer(turn, node, said)


def _with_names(turn: Turn, said: Said) -> Said:
    """What was said, with the names of the flow's own lists in it. One that could be two names is
    none; both may yet mean the same intent.
    """
    meaning, flow = said.interpretation, turn.flow
    found = flow.named(meaning.text, turn.state.language)
    if not found:
        return said
    entities = meaning.entities
    intents = {flow.intent_of(one) for one in found}
    for kind in {one.kind for one in found}:
        names = [one.name for one in found if one.kind == kind]
        known = any(entity.kind == kind for entity in entities)
        if len(names) == 1 and not known:
            text = meaning.text
            entity = Entity(kind=kind, value=names[0], text=text, start=0, end=len(text))
            entities = (*entities, entity)
    best = meaning.intents
    intent = intents.pop() if len(intents) == 1 else None
    means = flow.knows(meaning.intent) and meaning.intent not in OFF_TOPIC
    if intent is not None and not (turn.understood(meaning) and means):
        sure = ScoredIntent(name=intent, confidence=1.0)
        best = (sure, *(one for one in best if one.name != intent))
    return replace(said, interpretation=replace(meaning, entities=entities, intents=best))


def _answer(turn: Turn, node: AskingNode, said: Said) -> str | None:
    kind = node.kind
    assert isinstance(kind, AskingKind)
    answer = kind.certain(turn, node, said)
    if answer is None:
        language = language_named(turn, said.interpretation.text)
        if language is not None:
            return change_language(turn, node, language)
        name = find_global(turn, said)
        if name is not None:
            return do_global(turn, node, name)
        corrected = correction(turn, node, said)
        if corrected is not None:
            turn.say("all_right")
            return put_right(turn, *corrected)
        answer = kind.likely(turn, node, said)
    if isinstance(answer, Misfit):
        answer = _second_thought(turn, node, said) or answer
    if isinstance(answer, Misfit):
        return misunderstood(turn, node, answer)
    if answer is not None:
        return kind.accept(turn, node, answer)
    return _something_else(turn, node, said)


def _second_thought(turn: Turn, node: AskingNode, said: Said) -> str | None:
    """A usable answer among what else the caller may have said, where the likeliest is of the
    right kind and cannot be used: five digits of six, say, one of them swallowed.
    """
    kind = node.kind
    assert isinstance(kind, AskingKind)
    for other in said.others:
        answer = kind.certain(turn, node, replace(said, interpretation=other, others=()))
        if isinstance(answer, str):
            return answer
    return None


def _something_else(turn: Turn, node: AskingNode, said: Said) -> str | None:
    meaning, flow = said.interpretation, turn.flow
    target = flow.routes.get(meaning.intent)
    known = turn.state.language_known
    wanted = meaning.intent != turn.state.task and known
    if target is not None and wanted and meaning.confidence >= flow.thresholds.switch:
        turn.say("all_right")
        begin_task(turn, meaning.intent, turn.heard)
        return target
    if sentiment_of(meaning.text, turn.state.language).abusive:
        return insulted(turn, node)
    if meaning.intent in OFF_TOPIC and turn.understood(meaning):
        return off_topic(turn, node, meaning.intent)
    if known and _close_intents(turn, said):
        ask(turn, node)
        return None
    if turn.understood(meaning) and not flow.knows(meaning.intent):
        return misunderstood(turn, node, trouble=Trouble.UNKNOWN_INTENT)
    return misunderstood(turn, node)


def _close_intents(turn: Turn, said: Said) -> bool:
    """Whether two tasks are about as likely, and which of them is now to be asked."""
    state, names = turn.state, turn.flow.intent_names
    found = said.interpretation.intents[:2]
    if state.aside or len(found) < 2:
        return False
    one, other = found
    if not (
        other.confidence >= _LEAST_LIKELY
        and abs(one.confidence - other.confidence) <= _CLOSE
        and all(each.name in names and each.name in turn.flow.routes for each in found)
        and one.name != other.name
    ):
        return False
    turn.change(aside="which", between=(one.name, other.name), offered=turn.heard)
    return True


def _is_emergency(turn: Turn, said: Said, text: str) -> bool:
    meaning = said.interpretation
    if meaning.intent == _EMERGENCY and turn.understood(meaning):
        return True
    return contains_any(text, lexicon(turn.state.language).emergencies)


def _note(turn: Turn, unheard: tuple[str, ...]) -> None:
    """Count the caller's turn, and keep what they did not let us say."""
    state = turn.state
    turn.change(turns=state.turns + 1)
    told = {spoken.text: spoken for spoken in state.spoken}
    rest = tuple(
        told.get(text) or Spoken(clean(text), state.language)
        for text in unheard[:_MOST_UNHEARD]
        if clean(text).strip()
    )
    if rest:
        turn.change(unheard=rest)
