"""A Whisper of the smallest size with random weights, in CTranslate2's format: it hears nonsense,
and all of the real loading and decoding is run to do so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, INNER, MEL = 16, 2, 1, 32, 80
_SPECIAL = (
    "<|endoftext|> <|startoftranscript|> <|en|> <|hi|> <|translate|> <|transcribe|> <|startoflm|>"
    " <|startofprev|> <|nospeech|> <|notimestamps|>"
).split()


def make_tiny_whisper(folder: Path) -> Path:
    """Write the model into `folder`, and return it."""
    from ctranslate2.specs import WhisperSpec  # noqa: PLC0415 - an extra

    letters = _bytes()
    times = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    vocabulary = [*letters, *_SPECIAL, *times]
    spec = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    _Filler().fill(spec, len(vocabulary))
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [vocabulary.index(code) for code in ("<|en|>", "<|hi|>")]
    spec.config.alignment_heads = [[0, 0]]
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    byte_level = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {"id": len(letters) + at, "content": token, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for at, token in enumerate([*_SPECIAL, *times])
        ],
        "pre_tokenizer": {"type": "ByteLevel", **byte_level},
        "decoder": {"type": "ByteLevel", **byte_level},
        "model": {
            "type": "BPE",
            "vocab": {letter: at for at, letter in enumerate(letters)},
            "merges": [],
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


class _Filler:
    def __init__(self) -> None:
        self._random = np.random.default_rng(0)

    def fill(self, spec: Any, words: int) -> None:
        encoder, decoder = spec.encoder, spec.decoder
        encoder.conv1.weight = self._some(WIDTH, MEL, 3)
        encoder.conv2.weight = self._some(WIDTH, WIDTH, 3)
        for part in (encoder.conv1, encoder.conv2):
            part.bias = np.zeros(WIDTH, "f4")
        encoder.position_encodings.encodings = self._some(1500, WIDTH)
        decoder.position_encodings.encodings = self._some(448, WIDTH)
        decoder.embeddings.weight = decoder.projection.weight = self._some(words, WIDTH)
        decoder.scale_embeddings = False
        for half in (encoder, decoder):
            _norm(half.layer_norm)
            for layer in half.layer:
                self._attention(layer.self_attention, (3 * WIDTH, WIDTH))
                _norm(layer.ffn.layer_norm)
                self._linear(layer.ffn.linear_0, INNER, WIDTH)
                self._linear(layer.ffn.linear_1, WIDTH, INNER)
        for layer in decoder.layer:
            self._attention(layer.attention, (WIDTH, 2 * WIDTH, WIDTH))

    def _attention(self, part: Any, sizes: tuple[int, ...]) -> None:
        _norm(part.layer_norm)
        for linear, size in zip(part.linear, sizes, strict=True):
            self._linear(linear, size, WIDTH)

    def _linear(self, part: Any, out: int, into: int) -> None:
        part.weight = self._some(out, into)
        part.bias = np.zeros(out, "f4")

    def _some(self, *shape: int) -> np.ndarray:
        return self._random.normal(0, 0.3, shape).astype("f4")


def _norm(part: Any) -> None:
    part.gamma = np.ones(WIDTH, "f4")
    part.beta = np.zeros(WIDTH, "f4")


def _bytes() -> list[str]:
    """The 256 bytes as GPT-2 writes them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    written = {byte: chr(byte) for byte in plain}
    written |= {byte: chr(256 + at) for at, byte in enumerate(others)}
    return [written[byte] for byte in range(256)]
