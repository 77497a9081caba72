"""The engines by name."""

from __future__ import annotations

from pathlib import Path

from ivr.nlu.encoder import MiniLmEncoder, SentenceEncoder

ENGINES = ("spacy", "minilm", "rasa")
IN_PROCESS = ("spacy", "minilm")


def encoder_dir(var_dir: Path) -> Path:
    """Where `make minilm` puts the sentence encoder."""
    return var_dir / "encoders" / "all-minilm-l6-v2"


def encoder_of(engine: str, var_dir: Path) -> SentenceEncoder | None:
    """What `engine`, one of IN_PROCESS, needs beside spaCy. Raises EncoderMissing."""
    return MiniLmEncoder(encoder_dir(var_dir)) if engine == "minilm" else None
