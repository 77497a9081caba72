"""What is known of one language: what we say in it, what callers say in it, how values sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Words = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Speaking(_Part):
    """How values are said. Where a part is missing, figures are left as figures, which speech
    engines read.
    """

    num2words: str | None = None
    """The language of num2words that counts for it."""
    below_100: Words = ()
    """Numbers 0 to 99, where num2words does not count: 100 words, or none."""
    scales: tuple[tuple[int, str], ...] = ()
    """What larger numbers are counted in, largest first: (1000, "thousand")."""
    digits: Words = ()
    """0 to 9, as digits are read out."""
    months: Words = ()
    date: str | None = None
    """A date, of {day}, {ordinal}, {month}, {year}."""
    time: str | None = None
    """A time of day, of {hour} (1 to 12), {minute}, {part}."""
    full_hour: str | None = None
    """The same at minute 0."""
    day_parts: tuple[tuple[int, str], ...] = ()
    """{part}, by the hour from which it is said."""
    currencies: Mapping[str, tuple[str, str, str, str]] = Field(default_factory=dict)
    """ISO 4217 code to: one of the unit, many of it, one of its hundredth, many of it."""
    before_currencies: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    """Words of a number that change before a currency, by its code; "*" is any other."""
    and_: str | None = Field(None, alias="and")
    """Between units and hundredths."""
    minus: str = "-"
    signs: Mapping[str, str] = Field(default_factory=dict)
    """How "percent", "plus" (of a phone number) and "point" (before a fraction) are said."""
    words_in_capitals: Words = ()
    """Acronyms that are said as a word: "PIN". The others are spelled."""


class Hearing(_Part):
    """How values are understood, by the rules of `ivr.nlu.values`. English has finer rules of its
    own.
    """

    numbers: Mapping[str, int] = Field(default_factory=dict)
    scales: Mapping[str, int] = Field(default_factory=dict)
    """Words that multiply what was said before them."""
    joints: Words = ()
    """Words within a number that count nothing."""
    repeats: Mapping[str, int] = Field(default_factory=dict)
    """Words that repeat the digit after them: {"double": 2}."""
    currencies: Words = ()
    minor: Words = ()
    """Hundredths of a currency."""
    months: Mapping[str, int] = Field(default_factory=dict)
    days: Mapping[str, int] = Field(default_factory=dict)
    """Words for a day, counted from today."""
    of: Words = ()
    """What may stand between the day and the month of a date."""
    articles: Words = ()
    """Numbers that alone, and beside other words, count nothing: "una tarjeta"."""
    decimal: str = Field(".", pattern=r"^[.,]$")
    """What stands before the hundredths in figures; the other one parts thousands."""
    openers: Words = ()
    """What a sentence may begin with before its yes or no."""


class Feelings(_Part):
    """How people show what they feel, by the rules of `ivr.nlu.sentiment`."""

    pleased: Words = ()
    annoyed: Words = ()
    abusive: Words = ()
    """Insults: whoever is called that gets a calm answer."""
    negations: Words = ()
    """Single words that turn a feeling round, up to three words later."""
    negation_after: int = Field(0, ge=0, le=3)
    """How many words later they may follow what they turn round, as in Hindi."""
    stronger: Words = ()
    """Single words that make the next one stronger: "very"."""


class Language(_Part):
    """One language. Phrases are compared without case and punctuation."""

    code: str = Field(pattern=r"^[a-z]{2,8}$")
    name: str = ""
    """In English, for people who build flows."""
    names: Annotated[Mapping[str, Words], BeforeValidator(lambda names: names or {})] = Field(
        default_factory=dict
    )
    """What callers call it, by the code of the language they call it in."""
    words_per_minute: int = Field(150, ge=40, le=400)
    """How fast it is spoken, to estimate how long a prompt lasts."""
    prompts: Mapping[str, str] = Field(default_factory=dict)
    """The sentences that every flow needs: name to template source."""

    yes: Words = ()
    no: Words = ()
    digits: Words = ()
    """Spoken digits, and the words that repeat them: they narrow the recogniser."""
    numbers: Words = ()
    """What sums of money are made of; likewise. None leaves the recogniser open."""
    cards: Mapping[str, Words] = Field(default_factory=dict)
    """Kind of card to its names."""
    globals: Mapping[str, Words] = Field(default_factory=dict)
    """Global intent to the phrases that mean it."""
    corrections: Words = ()
    """How a sentence begins that corrects what was said before."""
    fillers: Words = ()
    """What may stand before or after a phrase and means nothing: "please"."""
    backchannels: Words = ()
    """What listeners say to show that they listen: "hmm"; none of it interrupts anybody."""
    interruptions: Words = ()
    """What is said to make somebody stop who speaks: "wait"."""
    unfinished: Words = ()
    """Single words after which nobody stops, unless the application's callers were heard to."""
    emergencies: Words = ()
    """Whoever says one of these anywhere in a sentence needs help at once."""
    first: Words = ()
    """The first of two things that were offered."""
    second: Words = ()

    feelings: Feelings = Field(default_factory=Feelings)
    speaking: Speaking = Field(default_factory=Speaking)
    hearing: Hearing = Field(default_factory=Hearing)

    def called(self, other: str) -> Words:
        """What speakers of this language, or of `other` itself, call this one."""
        return (*self.names.get(other, ()), *self.names.get(self.code, ()))

    def __hash__(self) -> int:
        return hash(self.code)

    @classmethod
    def unknown(cls, code: str) -> Language:
        """A language of which nothing is known: flows in it bring all their own words."""
        return cls.model_construct(**_NOTHING, code=code)


_NOTHING: dict[str, Any] = {
    name: value for name, value in Language(code="xx").__dict__.items() if name != "code"
}
