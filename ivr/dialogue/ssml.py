"""SSML in templates, turned into what every engine can say: words and punctuation.

None of our engines reads SSML, and what is said is also shown, kept and compared, so the markup of
a template is worked out when it is compiled:

    <break/>                            a pause, as a comma or, from 400 ms on, as a full stop makes
    <p> <s>                             a sentence of its own
    <sub alias="State Bank">SBI</sub>   the alias
    <say-as interpret-as="digits">      one by one: digits, characters, spell-out, telephone
    all others                          what stands within

Speech Synthesis Markup Language 1.1, https://www.w3.org/TR/speech-synthesis11/. What callers and
integrations supply is never markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ivr.dialogue.faults import did_you_mean

ELEMENTS = (
    "break", "emphasis", "lang", "mark", "p", "phoneme", "prosody", "s", "say-as", "speak", "sub",
    "voice", "w",
)  # fmt: skip
_SENTENCES = frozenset({"p", "s"})
_ONE_BY_ONE = frozenset({"characters", "digits", "spell-out", "telephone"})
_LONG_BREAK_MS = 400
_STRONG = frozenset({"medium", "strong", "x-strong"})

_JINJA = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*)"
    r"(?P<attributes>(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*)\s*(?P<empty>/?)>"
)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_TIME = re.compile(r"([0-9]*\.?[0-9]+)\s*(ms|s)")


class BadSsml(ValueError):
    """Markup that cannot be read; its text says why."""


class _Open(NamedTuple):
    """An element that is not closed yet, and where in the output it began."""

    name: str
    attributes: dict[str, str]
    began: int


def plain(source: str) -> str:
    """The template `source` without its SSML. Raises BadSsml."""
    if "<" not in source:
        return source
    out: list[str] = []
    open_: list[_Open] = []
    for piece in _pieces(source):
        if isinstance(piece, str):
            out.append(piece)
            continue
        name = piece["name"]
        if name not in ELEMENTS:
            raise BadSsml(f"SSML has no <{name}> here. {did_you_mean(name, ELEMENTS)}".strip())
        if piece["end"]:
            _close(out, open_, name)
        elif piece["empty"] or name == "mark":
            _say_empty(out, name, _attributes(piece))
        else:
            open_.append(_Open(name, _attributes(piece), len(out)))
            if name in _SENTENCES:
                _pause(out, ".")
    if open_:
        raise BadSsml(f"<{open_[-1].name}> is never closed")
    return "".join(out)


def _pieces(source: str) -> Iterator[str | re.Match[str]]:
    """Text and Jinja as they stand, and tags; what stands within Jinja is none."""
    for part in _JINJA.split(source):
        if _JINJA.fullmatch(part):
            yield part
            continue
        at = 0
        for tag in _TAG.finditer(part):
            if tag.start() > at:
                yield part[at : tag.start()]
            yield tag
            at = tag.end()
        if at < len(part):
            yield part[at:]


def _attributes(tag: re.Match[str]) -> dict[str, str]:
    found = _ATTRIBUTE.findall(tag["attributes"])
    return {name: double or single for name, double, single in found}


def _say_empty(out: list[str], name: str, attributes: dict[str, str]) -> None:
    if name == "break" and attributes.get("strength") != "none":
        time = _TIME.fullmatch(attributes.get("time", ""))
        ms = float(time[1]) * (1 if time[2] == "ms" else 1000) if time else 0.0
        _pause(out, "." if ms >= _LONG_BREAK_MS or attributes.get("strength") in _STRONG else ",")
    elif name == "sub":
        out.append(attributes.get("alias", ""))


def _close(out: list[str], open_: list[_Open], name: str) -> None:
    if not open_ or open_[-1].name != name:
        raise BadSsml(f"</{name}> closes nothing")
    element = open_.pop()
    within = out[element.began :]
    if name == "sub":
        out[element.began :] = [element.attributes.get("alias", "".join(within))]
    elif name == "say-as" and element.attributes.get("interpret-as") in _ONE_BY_ONE:
        out[element.began :] = [_one_by_one(each) for each in within]
    elif name in _SENTENCES:
        _pause(out, ".")


def _one_by_one(piece: str) -> str:
    if piece.startswith("{{"):
        return f"{{{{ ({piece[2:-2].strip()}) | digits }}}}"
    if _JINJA.fullmatch(piece) or not piece.strip():
        return piece
    quoted = piece.strip().replace("\\", "").replace("'", "")
    return f"{{{{ '{quoted}' | digits }}}}"


def _pause(out: list[str], mark: str) -> None:
    """A pause after what was said so far, where none is yet."""
    said = "".join(out).rstrip()
    if not said or said[-1] in ".,!?;:।" or said.endswith("%}"):
        out.append(" ")
        return
    for place in range(len(out) - 1, -1, -1):
        out[place] = out[place].rstrip()
        if out[place]:
            break
    out.append(f"{mark} ")
