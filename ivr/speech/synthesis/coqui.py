"""Coqui TTS (MPL-2.0): its models, VITS above all. Imported by a synthesis process only, in an
environment of its own (`make coqui`), because it brings torch along.

A model is a path (a folder with `model.pth` or `model_file.pth` and `config.json`, or the
checkpoint itself) or a name of Coqui's catalogue ("tts_models/en/ljspeech/vits"), which Coqui
then downloads.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import logging
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ivr.audio.format import Samples
from ivr.errors import IvrError
from ivr.speech.synthesis.engine import (
    EngineFacts,
    pitch_factor,
    pitched_rate,
    primary,
    speed_of,
)
from ivr.speech.synthesis.models import fingerprint, parse_models
from ivr.speech.synthesis.synthesiser import NotSpoken, Voice

_UNUSED = ("torchaudio", "torchcodec")
"""`import TTS` insists on them by find_spec alone; they read audio files, which we never do."""

_CHECKPOINTS = ("model.pth", "model_file.pth", "best_model.pth")
_WARM = "Good morning, how can I help you?"


class Coqui:
    """The engine; see `Engine`. `models`: `[LANGUAGE=]PATH or NAME`, one a language.

    Raises IvrError where it is not installed or a model cannot be loaded.
    """

    limit_s = 20.0

    def __init__(self, models: Sequence[str]) -> None:
        wanted = parse_models(models, "coqui")
        _import()
        self._models: dict[str, _Model] = {}
        for language, name in wanted:
            model = _Model(name)
            spoken = model.languages() if language is None else [language]
            if not spoken:
                raise IvrError(
                    f"The Coqui model {name} does not say which language it speaks.",
                    remedy=f"Say it: --model en={name}.",
                )
            for code in spoken:
                self._models.setdefault(primary(code), model)
        self.facts = EngineFacts(
            kind="coqui",
            version=f"coqui-tts {importlib.metadata.version('coqui-tts')}",
            models={language: model.title for language, model in self._models.items()},
            by_clause=True,
        )
        for language in self._models:
            # The first text takes much longer than all that follow.
            self.speak(_WARM, Voice(language=language))

    def speak(self, text: str, voice: Voice) -> tuple[Samples, int]:
        """See `Engine.speak`. A voice's name is one of the model's speakers."""
        model = self._models.get(primary(voice.language))
        if model is None:
            raise NotSpoken(f"No Coqui model here speaks {voice.language[:20]!r}.")
        if not any(char.isalnum() for char in text):
            return np.zeros(0, np.int16), model.rate
        return model.speak(text, voice)


class _Model:
    def __init__(self, name: str) -> None:
        # pyright and mypy see no TTS: it lives in the other environment.
        from TTS.api import TTS  # noqa: PLC0415

        path = Path(name).expanduser()
        if not path.exists() and name.startswith(("/", ".", "~")):
            raise IvrError(f"There is no Coqui model at {name}.", remedy="Name a folder (--model).")
        try:
            if path.exists():
                checkpoint, config = _files(path)
                self.title = f"{path.stem} {fingerprint(checkpoint)}"
                self._tts: Any = TTS(
                    model_path=str(checkpoint), config_path=str(config), progress_bar=False
                )
            else:
                self.title = name
                self._tts = TTS(model_name=name, progress_bar=sys.stderr.isatty())
        except IvrError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever is in the file
            raise IvrError(
                f"The Coqui model {name} cannot be loaded: {_one_line(error)}.",
                remedy="See that model.pth and config.json belong together.",
            ) from None
        self._model = self._tts.synthesizer.tts_model
        # Ours trims at both ends, and not by a fixed level.
        self._tts.synthesizer.tts_config.audio["do_trim_silence"] = False
        self.rate = int(self._tts.synthesizer.output_sample_rate)
        self._pace = getattr(self._model, "length_scale", None)
        self._name = name

    def languages(self) -> list[str]:
        """Codes, as far as the model says."""
        several = self._tts.languages
        if several:
            return list(several)
        config = self._tts.synthesizer.tts_config
        told = [getattr(config, "phoneme_language", None)]
        told += [getattr(each, "language", None) for each in getattr(config, "datasets", [])]
        if self._name.startswith("tts_models/"):
            told.append(self._name.split("/")[1])
        codes = [primary(str(code)) for code in told if code]
        return codes[:1]

    def speak(self, text: str, voice: Voice) -> tuple[Samples, int]:
        import torch  # noqa: PLC0415

        name = voice.name_for("coqui")
        speakers = self._tts.speakers or []
        if name and name not in speakers:
            raise NotSpoken(f"The Coqui model has no voice {name[:60]!r}.")
        options: dict[str, Any] = {}
        if speakers:
            options["speaker_name"] = name or speakers[0]
        if self._tts.languages:
            options["language_name"] = next(
                code for code in self._tts.languages if primary(code) == primary(voice.language)
            )
        higher = pitch_factor(voice)
        if self._pace is not None:
            # Made longer by as much as it is then played faster.
            self._model.length_scale = self._pace / speed_of(voice) * higher
        else:
            higher = 1.0
        with torch.inference_mode():
            wave = np.asarray(
                self._tts.synthesizer.tts(text, split_sentences=False, **options), np.float32
            )
        loudest = float(np.abs(wave).max(initial=0.0))
        if not np.isfinite(loudest):
            raise NotSpoken(f"The Coqui model made no sound of {len(text)} characters.")
        # Some models leave the range; the level is set later.
        scaled = wave * (32767.0 / max(loudest, 1.0))
        return scaled.astype(np.int16), pitched_rate(self.rate, higher)


def _import() -> None:
    """Import torch and TTS, on one thread and without their chatter. Raises IvrError."""
    if importlib.util.find_spec("TTS") is None or importlib.util.find_spec("torch") is None:
        raise IvrError(
            "The speech engine Coqui is not installed in this environment.",
            remedy="Make its own: make coqui.",
        )
    for name in _UNUSED:
        if importlib.util.find_spec(name) is None:
            stub = types.ModuleType(name)
            stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
            sys.modules[name] = stub
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    logging.getLogger("TTS").setLevel(logging.ERROR)


def _files(path: Path) -> tuple[Path, Path]:
    """The checkpoint and its configuration. Raises IvrError."""
    folder = path if path.is_dir() else path.parent
    candidates = [path] if path.is_file() else [folder / name for name in _CHECKPOINTS]
    checkpoint = next((each for each in candidates if each.is_file()), None)
    config = folder / "config.json"
    if checkpoint is None or not config.is_file():
        lacking = "config.json" if checkpoint is not None else _CHECKPOINTS[0]
        raise IvrError(
            f"The Coqui model {path} has no {lacking}.",
            remedy="Name the folder that has both, or the checkpoint in it.",
        )
    return checkpoint, config


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
