"""The official Vosk models that are worth knowing for telephony.

From the list at https://alphacephei.com/vosk/models; all of these are under Apache-2.0. Within
a language they stand best first. Sizes are those of the archive, rounded as they are there; a
large model takes two to four times as much memory, and those with a static graph cannot be
narrowed to a node's phrases, so that for digits and menus a small one may well do better.
"""

from __future__ import annotations

from dataclasses import dataclass

SITE = "https://alphacephei.com/vosk/models"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialModel:
    """A model on Vosk's site. `megabytes` is the size of its archive, roughly."""

    name: str
    language: str
    megabytes: int
    note: str = ""
    licence: str = "Apache-2.0"

    @property
    def url(self) -> str:
        """Where its archive is."""
        return f"{SITE}/{self.name}.zip"


_STATIC = "static graph"

OFFICIAL: tuple[OfficialModel, ...] = (
    OfficialModel(name="vosk-model-en-us-0.22", language="en", megabytes=1800, note=_STATIC),
    OfficialModel(name="vosk-model-en-us-0.22-lgraph", language="en", megabytes=128),
    OfficialModel(
        name="vosk-model-en-in-0.5", language="en", megabytes=1000, note=f"Indian; {_STATIC}"
    ),
    OfficialModel(name="vosk-model-small-en-us-0.15", language="en", megabytes=40),
    OfficialModel(
        name="vosk-model-small-en-in-0.4", language="en", megabytes=36, note="Indian English"
    ),
    OfficialModel(name="vosk-model-hi-0.22", language="hi", megabytes=1500, note=_STATIC),
    OfficialModel(name="vosk-model-small-hi-0.22", language="hi", megabytes=42),
    OfficialModel(name="vosk-model-es-0.42", language="es", megabytes=1400, note=_STATIC),
    OfficialModel(name="vosk-model-small-es-0.42", language="es", megabytes=39),
    OfficialModel(name="vosk-model-fr-0.22", language="fr", megabytes=1400, note=_STATIC),
    OfficialModel(name="vosk-model-small-fr-0.22", language="fr", megabytes=41),
    OfficialModel(name="vosk-model-de-0.21", language="de", megabytes=1900, note=_STATIC),
    OfficialModel(name="vosk-model-small-de-0.15", language="de", megabytes=45),
    OfficialModel(name="vosk-model-small-pt-0.3", language="pt", megabytes=31),
    OfficialModel(name="vosk-model-small-gu-0.42", language="gu", megabytes=100),
    OfficialModel(name="vosk-model-small-te-0.42", language="te", megabytes=58),
)


def official(name: str) -> OfficialModel | None:
    """Return the model of that name, None where there is none."""
    return next((model for model in OFFICIAL if model.name == name), None)


def rank(name: str) -> int:
    """Return the place of a model in its language, 0 best.

    A name that is not in the list comes before all: whoever installs a model of their own means
    it.
    """
    names = [model.name for model in OFFICIAL]
    return names.index(name) + 1 if name in names else 0
