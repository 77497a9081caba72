"""Which of two hypotheses to believe: the one narrowed to likely answers, or the open one. Pure.

A narrowed recogniser hears likely answers in everything: "thank you very much" is "three two
seven" to one that knows only digits, and it is sure of it. An open one takes two for to. So
neither is right for being sure; what the open one heard tells which of them to ask.
"""

from __future__ import annotations

from collections.abc import Iterable

from ivr.speech.recognition.recogniser import Transcript

_SURER_BY = 0.1
_SURE = 0.8


def choose(narrow: Transcript, open_: Transcript, phrases: Iterable[str]) -> Transcript:
    """Return the hypothesis to believe, given the `phrases` that `narrow` was narrowed to.

    The open one wins where the narrow one heard nothing, where it is clearly surer, or where it
    is sure of several words most of which are no likely answer's.
    """
    if not open_.text or narrow.text == open_.text:
        return narrow
    if not narrow.text or open_.confidence > narrow.confidence + _SURER_BY:
        return open_
    likely = {word for phrase in phrases for word in phrase.lower().split()}
    words = open_.text.split()
    foreign = sum(word not in likely for word in words)
    if len(words) > 1 and foreign * 2 > len(words) and open_.confidence >= _SURE:
        return open_
    return narrow
