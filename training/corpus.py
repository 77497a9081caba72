"""The corpus: every utterance that is trained on or chosen with, in one file of samples.

Two parts: `train` and `choose`. What is in `choose` (a speaker of FSDD, voices of the
synthesisers) is heard by the finished model only to compare models.
"""

from __future__ import annotations

import random
import wave
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray

from training import sources
from training.features import RATE
from training.lexicon import dictionary, known
from training.sentences import DAYS, DIGITS, MONTHS, TEENS, TENS, Sentences

if TYPE_CHECKING:
    from training.voices import Voices

Sound = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance: samples at 8,000 Hz, what is said, who says it. `human` digits are single
    words that may be joined to strings; `part` is "train" or "choose".
    """

    sound: Sound
    text: str
    speaker: str
    part: str = "train"
    human: bool = False


class Corpus:
    """Utterances, kept in a folder: `samples.npy` and `utterances.tsv`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def there(self) -> bool:
        """Whether it has been made."""
        return (self._folder / "utterances.tsv").is_file()

    def write(self, utterances: Iterable[Spoken]) -> int:
        """Write all of them; return how many."""
        self._folder.mkdir(parents=True, exist_ok=True)
        sounds: list[Sound] = []
        rows: list[str] = []
        at = 0
        for spoken in utterances:
            length = len(spoken.sound)
            fields = (at, length, spoken.speaker, spoken.part, int(spoken.human), spoken.text)
            rows.append("\t".join(map(str, fields)))
            sounds.append(spoken.sound)
            at += length
        np.save(self._folder / "samples.npy", np.concatenate(sounds))
        (self._folder / "utterances.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return len(rows)

    def read(self) -> list[Spoken]:
        """Return all utterances; their samples stay on disk until they are used."""
        samples = np.load(self._folder / "samples.npy", mmap_mode="r")
        found = []
        for row in (self._folder / "utterances.tsv").read_text(encoding="utf-8").splitlines():
            at, length, speaker, part, human, text = row.split("\t")
            sound = samples[int(at) : int(at) + int(length)]
            found.append(Spoken(sound, text, speaker, part, human == "1"))
        return found


def recordings(data: Path, choose: frozenset[str]) -> Iterator[Spoken]:
    """Yield the human recordings in `data`; those of the speakers in `choose` are kept apart."""
    fsdd = sources.FSDD.at(data)
    for file in sorted(fsdd.glob("*.wav")) if fsdd else ():
        digit, speaker, _ = file.stem.split("_")
        part = "choose" if speaker in choose else "train"
        yield Spoken(_sound(file), DIGITS[int(digit)], f"fsdd-{speaker}", part, True)
    asterisk = sources.ASTERISK.at(data)
    for file in sorted(asterisk.rglob("*.wav")) if asterisk else ():
        text = _ASTERISK.get(file.relative_to(asterisk).with_suffix("").as_posix())
        if text and known(text):
            yield Spoken(_sound(file), text, "allison", "train", " " not in text)
    commands = sources.COMMANDS.at(data)
    for file in sorted(commands.glob("*/*.wav")) if commands else ():
        # "none" is a folder of noises.
        if file.parent.name == "none" or not known(file.parent.name):
            continue
        with suppress(wave.Error):  # one recording of that set holds nothing
            yield Spoken(_sound(file), file.parent.name, "felix", "train", True)


def synthetic(
    sentences: list[str], voices: Voices, *, espeak: int, flite: int, seed: int
) -> Iterator[Spoken]:
    """Yield sentences spoken by synthetic voices: `espeak` and, for each voice of it, `flite`
    utterances to train on, and some in other voices to choose with.
    """
    from training import voices as names

    chance = random.Random(seed)  # noqa: S311 - sentences, not secrets
    fill = Sentences(seed + 1)
    words = sorted(dictionary())

    def text() -> str:
        kind = chance.random()
        if kind < 0.15:
            return fill.digits()
        if kind < 0.25:  # words that no model of ours knows: phones in all their company
            return " ".join(
                chance.choices([w for w in chance.choices(words, k=9) if "." not in w], k=4)
            )
        return chance.choice(sentences)

    for _ in range(espeak):
        said = text()
        voice, sound = voices.espeak(said)
        yield Spoken(sound, said, voice)
    if voices.flite:
        for voice in names.FLITE:
            for _ in range(flite):
                said = text()
                yield Spoken(voices.as_flite(voice, said), said, f"flite-{voice}")
    for at in range(240):
        said = chance.choice(sentences)
        voice = names.UNSEEN[at % len(names.UNSEEN)]
        yield Spoken(voices.as_espeak(voice, said), said, voice, "choose")
    for _ in range(80 if voices.flite else 0):
        said = chance.choice(sentences)
        voice = names.FLITE_UNSEEN
        yield Spoken(voices.as_flite(voice, said), said, f"flite-{voice}", "choose")


def _sound(file: Path) -> Sound:
    with wave.open(str(file)) as recording:
        rate, channels = recording.getframerate(), recording.getnchannels()
        samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    mono = samples.reshape(-1, channels).mean(1)
    return np.clip(soxr.resample(mono, rate, RATE), -32768, 32767).astype(np.int16)


def _asterisk() -> dict[str, str]:
    """What is said in Asterisk's recordings: FOLDER/NAME to words."""
    said = {f"digits/{at}": word for at, word in enumerate(DIGITS + TEENS)}
    said |= {f"digits/{20 + 10 * at}": word for at, word in enumerate(TENS)}
    said |= {f"digits/day-{at}": day for at, day in enumerate([DAYS[6], *DAYS[:6]])}
    said |= {f"digits/mon-{at}": month for at, month in enumerate(MONTHS)}
    said |= {f"digits/{word}": word for word in ("hundred", "thousand", "million", "oh")}
    names = {
        "activated": "activated",
        "added": "added",
        "calling": "calling",
        "cancelled": "cancelled",
        "disabled": "disabled",
        "enabled": "enabled",
        "extension": "extension",
        "for": "for",
        "goodbye": "goodbye",
        "hello": "hello",
        "hours": "hours",
        "im-sorry": "i'm sorry",
        "invalid": "invalid",
        "is": "is",
        "location": "location",
        "minute": "minute",
        "minutes": "minutes",
        "number": "number",
        "one-moment-please": "one moment please",
        "please-try-again": "please try again",
        "removed": "removed",
        "second": "second",
        "seconds": "seconds",
        "sorry": "sorry",
        "telephone-number": "telephone number",
        "time": "time",
        "transfer": "transfer",
        "vm-and": "and",
        "vm-first": "first",
        "vm-from": "from",
        "vm-goodbye": "goodbye",
        "vm-last": "last",
        "vm-message": "message",
        "vm-messages": "messages",
        "vm-next": "next",
        "vm-no": "no",
        "vm-password": "password",
        "vm-press": "press",
        "vm-received": "received",
        "with": "with",
        "you-entered": "you entered",
        "your": "your",
    }
    return said | names


_ASTERISK = _asterisk()
