"""Which of two hypotheses to believe: the one narrowed to likely answers, or the open one. Pure.

A narrowed recogniser hears likely answers in everything: "thank you very much" is "three two
seven" to one that knows only digits, and it is sure of it. An open one takes two for to. So
neither is right for being sure; what the open one heard tells which of them to ask.

What is understood anywhere ("agent", "help") is no digit's neighbour in the open one, and in the
narrow one nothing but digits: "agent" is "eight one" there. Only "five" and "four" sound like two
of these phrases, so those two are left to questions that expect no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ivr.nlu.language_id import identify
from ivr.speech.recognition.recogniser import Transcript

_SURER_BY = 0.1
_MORE = 2
_SURE = 0.8
_LIKE_DIGITS = frozenset({"bye", "more"})


def choose(
    narrow: Transcript,
    open_: Transcript,
    phrases: Iterable[str],
    *,
    anywhere: Callable[[str], bool] = lambda _: False,
) -> Transcript:
    """Return the hypothesis to believe, with the other as its alternative, given the `phrases`
    that `narrow` was narrowed to, and what is understood `anywhere`, whatever is asked.

    The open one wins where the narrow one heard nothing, where it is clearly surer, where it is
    sure of what is understood anywhere, of several words most of which are no likely answer's, or
    of what the narrow one heard and more words around it, of which it knew not all.
    """
    if not open_.text or narrow.text == open_.text:
        return narrow
    believed = _believed(narrow, open_, phrases, anywhere)
    if believed is open_:
        return replace(open_, alternatives=(narrow.text,)) if narrow.text else open_
    agreed = set(narrow.text.split()) & set(open_.text.split())
    disputed = 0.0 if agreed else open_.confidence
    return replace(narrow, alternatives=(open_.text,), disputed=disputed)


def spoken_in(heard: Mapping[str, Transcript], first: str) -> Transcript:
    """Return what was heard, and in which language: `heard` has the transcript of each language
    that was listened for, `first` being the one that is spoken so far.

    Any recogniser makes words of any sound. So another language has to be surer than the first,
    and its words have to be that language's by their letters; where none is plainly it, the first
    one's words are kept, without a language.
    """
    plain = {
        code: words
        for code, words in heard.items()
        if words.confidence >= _SURE and identify(words.text, heard) == code
    }
    if not plain:
        return heard[first]
    ranked = sorted(plain, key=lambda code: (plain[code].confidence, code == first), reverse=True)
    best = ranked[0]
    close = any(
        plain[best].confidence - plain[code].confidence < _SURER_BY / 2 for code in ranked[1:]
    )
    return heard[first] if close else replace(plain[best], language=best)


def _believed(
    narrow: Transcript,
    open_: Transcript,
    phrases: Iterable[str],
    anywhere: Callable[[str], bool],
) -> Transcript:
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
    less = narrow.text.split()
    more = foreign and len(words) >= len(less) + _MORE and _within(less, words)
    return open_ if sure and more else narrow


def _within(some: Iterable[str], words: Iterable[str]) -> bool:
    """Whether `some` stand in `words`, in their order."""
    rest = iter(words)
    return all(word in rest for word in some)
