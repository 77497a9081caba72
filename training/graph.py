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
    """Return the bigram of `sentences` as an acceptor of word numbers."""
    pairs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    single: Counter[str] = Counter({UNKNOWN_WORD: _UNKNOWN_COUNT})
    for sentence in sentences:
        for before, after in zip(["<s>", *sentence], [*sentence, "</s>"], strict=True):
            pairs[before][after] += 1
            single[after] += 1
    share = {word: count / single.total() for word, count in single.items()}

    model = fst.VectorFst()
    backoff = model.add_state()
    state = {word: model.add_state() for word in ["<s>", *(w for w in single if w != "</s>")]}
    model.set_start(state["<s>"])

    def arc(source: int, word: str, probability: float) -> None:
        if word == "</s>":
            model.set_final(source, -math.log(probability))
        else:
            label = number[word]
            model.add_arc(source, fst.Arc(label, label, -math.log(probability), state[word]))

    for before, after in pairs.items():
        kept = after.total() / (after.total() + len(after))
        for word, count in after.items():
            arc(state[before], word, kept * count / after.total() + (1 - kept) * share[word])
        model.add_arc(state[before], fst.Arc(0, 0, -math.log(1 - kept), backoff))
    for word, probability in share.items():
        arc(backoff, word, probability)
        if word not in pairs and word != "</s>":
            model.add_arc(state[word], fst.Arc(0, 0, 0.0, backoff))
    model.arcsort("ilabel")
    return model


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
