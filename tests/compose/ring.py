"""Ring as a caller would, ask for the balance, and print what it was like as JSON.

python -m tests.compose.ring TARGET NUMBER OWN_ADDRESS
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict

from ivr.load.probes import probe
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings


async def ring(target: str, number: str, local_host: str) -> None:
    voice = CallerVoice(Settings())
    try:
        says = [await voice.speak("what is my balance")]
    finally:
        await voice.close()
    found = await probe(target, number, says, local_host=local_host, hold_s=0)
    found.frame_gaps_ms.clear()
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    asyncio.run(ring(*sys.argv[1:]))
