"""How well the bundled model hears a stranger's digits, and the bank's phrases in strange voices.

python -m bench.recognition FOLDER [MODEL]

FOLDER has the recordings of one speaker whom the model was not made from, named as in the Free
Spoken Digit Dataset (DIGIT_SPEAKER_NUMBER.wav). Phrases are spoken by voices of espeak-ng that it
was not made from either.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from ivr.audio.format import Audio, AudioFormat
from ivr.audio.resampling import resample
from ivr.audio.wav import read_wav, write_wav
from ivr.benchmarks.results import Cell, machine, save
from ivr.settings import PROJECT
from ivr.speech.recognition.grammar import words_of
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.espeak import Espeak
from ivr.speech.synthesis.synthesiser import Voice
from ivr.speech.trials.conditions import CONDITIONS
from ivr.speech.trials.manifest import DIGITS, Recorded
from ivr.speech.trials.trial import tried

_STRANGE_VOICES = ("en-us+m3", "en-us+f3", "en+m3", "en+f3", "en-us+Annie", "en-us+steph3")
_STRINGS = 100
_PHRASES = 120
_LOUD = 15_000
_SEED = 20


def _strings(folder: Path, to: Path) -> tuple[list[Recorded], list[Recorded]]:
    """The speaker's digits one by one, and joined to strings of six, 0.1 to 0.3 s apart."""
    files = sorted(folder.glob("[0-9]_*_*.wav"))
    chance = random.Random(_SEED)
    single = [Recorded(file=file, words=(DIGITS[int(file.name[0])],)) for file in files]
    joined = []
    for number in range(_STRINGS):
        chosen = [chance.choice(single) for _ in range(6)]
        parts = []
        for one in chosen:
            samples = read_wav(one.file).samples.astype(np.float64)
            parts += [samples / np.abs(samples).max() * _LOUD, np.zeros(chance.randint(800, 2400))]
        file = to / f"string{number}.wav"
        write_wav(file, Audio.from_samples(np.concatenate(parts).astype(np.int16)))
        joined.append(Recorded(file=file, words=tuple(one.words[0] for one in chosen)))
    return single, joined


def _sayings(file: Path) -> list[str]:
    """Sentences of a file of training data that are words alone."""
    found = []
    for item in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
        lines = (line.removeprefix("- ").strip() for line in item["examples"].splitlines())
        found += [line for line in lines if all(c.isalpha() or c in " '" for c in line)]
    chosen = sorted(set(found))
    random.Random(_SEED).shuffle(chosen)
    return chosen[:_PHRASES]


def _spoken(engine: Espeak, name: str, texts: list[str], to: Path) -> list[Recorded]:
    made = []
    for number, text in enumerate(texts):
        voice = _STRANGE_VOICES[number % len(_STRANGE_VOICES)]
        called = Voice(language="en", rate=155, names=(("espeak", voice),))
        samples, rate = engine.speak(text, called)
        file = to / f"{name}{number}.wav"
        write_wav(file, resample(Audio.from_samples(samples, AudioFormat(rate=rate)), 8000))
        made.append(Recorded(file=file, words=tuple(words_of(text))))
    return made


async def _measured(folder: Path, model: Path) -> dict[str, dict[str, Cell]]:
    bank = PROJECT / "nlu_models" / "bank" / "en"
    rows: dict[str, dict[str, Cell]] = {}
    recogniser = VoskRecogniser({"en": model}, threads=2)
    recogniser.load()
    with tempfile.TemporaryDirectory() as place:
        single, joined = _strings(folder, Path(place))
        engine = Espeak()
        taught = _spoken(engine, "taught", _sayings(bank / "nlu.yml"), Path(place))
        strange = _spoken(engine, "new", _sayings(bank / "frozen" / "held_out.yml"), Path(place))
        for condition in CONDITIONS:
            row: dict[str, Cell] = {}
            for name, recordings in (("digits", single), ("strings", joined)):
                score = (await tried(recogniser, recordings, [condition]))["en"][condition]
                found = score.as_json()
                row[f"{name} right, %"] = round(100 * (found[f"{name}_right"] or 0), 1)
                row["core a speaker"] = found["core_per_speaker"]
                row["final p95, ms"] = found["final_p95_ms"]
            for name, recordings in (("taught phrases", taught), ("new phrases", strange)):
                score = (await tried(recogniser, recordings, [condition]))["en"][condition]
                row[f"{name}, words wrong, %"] = round(100 * score.word_error_rate, 1)
            rows[condition] = row
            print(condition, row, flush=True)
    recogniser.close()
    return rows


def main() -> None:
    where = machine()
    given = sys.argv[2:]
    model = Path(given[0]) if given else PROJECT / "models" / "vosk-ivr-en-8k"
    rows = asyncio.run(_measured(Path(sys.argv[1]), model))
    if given:
        return
    save(
        "recognition",
        title="Hearing",
        order=20,
        text="The bundled model and a speaker it was not made from (lucas, of the Free Spoken "
        f"Digit Dataset): his digits one by one, and {_STRINGS} strings of six joined from them, "
        f"heard as where a flow asks for a number. Then {_PHRASES} phrases of the bank that its "
        "interpreter is taught, and as many that nothing was taught, in "
        f"{len(_STRANGE_VOICES)} voices of espeak-ng that the model was not made from, heard "
        "openly. Sixteen at once, at the pace of a call; noise and loss come on top of G.711. The "
        "core is that of digits and strings.",
        command="python -m bench.recognition FOLDER",
        rows=rows,
        where=where,
        versions={"vosk": "0.3.45"},
    )


if __name__ == "__main__":
    main()
