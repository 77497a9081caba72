"""Cutting a sentence into what is spoken in one breath. Pure.

A slow engine makes a sentence piece by piece, so that the first is heard while it makes the next.
Pieces are the fixed parts of a template, whose sound is in the prompt cache in every call ("The
balance of your account is"), and the clauses of what varies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHORTEST = 12
"""Characters: a clause that is shorter stays with its neighbour, or speech becomes choppy."""

_CLAUSE = re.compile(r"(?<=[,;:—\u2013])\s+")
_SENTENCE = re.compile(r"(?<=[.!?।])\s+")
_EDGE = re.compile(r"^[\s,.;:!?।—\u2013-]+")
_ENDED = re.compile(r"[.,;:!?।—\u2013]$")
_FEWEST_WORDS = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece as it stands in the sentence; `fixed` when it is the same in every call."""

    text: str
    fixed: bool = False

    @property
    def spoken(self) -> str:
        """What the engine is asked for: with a comma where the sentence goes on, so that the voice
        does not fall as at an end."""
        return self.text if _ENDED.search(self.text) else f"{self.text},"


def fixed_parts(literals: Iterable[str]) -> list[str]:
    """The parts of a template that are worth keeping: `literals` is its text between variables, in
    order. Whole sentences, and beginnings or ends of two words or more."""
    found = []
    for literal in literals:
        for sentence in _SENTENCE.split(" ".join(literal.split())):
            part = _EDGE.sub("", sentence).strip()
            if len(part.split()) >= _FEWEST_WORDS and len(part) >= SHORTEST:
                found.append(part)
    return list(dict.fromkeys(found))


class Cutter:
    """Cuts sentences at the fixed parts of a flow's templates in one language, and at clauses."""

    def __init__(self, fixed: Iterable[str] = ()) -> None:
        longest_first = sorted({part for part in fixed if part}, key=len, reverse=True)
        alternatives = "|".join(re.escape(part) for part in longest_first)
        self._fixed = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)") if alternatives else None

    def cut(self, sentence: str, *, clauses: bool = True) -> list[Piece]:
        """The pieces of a sentence, in order; joined by spaces they are the sentence again.

        Without `clauses` only its fixed parts are cut out.
        """
        pieces: list[Piece] = []
        place = 0
        for match in self._fixed.finditer(sentence) if self._fixed else ():
            pieces += _varying(sentence[place : match.start()], clauses)
            pieces.append(Piece(match.group(), fixed=True))
            place = match.end()
        pieces += _varying(sentence[place:], clauses)
        return _with_its_marks(pieces)


def _varying(text: str, clauses: bool) -> list[Piece]:
    text = text.strip()
    if not text:
        return []
    parts = _joined(_CLAUSE.split(text)) if clauses else [text]
    return [Piece(part) for part in parts]


def _joined(clauses: Sequence[str]) -> list[str]:
    """Clauses, the short ones joined with what follows, and a short last one with what precedes."""
    parts: list[str] = []
    for clause in clauses:
        if parts and (len(parts[-1]) < SHORTEST or len(clause) < SHORTEST):
            parts[-1] = f"{parts[-1]} {clause}"
        else:
            parts.append(clause)
    return parts


def _with_its_marks(pieces: list[Piece]) -> list[Piece]:
    """Pieces without those that are only punctuation: a mark goes to the piece before it."""
    found: list[Piece] = []
    for piece in pieces:
        if any(char.isalnum() for char in piece.text):
            found.append(piece)
        elif found:
            found[-1] = Piece(f"{found[-1].text}{piece.text}", fixed=False)
    return found or pieces
