"""espeak-ng through ctypes. GPL-3: imported by the synthesis process only, never by a worker.

The library keeps one global state and aborts when two threads enter it, so there is one
`Espeak` a process and one thread that calls it. The calls are those of the public header
`espeak-ng/speak_lib.h` (API revision 12).
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import time

import numpy as np

from ivr.audio.format import Samples
from ivr.errors import IvrError
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.synthesiser import NotSpoken, SynthesisFailed, Voice
from ivr.speech.synthesis.voices import espeak_voice

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: espeak_Synth returns when all has been spoken
_BLOCK_MS = 60
_DONT_EXIT = 0x8000
_UTF8 = 1
_CHARACTERS = 1
_RATE = 1
_PITCH = 3
_RATES = (80, 450)

_VOICE_NAME = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,12}){0,3}(\+[A-Za-z0-9_]{1,24})?")

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """The engine; see `Engine`. Raises IvrError where it is not installed."""

    limit_s = 1.5

    def __init__(self) -> None:
        if importlib.util.find_spec("espeakng_loader") is None:
            raise IvrError(
                "The speech engine espeak-ng is not installed.",
                remedy="Install it with: pip install 'ivr[espeak]'.",
            )
        import espeakng_loader  # noqa: PLC0415 - GPL: loaded only where it speaks

        try:
            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            self._rate = self._library.espeak_Initialize(
                _SYNCHRONOUS, _BLOCK_MS, espeakng_loader.get_data_path().encode(), _DONT_EXIT
            )
        except (OSError, RuntimeError) as error:
            raise IvrError(
                f"The speech engine espeak-ng cannot be loaded: {error}.",
                remedy="Install it again with: pip install --force-reinstall espeakng-loader.",
            ) from None
        if self._rate <= 0:
            raise IvrError("espeak-ng did not find its data.", remedy="Install it again.")
        self._blocks: list[bytes] = []
        self._until = 0.0
        self._cut = False
        # Kept: the library calls it for as long as it lives.
        self._callback = _Callback(self._spoken)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Info.restype = ctypes.c_char_p
        version = self._library.espeak_Info(None) or b"unknown"
        name = f"espeak-ng {version.decode('ascii', 'replace').split()[0]}"
        self.facts = EngineFacts(kind="espeak", version=name)

    def _spoken(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._blocks.append(ctypes.string_at(samples, count * 2))  # type: ignore[arg-type]
        self._cut = time.monotonic() > self._until
        return int(self._cut)

    def speak(self, text: str, voice: Voice) -> tuple[Samples, int]:
        """See `Engine.speak`.

        A voice's name is espeak-ng's own: a language and a variant behind a plus sign
        ("en-us+f3"), or the variant alone. The rate is held within 80..450 words per minute.
        """
        name = espeak_voice(voice.language, voice.name_for("espeak"))
        # The name becomes a path inside the engine.
        if not _VOICE_NAME.fullmatch(name) or self._library.espeak_SetVoiceByName(name.encode()):
            raise NotSpoken(f"espeak-ng has no voice {name[:60]!r}.")
        self._library.espeak_SetParameter(_RATE, min(max(voice.rate, _RATES[0]), _RATES[1]), 0)
        self._library.espeak_SetParameter(_PITCH, min(max(voice.pitch, 0), 100), 0)
        self._blocks.clear()
        self._until = time.monotonic() + self.limit_s
        raw = text.encode("utf-8", "replace")
        failed = self._library.espeak_Synth(
            raw, ctypes.c_size_t(len(raw) + 1), 0, _CHARACTERS, 0, _UTF8, None, None
        )
        sound = b"".join(self._blocks)
        self._blocks.clear()
        if failed or self._cut:
            raise SynthesisFailed(f"espeak-ng did not speak {len(text)} characters in time.")
        return np.frombuffer(sound, dtype="<i2"), self._rate
