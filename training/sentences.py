"""What callers of a bank say: sentences for the language model, and for synthetic voices to speak.

Four sources: templates of our own, filled with numbers, dates and amounts; the examples that the
interpreters are taught (`nlu_models/*/en/nlu.yml`, ours); what the project's own lines say (tests
listen to them with the model); and BANKING77's training set.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from training.lexicon import known

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = ("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = (
    "january february march april may june july august september october november december"
).split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth twelfth fifteenth"
    " twentieth thirtieth"
).split()
_NAMES = (
    "john mary david sarah michael james robert peter anna maria raj amit priya sunil kumar smith"
).split()
_CURRENCIES = "rupees dollars pounds euros".split()
_HOURS = [*DIGITS[1:], "ten", "eleven", "twelve"]

TEMPLATES = tuple(
    line.strip()
    for line in (Path(__file__).parent / "templates.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
)

_LONGEST = 16
_OFTEN = 3
SAID_OFTEN = 15
"""As often a sentence counts that callers are expected to say, beside one that they might."""


class Sentences:
    """Templates that fill themselves, from one source of chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sentences, not secrets

    def any(self) -> str:
        """A sentence of any template."""
        return self.filled(self._random.choice(TEMPLATES))

    def filled(self, template: str) -> str:
        """`template` with each {place} filled."""
        text = re.sub(r"\{(\w+)\}", lambda place: getattr(self, place[1])(), template)
        return re.sub(r"\s+", " ", text).strip()

    def digits(self) -> str:
        """One to ten digits, with an "oh" or a "double" now and then."""
        count = self._random.choice([1, 1, 1, 2, 3, 4, 4, 4, 5, 6, 6, 6, 8, 10])
        odd = self._random.random() < 0.25
        said = []
        for _ in range(count):
            digit = self._random.choice(DIGITS)
            if odd and self._random.random() < 0.3:
                digit = self._random.choice(["oh", f"double {digit}", f"triple {digit}"])
            said.append(digit)
        return " ".join(said)

    def digit(self) -> str:
        return self._random.choice(DIGITS)

    def number(self) -> str:
        """1 to 99."""
        kind = self._random.random()
        if kind < 0.3:
            return self._random.choice(DIGITS[1:])
        if kind < 0.5:
            return self._random.choice(TEENS)
        return f"{self._random.choice(TENS)} {self._random.choice(['', *DIGITS[1:]])}".strip()

    def amount(self) -> str:
        kind = self._random.random()
        currency = self._random.choice(_CURRENCIES)
        if kind < 0.3:
            return f"{self.number()} {currency}"
        if kind < 0.6:
            rest = self._random.choice(["", f"and {self.number()}"])
            return f"{self._random.choice(DIGITS[1:])} hundred {rest} {currency}"
        rest = self._random.choice(["", f"{self._random.choice(DIGITS[1:])} hundred"])
        return f"{self.number()} thousand {rest} {currency}"

    def date(self) -> str:
        article = self._random.choice(["", "the"])
        return f"{article} {self._random.choice(_ORDINALS)} of {self._random.choice(MONTHS)}"

    def day(self) -> str:
        return self._random.choice(DAYS)

    def hour(self) -> str:
        after = self._random.choice([" a m", " p m", " thirty", "", " o'clock"])
        return self._random.choice(_HOURS) + after

    def few(self) -> str:
        return self._random.choice(DIGITS[1:])

    def name(self) -> str:
        return self._random.choice(_NAMES)


def templates(count: int, seed: int) -> list[str]:
    """Return each template once, and `count` of any, filled and sayable."""
    make = Sentences(seed)
    said = [make.filled(template) for template in TEMPLATES]
    said += [make.any() for _ in range(count)]
    return [text for text in said if known(text)]


def taught(project: Path) -> list[str]:
    """Return the English examples of the project's applications, entities as they are said."""
    found: list[str] = []
    for file in sorted((project / "nlu_models").glob("*/en/nlu.yml")):
        for item in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            for line in item.get("examples", "").splitlines():
                text = re.sub(r"\[([^\]]+)\](\([^)]*\)|\{[^}]*\})", r"\1", line.removeprefix("- "))
                found.append(plain(text))
    return [text for text in found if text and not re.search(r"\d", text) and known(text)]


def prompts(project: Path) -> list[str]:
    """Return what the project's flows and languages say in English, clause by clause, but for
    the values in it.
    """
    files = [project / "ivr" / "languages" / "en.json", *sorted((project / "flows").glob("*.json"))]
    found: list[str] = []
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        texts = [*document.get("prompts", {}).values()] if file.stem == "en" else _english(document)
        for text in texts:
            clauses = re.split(r"\{[{%].*?[%}]\}|[.,;:?!]", text)
            found += [plain(clause) for clause in clauses]
    return [text for text in found if text and known(text)]


def phrases(project: Path) -> list[str]:
    """Return what is understood anywhere without an interpreter ("and the other one")."""
    file = project / "ivr" / "languages" / "en.json"
    language = json.loads(file.read_text(encoding="utf-8"))
    lists = [*language["globals"].values()]
    lists += [language[name] for name in ("yes", "no", "first", "second", "emergencies")]
    found = [plain(text) for texts in lists for text in texts]
    return [text for text in found if text and known(text)]


def _english(part: Any) -> list[str]:
    """All texts under a key "en", at any depth."""
    if isinstance(part, list):
        return [text for one in part for text in _english(one)]
    if not isinstance(part, dict):
        return []
    here = part.get("en")
    texts = [here] if isinstance(here, str) else []
    if isinstance(here, list):
        texts += [text for text in here if isinstance(text, str)]
    return texts + [text for one in part.values() for text in _english(one)]


def banking77(file: Path) -> list[str]:
    """Return the sentences of BANKING77 that are short and made of words it has often."""
    with file.open(encoding="utf-8", newline="") as rows:
        said = [row["text"] for row in csv.DictReader(rows)]
    texts = [plain(text) for text in said if not re.search(r"\d", text)]
    texts = [text for text in texts if text and len(text.split()) <= _LONGEST and known(text)]
    count = Counter(word for text in texts for word in text.split())
    return [text for text in texts if all(count[word] >= _OFTEN for word in text.split())]


def plain(text: str) -> str:
    """Return a sentence as it is said: lower case, currencies spelled, no punctuation."""
    text = (
        text.lower().replace("\u2019", "'").replace("\u00a3", " pounds ").replace("$", " dollars ")
    )
    text = re.sub(r"[^a-z' ]", " ", text)
    return re.sub(r"\s+", " ", text).strip()
