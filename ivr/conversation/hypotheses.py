"""Which of two hypotheses to believe: the one narrowed to likely answers, or the open one. Pure.

A narrowed recogniser hears likely answers in everything: "thank you very much" is "three two
seven" to one that knows only digits, and it is sure of it. An open one takes two for to. So
neither is right for being sure; what the open one heard tells which of them to ask.

What is understood anywhere ("agent", "help") is no digit's neighbour in the open one, and in the
narrow one nothing but digits: "agent" is "eight one" there. Only "five" and "four" sound like two
of these phrases, so those two are left to questions that expect no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ivr.speech.recognition.recogniser import Transcript

_SURER_BY = 0.1
_SURE = 0.8
_LIKE_DIGITS = frozenset({"bye", "more"})


def choose(
    narrow: Transcript,
    open_: Transcript,
    phrases: Iterable[str],
    *,
    anywhere: Callable[[str], bool] = lambda _: False,
) -> Transcript:
    """Return the hypothesis to believe, given the `phrases` that `narrow` was narrowed to, and
    what is understood `anywhere`, whatever is asked.

    The open one wins where the narrow one heard nothing, where it is clearly surer, where it is
    sure of what is understood anywhere, or of several words most of which are no likely answer's.
    """
    if not open_.text or narrow.text == open_.text:
        return narrow
    sure = open_.confidence >= _SURE
    if sure and open_.text not in _LIKE_DIGITS and anywhere(open_.text):
        return open_
    if not narrow.text or open_.confidence > narrow.confidence + _SURER_BY:
        return open_
    likely = {word for phrase in phrases for word in phrase.lower().split()}
    words = open_.text.split()
    foreign = sum(word not in likely for word in words)
    if len(words) > 1 and foreign * 2 > len(words) and sure:
        return open_
    return narrow
