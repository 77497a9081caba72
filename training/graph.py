"""The decoding graph: what can be said, and how it is pronounced.

Two transducers, composed while decoding, so that a grammar can take the place of the language
model: `HCLr.fst` from the network's outputs to words, `Gr.fst` a bigram language model
(Witten-Bell smoothing) over the sentences. The topology is CTC's: a phone is heard once or for
as long as it is, silence (the blank) between any two, and must be between two that are equal.

Labels are Kaldi's: phone i (from 1) has the transition 2i - 1 for staying and 2i for leaving;
the symbols above are the lexicon's own disambiguation.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pywrapfst as fst

from training.lexicon import SILENCE, UNKNOWN, Pronunciation, dictionary, phones

UNKNOWN_WORD = "[unk]"
UNKNOWN_PHONE = 4.0
"""Price of a phone of an unknown word, as a negative logarithm."""
_UNKNOWN_COUNT = 30
_ORDER = 3
_OFTEN_ENOUGH = 2
_LEAST_LEFT = 0.05
_BEGIN, _END = "<s>", "</s>"

History = tuple[str, ...]
"""The words before a word, at most two."""


def write_graph(sentences: Iterable[str], folder: Path) -> int:
    """Write the graph of `sentences` into `folder`; return how many words it knows."""
    said = [sentence.split() for sentence in sentences]
    words = sorted({word for sentence in said for word in sentence})
    symbols = ["<eps>", UNKNOWN_WORD, *words, "#0", "<s>", "</s>"]
    number = {word: at for at, word in enumerate(symbols)}
    (folder / "words.txt").write_text(
        "".join(f"{word} {at}\n" for word, at in number.items()), encoding="utf-8"
    )
    language_model(said, number).write(str(folder / "Gr.fst"))

    ways: dict[str, set[Pronunciation]] = {word: set(dictionary()[word]) for word in words}
    lexicon, marks = _lexicon(ways, number)
    topology = _topology(len(phones()), marks)
    topology.arcsort("olabel")
    lexicon.arcsort("ilabel")
    composed = fst.compose(topology, lexicon)
    composed.arcsort("olabel")
    composed.write(str(folder / "HCLr.fst"))
    first = 2 * len(phones()) + 1
    (folder / "disambig_tid.int").write_text(
        "".join(f"{first + mark}\n" for mark in range(marks)), encoding="utf-8"
    )
    return len(words)


def language_model(sentences: list[list[str]], number: dict[str, int]) -> fst.VectorFst:
    """Return the trigram of `sentences` as an acceptor of word numbers; what came only once is
    no reason to remember two words.
    """
    after = _followers(sentences)
    words = set(after[()])
    shares: dict[History, dict[str, float]] = {}
    for history in sorted(after, key=len):
        counts = after[history]
        kept = 1 - _left(counts) if history else 1.0
        below = shares[history[1:]] if history else {}
        shares[history] = {
            word: kept * count / counts.total() + (1 - kept) * below.get(word, 0.0)
            for word, count in counts.items()
        }
    model = fst.VectorFst()
    state = {history: model.add_state() for history in after}
    for word in words - {_END}:
        if (word,) not in state:
            state[word,] = model.add_state()
    model.set_start(state[_BEGIN,])
    for history, source in state.items():
        for word, share in shares.get(history, {}).items():
            if word == _END:
                model.set_final(source, -math.log(share))
                continue
            target = (*history, word)[-_ORDER + 1 :]
            while target not in state:
                target = target[1:]
            label = number[word]
            model.add_arc(source, fst.Arc(label, label, -math.log(share), state[target]))
        if history:
            left = _left(after.get(history, Counter()))
            model.add_arc(source, fst.Arc(0, 0, -math.log(left), state[history[1:]]))
    model.arcsort("ilabel")
    return model


def _left(counts: Counter[str]) -> float:
    """Return what is left for words that never came after a history (Witten and Bell, 1991): no
    less than a share, since a sentence that counts often is no proof that no other is said.
    """
    if not counts:
        return 1.0
    return max(_LEAST_LEFT, len(counts) / (counts.total() + len(counts)))


def _followers(sentences: list[list[str]]) -> dict[History, Counter[str]]:
    """Return how often each word came after up to two others."""
    after: defaultdict[History, Counter[str]] = defaultdict(Counter)
    after[()][UNKNOWN_WORD] = _UNKNOWN_COUNT
    for sentence in sentences:
        said = [_BEGIN, *sentence, _END]
        for at in range(1, len(said)):
            for length in range(min(at, _ORDER - 1) + 1):
                after[tuple(said[at - length : at])][said[at]] += 1
    return {
        history: counts
        for history, counts in after.items()
        if len(history) < 2 or counts.total() >= _OFTEN_ENOUGH
    }


def _lexicon(
    ways: dict[str, set[Pronunciation]], number: dict[str, int]
) -> tuple[fst.VectorFst, int]:
    """Return the lexicon, from phones (and marks above them) to words, and how many marks there
    are: words that sound alike, or like the beginning of another, need one to be told apart.
    """
    entries = [(way, word) for word in sorted(ways) for way in sorted(ways[word])]
    sounds = Counter(way for way, _ in entries)
    beginnings = {way[:length] for way, _ in entries for length in range(1, len(way))}
    label = {phone: at + 1 for at, phone in enumerate(phones())}
    used: Counter[Pronunciation] = Counter()
    lexicon = fst.VectorFst()
    root = lexicon.add_state()
    lexicon.set_start(root)
    lexicon.set_final(root)
    for way, word in entries:
        labels = [label[phone] for phone in way]
        if sounds[way] > 1 or way in beginnings:
            used[way] += 1
            labels.append(len(phones()) + used[way])
        source = root
        for at, spoken in enumerate(labels):
            target = root if at == len(labels) - 1 else lexicon.add_state()
            lexicon.add_arc(source, fst.Arc(spoken, 0 if at else number[word], 0.0, target))
            source = target
    small = fst.determinize(lexicon)
    small.minimize()
    marks = max(used.values(), default=0) + 1
    _anything(small, label, number[UNKNOWN_WORD], len(phones()) + marks)
    return small, marks


def _anything(lexicon: fst.VectorFst, label: dict[str, int], word: int, mark: int) -> None:
    """Let the unknown word be any phones at all, each at a price: so that what is no word of a
    grammar has a way to be heard, and what is one is not lost to it.
    """
    inside = lexicon.add_state()
    for phone, spoken in label.items():
        if phone not in (SILENCE, UNKNOWN):
            lexicon.add_arc(lexicon.start(), fst.Arc(spoken, word, UNKNOWN_PHONE, inside))
            lexicon.add_arc(inside, fst.Arc(spoken, 0, UNKNOWN_PHONE, inside))
    lexicon.add_arc(inside, fst.Arc(mark, 0, 0.0, lexicon.start()))


def _topology(count: int, marks: int) -> fst.VectorFst:
    """Return CTC's topology of `count` phones (the first is the blank), from transitions to
    phones; the lexicon's `marks` pass through everywhere.
    """
    topology = fst.VectorFst()
    start = topology.add_state()
    blank = topology.add_state()
    heard = {phone: topology.add_state() for phone in range(2, count + 1)}
    topology.set_start(start)
    for state in (start, blank, *heard.values()):
        topology.set_final(state)
        for mark in range(1, marks + 1):
            topology.add_arc(state, fst.Arc(2 * count + mark, count + mark, 0.0, state))
    topology.add_arc(start, fst.Arc(2, 0, 0.0, blank))
    topology.add_arc(blank, fst.Arc(1, 0, 0.0, blank))
    for phone, state in heard.items():
        for source in (start, blank, *(s for other, s in heard.items() if other != phone)):
            topology.add_arc(source, fst.Arc(2 * phone, phone, 0.0, state))
        topology.add_arc(state, fst.Arc(2 * phone - 1, 0, 0.0, state))
        topology.add_arc(state, fst.Arc(2, 0, 0.0, blank))
    return topology
