"""How well training data is understood: measured on sentences that were left out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.nlu.annotation import Example
from ivr.nlu.classifier import OUT_OF_SCOPE
from ivr.nlu.training_data import TrainingData

if TYPE_CHECKING:
    from spacy.language import Language

REJECTED_BELOW = 0.4
"""Confidence under which an utterance counts as not understood."""

_SYLLABLES = (
    "ba ble dro fip goo gro jib kla lum mip nuk ob plin quo rell sno tav wib zor zu".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """`accuracy`, `confident` and `rejected` are shares, 0..1.

    `accuracy`: sentences whose intent was found, never mind how surely; `confident`: found and
    not rejected. `rejected`: nonsense (syllables; the training data's words in random order)
    that was given a low confidence or called out of scope. `confusions`: (intent, taken for,
    times), most frequent first.
    """

    sentences: int
    accuracy: float
    confident: float
    per_intent: dict[str, float]
    confusions: list[tuple[str, str, int]]
    nonsense: int
    rejected: float


def cross_validate(
    data: TrainingData,
    language: str,
    *,
    folds: int = 5,
    progressed: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Train `folds` times (2 or more) on all but one part of `data`, and test on that part.

    `progressed` is told how many folds are done.
    """
    from ivr.nlu.pipeline import train_pipeline  # noqa: PLC0415 - imports spaCy

    examples = [(intent, one) for intent, many in data.intents.items() for one in many]
    random.Random(1).shuffle(examples)  # noqa: S311 - a split, no secret
    results: list[tuple[str, str, float]] = []
    noise: list[tuple[str, float]] = []
    for fold in range(folds):
        taught: dict[str, tuple[Example, ...]] = {}
        for number, (intent, example) in enumerate(examples):
            if number % folds != fold:
                taught[intent] = (*taught.get(intent, ()), example)
        part = TrainingData(intents=taught, synonyms=data.synonyms, lookups=data.lookups)
        nlp = train_pipeline(part, language)
        results += [(intent, *_best(nlp, one.text)) for intent, one in examples[fold::folds]]
        if fold == 0:
            noise = [_best(nlp, text) for text in nonsense(data)]
        progressed(fold + 1)
    return _summary(results, noise)


def nonsense(data: TrainingData, *, count: int = 200) -> list[str]:
    """Utterances that mean nothing: half made of syllables, half of known words at random."""
    dice = random.Random(2)  # noqa: S311 - test sentences, no secret
    words = sorted(
        {
            word
            for examples in data.intents.values()
            for example in examples
            for word in example.text.lower().split()
            if word.isalpha()
        }
    )
    syllables = [
        " ".join(
            "".join(dice.choices(_SYLLABLES, k=dice.randint(1, 3)))
            for _ in range(dice.randint(1, 4))
        )
        for _ in range(count // 2)
    ]
    shuffled = [" ".join(dice.choices(words, k=dice.randint(2, 5))) for _ in range(count // 2)]
    return syllables + shuffled if words else syllables


def _best(nlp: Language, text: str) -> tuple[str, float]:
    return next(iter(nlp(text).cats.items()))


def _summary(results: list[tuple[str, str, float]], noise: list[tuple[str, float]]) -> Evaluation:
    total = Counter(intent for intent, _, _ in results)
    right = Counter(intent for intent, found, _ in results if found == intent)
    wrong = Counter((intent, found) for intent, found, _ in results if found != intent)
    sure = sum(found == intent and score >= REJECTED_BELOW for intent, found, score in results)
    rejected = sum(score < REJECTED_BELOW or found == OUT_OF_SCOPE for found, score in noise)
    return Evaluation(
        sentences=len(results),
        accuracy=right.total() / max(1, len(results)),
        confident=sure / max(1, len(results)),
        per_intent={intent: right[intent] / count for intent, count in sorted(total.items())},
        confusions=[(*pair, count) for pair, count in wrong.most_common(10)],
        nonsense=len(noise),
        rejected=rejected / max(1, len(noise)),
    )
