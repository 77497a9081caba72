"""What a human has recorded: it takes the place of what an engine would say.

A folder beside the flow, `bank.recordings` beside `bank.json`, has a WAV file for each recorded
prompt (`en/welcome.1.wav`: 16-bit mono at 8,000 Hz) and `recordings.json`, which says what is said
in each. A recording is found by what it says: when the flow's text changes, an engine says the
new one until somebody records it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import structlog

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.resampling import resample
from ivr.audio.wav import WavError, read_wav, write_wav
from ivr.errors import IvrError
from ivr.speech.synthesis.engine import primary
from ivr.speech.synthesis.sound import telephone_sound
from ivr.speech.synthesis.spoken_form import spoken_form

_INDEX = "recordings.json"
_log = structlog.get_logger(__name__)


def recordings_folder(flow: Path) -> Path:
    """Where the recordings of a flow file lie."""
    return flow.with_suffix(".recordings")


class RecordedPrompts:
    """The recordings of one folder, by what they say."""

    def __init__(self, folder: Path | None, texts: Mapping[str, str]) -> None:
        self._folder = folder
        self._texts = dict(texts)
        self._sounds: dict[tuple[str, str], Audio] = {}
        for file in self._texts:
            self._load(file)

    @classmethod
    def none(cls) -> Self:
        """Nobody has recorded anything."""
        return cls(None, {})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder; one that is not there has no recordings. A file that cannot be used is
        said in the log, and an engine speaks in its place. Raises IvrError for a broken index.
        """
        index = folder / _INDEX
        try:
            texts = json.loads(index.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(folder, {})
        except (OSError, ValueError) as error:
            raise IvrError(f"{index} cannot be read: {error}.", remedy="Mend the file.") from None
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise IvrError(f"{index} is no list of recordings.", remedy="Write file: text.")
        return cls(folder, texts)

    @property
    def texts(self) -> Mapping[str, str]:
        """What is said in each file: `en/welcome.1.wav` to its text."""
        return self._texts

    def get(self, text: str, language: str) -> Audio | None:
        """The recording of a text as it is spoken (see `spoken_form`)."""
        return self._sounds.get((primary(language), text)) if self._sounds else None

    def replace(self, name: str, language: str, text: str, wav: Path) -> Path:
        """Put a human's recording in the place of a prompt; return the file that is used.

        `wav` is mono at any rate from 8,000 Hz on; it is trimmed, brought to the level of all
        others and to 8,000 Hz. Raises WavError, IvrError.
        """
        assert self._folder is not None
        given = read_wav(wav)
        audio = telephone_sound(given.samples, given.format.rate)
        if not audio.pcm:
            raise WavError(f"{wav} is silent.", remedy="Record it again.")
        file = f"{primary(language)}/{name}.wav"
        place = self._folder / file
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(place.parent, error) from None
        write_wav(place, audio)
        self._texts[file] = text
        self._write_index()
        self._load(file)
        return place

    def restore(self, name: str, language: str) -> None:
        """Let an engine say it again. Raises IvrError where there is no recording of it."""
        assert self._folder is not None
        file = f"{primary(language)}/{name}.wav"
        text = self._texts.pop(file, None)
        if text is None:
            raise IvrError(
                f"{name} ({language}) has no recording.", remedy="See: ivrctl prompts list."
            )
        self._sounds.pop((primary(language), spoken_form(text, language)), None)
        self._write_index()
        (self._folder / file).unlink(missing_ok=True)

    def _load(self, file: str) -> None:
        assert self._folder is not None
        language = primary(file.partition("/")[0])
        try:
            audio = resample(read_wav(self._folder / file), TELEPHONE.rate)
        except WavError as error:
            _log.warning("recording_not_used", file=file, reason=str(error))
            return
        self._sounds[language, spoken_form(self._texts[file], language)] = audio

    def _write_index(self) -> None:
        assert self._folder is not None
        index = self._folder / _INDEX
        part = index.with_suffix(".part")
        try:
            part.write_text(
                json.dumps(dict(sorted(self._texts.items())), ensure_ascii=False, indent=1) + "\n",
                encoding="utf-8",
            )
            part.replace(index)
        except OSError as error:
            raise _not_writable(index, error) from None


def _not_writable(path: Path, error: OSError) -> IvrError:
    return IvrError(
        f"{path} cannot be written: {error.strerror or error}.",
        remedy="See that the flow's folder may be written.",
    )
