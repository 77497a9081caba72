"""A handset's record as a file."""

from __future__ import annotations

from pathlib import Path

from ivr.audio.wav import write_stereo_wav
from ivr.errors import IvrError
from ivr.phone.handset import Handset


def write_record(path: Path, handset: Handset) -> None:
    """Write the call as a stereo WAV file, caller left, bot right. Raises IvrError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IvrError(
            f"{path.parent} cannot be made: {error.strerror}.",
            remedy="Choose another place for the recording.",
        ) from None
    write_stereo_wav(path, *handset.record())
