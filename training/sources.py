"""The data that the model is made from: where each lies in the data folder, and its licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A set of recordings or sentences. `place` is its folder or file in the data folder."""

    place: str
    what: str
    origin: str
    licence: str
    needed: bool = False

    def at(self, data: Path) -> Path | None:
        """Where it lies in `data`; None where it does not."""
        path = data / self.place
        return path if path.exists() else None


FSDD = Source(
    place="fsdd",
    what="human digits, files named DIGIT_SPEAKER_NUMBER.wav",
    origin="Free Spoken Digit Dataset, Jakobovski/free-spoken-digit-dataset",
    licence="CC-BY-SA-4.0",
    needed=True,
)
BANKING77 = Source(
    place="banking77/train.csv",
    what="sentences for the language model and for synthetic voices",
    origin="BANKING77, PolyAI-LDN/task-specific-datasets",
    licence="CC-BY-4.0",
    needed=True,
)
ASTERISK = Source(
    place="asterisk-en",
    what="human digits, numbers and words of Allison Smith (folders digits/, letters/, ...)",
    origin="Asterisk core sounds, Digium (package asterisk-core-sounds-en-wav)",
    licence="CC-BY-SA-3.0",
)
COMMANDS = Source(
    place="commands",
    what="spoken commands of one speaker, a folder a word",
    origin="felixchenfy/ros_speech_commands_classification, data/data_train",
    licence="MIT",
)
SOURCES = (FSDD, BANKING77, ASTERISK, COMMANDS)
