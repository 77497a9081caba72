"""Make the recordings of `ivr/speech/recordings.py` with the synthesis process.

Run again whenever a sentence there changes: `.venv/bin/python scripts/record_sentences.py`.
A human voice may take the place of any file: mono, 16 bits, 8,000 Hz.
"""

from __future__ import annotations

import asyncio

from ivr.audio.wav import write_wav
from ivr.speech.recordings import FOLDER, SENTENCES
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.voices import default_voice


async def main() -> None:
    """Make every recording anew."""
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10)
    try:
        for language, names in SENTENCES.items():
            for name, text in names.items():
                audio = await client.synthesise(text, default_voice(language))
                (FOLDER / language).mkdir(parents=True, exist_ok=True)
                write_wav(FOLDER / language / f"{name}.wav", audio)
    finally:
        await client.close()
        await process.stop()


if __name__ == "__main__":
    asyncio.run(main())
