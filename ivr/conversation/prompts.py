"""The prompts of a flow: the sentences that can be rendered, listed and recorded before a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ivr.conversation.clauses import clauses
from ivr.dialogue.flow import Flow
from ivr.speech.synthesis.pieces import Piece, fixed_parts
from ivr.speech.synthesis.synthesiser import Voice
from ivr.speech.synthesis.voices import default_voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One sentence of a template, or the fixed part of one that varies (`part`). `name` is the
    template's, with a number behind it where the template has several: "welcome.2"."""

    name: str
    language: str
    text: str
    part: bool = False

    @property
    def spoken(self) -> str:
        """What an engine is asked for."""
        return Piece(self.text).spoken if self.part else self.text


def prompts_of(flow: Flow) -> list[Prompt]:
    """Every prompt of every language, the flow's first languages first, by name."""
    return [
        prompt
        for language in flow.languages
        for (name, code), text in sorted(flow.texts.items())
        if code == language
        for prompt in _numbered(
            name,
            language,
            clauses(text.static) if text.static is not None else fixed_parts(text.literals),
            part=text.static is None,
        )
    ]


def fixed_of(*flows: Flow) -> dict[str, list[str]]:
    """What the varying sentences of each language always say."""
    found: dict[str, list[str]] = {}
    for prompt in (prompt for flow in flows for prompt in prompts_of(flow)):
        if prompt.part:
            found.setdefault(prompt.language, []).append(prompt.text)
    return found


def voice_of(flow: Flow, language: str) -> Voice:
    """The voice that speaks `language` in this flow."""
    usual = default_voice(language)
    wanted = flow.voices.get(language)
    if wanted is None:
        return usual
    return Voice(
        language=language,
        rate=usual.rate if wanted.rate is None else wanted.rate,
        pitch=usual.pitch if wanted.pitch is None else wanted.pitch,
        names=tuple(sorted(wanted.names.items())),
    )


def to_render(flow: Flow, *, parts: bool = True) -> list[tuple[str, Voice]]:
    """What is worth making before a call asks for it; without `parts` whole sentences only, which
    is all that a fast engine is ever asked for."""
    voices = {language: voice_of(flow, language) for language in flow.languages}
    return list(
        dict.fromkeys(
            (prompt.spoken, voices[prompt.language])
            for prompt in prompts_of(flow)
            if parts or not prompt.part
        )
    )


def _numbered(name: str, language: str, texts: list[str], *, part: bool) -> Iterator[Prompt]:
    for number, text in enumerate(texts, 1):
        numbered = name if len(texts) == 1 else f"{name}.{number}"
        yield Prompt(name=numbered, language=language, text=text, part=part)
