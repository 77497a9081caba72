"""What came back, held against what had to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.dialogue.lexicon import contains_phrase, spoken_form
from ivr.scenarios.scenario import Expect

NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back to one step. None: it cannot be seen at this level, and is not judged."""

    texts: tuple[str, ...] = ()
    """What the bot said, sentence by sentence or turn by turn."""
    understood: str | None = None
    """The words that were made out of the caller's."""
    intent: str | None = None
    confidence: float | None = None
    slots: Mapping[str, str] | None = None
    node: str | None = None
    language: str | None = None
    actions: tuple[str, ...] = ()
    """As `Expect.action` writes them, the last one being what is waited for now."""
    sees_requests: bool = True
    """Whether requests to integrations are among the actions."""
    recorded: frozenset[str] | None = None
    """The recorded sentences that were heard."""
    interrupted: bool | None = None
    gap_ms: float | None = None
    trouble: str = ""
    """Why nothing came, where the level knows."""

    @property
    def text(self) -> str:
        """All that the bot said."""
        return " ".join(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that was otherwise; `place` is where the scenario says so, from its root."""

    place: tuple[str | int, ...]
    what: str
    expected: str
    came: str


def judge(
    expect: Expect, answer: Answer, *, step: int, never: Iterable[str] = (), times: bool = False
) -> list[Mismatch]:
    """Everything in which `answer` is not what step number `step` (from 0) expects.

    `never`: words that no answer may have. `times`: whether `within_ms` is judged.
    """
    at: tuple[str | int, ...] = ("steps", step, "expect")
    found = list(_words(expect, answer, at))
    found += [
        Mismatch(place=("never",), what="never", expected=f"not {words!r}", came=answer.text)
        for words in never
        if _has(answer.text, words)
    ]
    for name in ("intent", "node", "language", "interrupted"):
        expected, came = getattr(expect, name), getattr(answer, name)
        if expected is not None and came is not None and expected != came:
            shown = NOTHING if came == "" else str(came)
            if name == "intent" and answer.confidence is not None:
                shown += f" ({answer.confidence:.2f})"
            found.append(Mismatch(place=(*at, name), what=name, expected=str(expected), came=shown))
    if answer.slots is not None:
        found += _slots(expect, answer.slots, at)
    found += _action(expect, answer, at)
    found += _recorded(expect, answer, at)
    gap = answer.gap_ms
    if times and expect.within_ms is not None and gap is not None and gap > expect.within_ms:
        found.append(
            Mismatch(
                place=(*at, "within_ms"),
                what="within_ms",
                expected=f"{expect.within_ms} ms",
                came=f"{gap:.0f} ms",
            )
        )
    if answer.trouble:
        found.append(
            Mismatch(place=at[:2], what="answer", expected="an answer", came=answer.trouble)
        )
    return found


def _words(expect: Expect, answer: Answer, at: tuple[str | int, ...]) -> Iterable[Mismatch]:
    came = answer.text or NOTHING
    for index, words in enumerate(expect.says):
        if not _has(answer.text, words):
            yield Mismatch(place=(*at, "says", index), what="says", expected=words, came=came)
    for index, words in enumerate(expect.never):
        if _has(answer.text, words):
            yield Mismatch(
                place=(*at, "never", index), what="never", expected=f"not {words!r}", came=came
            )


def _slots(
    expect: Expect, slots: Mapping[str, str], at: tuple[str | int, ...]
) -> Iterable[Mismatch]:
    for name, expected in expect.slots.items():
        came = slots.get(name)
        if came != expected:
            yield Mismatch(
                place=(*at, "slots", name),
                what=f"slot {name}",
                expected=NOTHING if expected is None else expected,
                came=NOTHING if came is None else came,
            )


def _action(expect: Expect, answer: Answer, at: tuple[str | int, ...]) -> Iterable[Mismatch]:
    expected = expect.action
    if expected is None:
        return
    if expected.startswith("api "):
        if not answer.sees_requests or any(
            action.startswith(expected) for action in answer.actions
        ):
            return
    elif answer.actions and answer.actions[-1] == expected:
        return
    came = ", ".join(answer.actions) or NOTHING
    yield Mismatch(place=(*at, "action"), what="action", expected=expected, came=came)


def _recorded(expect: Expect, answer: Answer, at: tuple[str | int, ...]) -> Iterable[Mismatch]:
    if answer.recorded is None:
        return
    came = ", ".join(sorted(answer.recorded)) or NOTHING
    for index, name in enumerate(expect.recorded):
        if name not in answer.recorded:
            place = (*at, "recorded", index)
            yield Mismatch(place=place, what="recorded", expected=name, came=came)


def _has(text: str, words: str) -> bool:
    return contains_phrase(spoken_form(text), spoken_form(words))
