"""How often the mood of a sentence is told rightly, on sentences that people rated.

python -m bench.sentiment FOLDER

FOLDER holds the ground truth of Hutto and Gilbert, "VADER", ICWSM 2014 (cjhutto/vaderSentiment,
`hutto_ICWSM_2014.tar.gz`): a number, a mean rating of twenty people (-4 to 4), the sentence.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ivr.benchmarks.results import Cell, machine, save
from ivr.nlu.sentiment import sentiment_of

_SETS = {
    "tweets": "tweets_GroundTruth.txt",
    "product reviews": "amazonReviewSnippets_GroundTruth.txt",
    "film reviews": "movieReviewSnippets_GroundTruth.txt",
    "editorials": "nytEditorialSnippets_GroundTruth.txt",
}
_FELT, _CLEAR = 0.5, 1.0
"""Ratings from which a sentence is no longer neutral, and from which it is plainly not."""


def _label(rating: float, least: float) -> str:
    return "negative" if rating <= -least else "positive" if rating >= least else "neutral"


def _measured(file: Path) -> dict[str, Cell]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    rated = [(float(rating), text) for _, rating, text in (line.split("\t", 2) for line in lines)]
    begun = time.perf_counter()
    told = [sentiment_of(text, "en").label for _, text in rated]
    took = time.perf_counter() - begun
    both = [(rating, label) for (rating, _), label in zip(rated, told, strict=True)]
    clear = [(_label(r, _CLEAR), label) for r, label in both if abs(r) >= _CLEAR]
    right = sum(_label(rating, _FELT) == label for rating, label in both)
    opposite = sum({want, label} == {"positive", "negative"} for want, label in clear)
    return {
        "sentences": len(rated),
        "right, of three, %": round(100 * right / len(rated), 1),
        "plain ones right, %": round(100 * sum(w == x for w, x in clear) / len(clear), 1),
        "plain ones taken for the opposite, %": round(100 * opposite / len(clear), 1),
        "ms a sentence": round(1000 * took / len(rated), 2),
    }


def main() -> None:
    where = machine()
    folder = Path(sys.argv[1])
    rows = {name: _measured(folder / file) for name, file in _SETS.items()}
    for name, cells in rows.items():
        print(name, cells)
    save(
        "sentiment",
        title="Mood",
        order=15,
        text="The mood of a sentence (negative, neutral, positive) by its words, against the mean "
        "rating of twenty people (Hutto and Gilbert, ICWSM 2014). Neutral is a rating within half "
        "a point of nought; plain ones are a point or more from it. Nothing was tuned on these "
        "sets, which are no calls: no labelled calls were to be had. A neutral guess is the "
        "commonest mistake; the opposite mood is rarely told.",
        command="python -m bench.sentiment FOLDER",
        rows=rows,
        where=where,
    )


if __name__ == "__main__":
    main()
