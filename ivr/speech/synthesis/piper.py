"""Piper voices (a VITS as an ONNX file, `NAME.onnx` and `NAME.onnx.json`). GPL-3: imported by a
synthesis process only, never by a worker.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
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

_WARM = "Good morning, how can I help you?"


class Piper:
    """The engine; see `Engine`. `models`: `[LANGUAGE=]PATH` of an .onnx file, one a voice; several
    of one language are chosen from by their file's name.

    Raises IvrError where it is not installed or a voice cannot be loaded.
    """

    limit_s = 20.0

    def __init__(self, models: Sequence[str]) -> None:
        wanted = parse_models(models, "piper")
        if importlib.util.find_spec("piper") is None:
            raise IvrError(
                "The speech engine Piper is not installed.", remedy="Install it with: make piper."
            )
        self._voices: dict[str, list[_PiperVoice]] = {}
        for language, name in wanted:
            voice = _PiperVoice(Path(name))
            self._voices.setdefault(language or voice.language, []).append(voice)
        self.facts = EngineFacts(
            kind="piper",
            version=f"piper-tts {importlib.metadata.version('piper-tts')}",
            models={
                language: ", ".join(voice.title for voice in voices)
                for language, voices in self._voices.items()
            },
            by_clause=True,
        )
        for language in self._voices:
            self.speak(_WARM, Voice(language=language))

    def speak(self, text: str, voice: Voice) -> tuple[Samples, int]:
        """See `Engine.speak`. A voice's name is its file's name, without .onnx, and behind a hash
        sign one of its speakers: "en_US-libritts-high#p3922", or the speaker alone: "#p3922".
        """
        voices = self._voices.get(primary(voice.language))
        if voices is None:
            raise NotSpoken(f"No Piper voice here speaks {voice.language[:20]!r}.")
        name, _, speaker = voice.name_for("piper").partition("#")
        for each in voices:
            if name in {"", each.name}:
                return each.speak(text, speaker, voice)
        raise NotSpoken(f"There is no Piper voice {name[:60]!r} here.")


class _PiperVoice:
    def __init__(self, path: Path) -> None:
        import onnxruntime  # noqa: PLC0415
        from piper import PiperVoice  # noqa: PLC0415
        from piper.config import PiperConfig  # noqa: PLC0415

        self.name = path.name.removesuffix(".onnx")
        self.title = f"{self.name} {fingerprint(path)}"
        described = Path(f"{path}.json")
        try:
            told: dict[str, Any] = json.loads(described.read_text(encoding="utf-8"))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self._voice = PiperVoice(
                session=onnxruntime.InferenceSession(
                    str(path), sess_options=options, providers=["CPUExecutionProvider"]
                ),
                config=PiperConfig.from_dict(told),
            )
        except Exception as error:  # noqa: BLE001 - whatever is in the files
            raise IvrError(
                f"The Piper voice {path} cannot be loaded: {' '.join(str(error).split())[:200]}.",
                remedy=f"See that {described.name} lies beside it and belongs to it.",
            ) from None
        language = told.get("language")
        code = language.get("code") if isinstance(language, dict) else None
        self.language = primary(str(code or self._voice.config.espeak_voice))

    def speak(self, text: str, speaker: str, voice: Voice) -> tuple[Samples, int]:
        from piper.config import SynthesisConfig  # noqa: PLC0415

        config = self._voice.config
        if speaker and speaker not in config.speaker_id_map:
            raise NotSpoken(f"The Piper voice {self.name} has no speaker {speaker[:60]!r}.")
        higher = pitch_factor(voice)
        wanted = SynthesisConfig(
            speaker_id=config.speaker_id_map[speaker] if speaker else None,
            # Made longer by as much as it is then played faster.
            length_scale=config.length_scale / speed_of(voice) * higher,
        )
        # Its own marks for phonemes in the text are no text.
        plain = text.replace("[[", " ").replace("]]", " ")
        pieces = [chunk.audio_int16_array for chunk in self._voice.synthesize(plain, wanted)]
        samples: Samples = np.concatenate([np.zeros(0, np.int16), *pieces])
        return samples, pitched_rate(config.sample_rate, higher)
