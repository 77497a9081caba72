"""What an agent hears before deciding about a caller: who rings, in which language, about what.

Agents hear the caller's language where we have words for it. A flow writes the summary itself as
a template; the check keeps sensitive slots out of it, as out of every spoken text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ivr.dialogue.actions import Say
from ivr.dialogue.templates import TemplateFailed, Text

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn

SUMMARY_VARIABLES = frozenset({"caller", "caller_language"})
"""What a summary may use beside the slots: the number that rings, and the language's name."""

_NUMBER_SPOKEN = 4
"""Digits of the caller's number that are said; the agent's phone shows all of it."""

_EN = {
    "summary": "You have a caller who speaks {{ caller_language }}."
    "{% if caller %} Their number ends in {{ caller | digits }}.{% endif %}"
    "{% if task %} They asked about: {{ task }}.{% endif %}",
    "question": "To take the call, press one. To decline, press two.",
    "en": "English",
    "hi": "Hindi",
}
_HI = {
    "summary": "आपके लिए एक कॉल है। ग्राहक {{ caller_language }} बोलते हैं।"
    "{% if caller %} उनके नंबर के आख़िरी अंक हैं {{ caller | digits }}।{% endif %}",
    "question": "कॉल लेने के लिए एक दबाइए। मना करने के लिए दो दबाइए।",
    "en": "अंग्रेज़ी",
    "hi": "हिन्दी",
}
_WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN, "hi": _HI}
_TEXTS = {
    (language, name): Text(words[name], language)
    for language, words in _WORDS.items()
    for name in ("summary", "question")
}


def what_agents_hear(turn: Turn, template: str | None) -> tuple[Say, ...]:
    """Return the summary, by the flow's `template` where it names one that can be filled in, and
    the question whether the agent takes the call.
    """
    state = turn.state
    language = state.language if state.language in _WORDS else "en"
    spoken = _WORDS[language]
    values = {
        "caller": "".join(c for c in state.caller if c.isdigit())[-_NUMBER_SPOKEN:],
        "caller_language": spoken.get(state.language, state.language),
    }
    summary = Say(
        text=_TEXTS[language, "summary"].fill({**values, "task": state.task.replace("_", " ")}),
        language=language,
    )
    if template is not None:
        try:
            text = turn.flow.text(template, state.language).fill({**state.slots, **values})
            summary = Say(text=text, language=state.language) if text else summary
        except TemplateFailed:
            pass  # a slot that was not filled: what is known always can be said
    question = Say(text=_TEXTS[language, "question"].fill({}), language=language, static=True)
    return summary, question
