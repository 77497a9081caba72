"""Sentences as vectors: all-MiniLM-L6-v2 as int8 ONNX, made by `ivr.nlu.encoder_build`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ivr.errors import IvrError
from ivr.nlu.vocabulary import Floats

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MODEL_FILE = "model.int8.onnx"
TOKENIZER_FILE = "tokenizer.json"
_MOST_TOKENS = 128
"""What the model was trained on at most."""


class EncoderMissing(IvrError):
    """The sentence encoder is not installed, or does not load."""


class SentenceEncoder(Protocol):
    """Gives sentences of like meaning vectors that are near."""

    @property
    def name(self) -> str:
        """Tells one encoder from another; part of the version of models that use it."""
        ...

    def vector(self, text: str) -> Floats:
        """Of unit length, (dimensions,)."""
        ...


class MiniLmEncoder:
    """The encoder in `folder`; one thread, 2 ms a sentence. Raises EncoderMissing."""

    def __init__(self, folder: Path) -> None:
        self.name = f"minilm-{_digest(folder)}"
        try:
            import onnxruntime  # noqa: PLC0415 - an optional extra
            import tokenizers  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise EncoderMissing(
                f"The engine minilm needs {error.name}, which is not installed.",
                remedy="Run `make minilm`, or choose the engine spacy.",
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # the arena keeps what the longest sentence needed, for ever
        options.enable_cpu_mem_arena = False
        try:
            self._session: InferenceSession = onnxruntime.InferenceSession(
                folder / MODEL_FILE, options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer: Tokenizer = tokenizers.Tokenizer.from_file(
                str(folder / TOKENIZER_FILE)
            )
        except Exception as error:  # noqa: BLE001 - both libraries raise their own, of no common base
            raise EncoderMissing(
                f"The sentence encoder in {folder} does not load: {error}.",
                remedy="Run `make minilm` again.",
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)

    def vector(self, text: str) -> Floats:
        """See `SentenceEncoder`. (384,)."""
        tokens = np.array(self._tokenizer.encode(text).ids, dtype=np.int64)
        vector: Floats = self._session.run(None, {"ids": tokens})[0]
        return vector


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    try:
        for name in (MODEL_FILE, TOKENIZER_FILE):
            digest.update((folder / name).read_bytes())
    except OSError as error:
        raise EncoderMissing(
            f"There is no sentence encoder in {folder}: {error.strerror}.",
            remedy="Run `make minilm`, or choose the engine spacy.",
        ) from None
    return digest.hexdigest()[:12]
