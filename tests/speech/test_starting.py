from __future__ import annotations

import pytest
import structlog

from ivr.errors import IvrError
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.engines import python_of
from ivr.speech.synthesis.starting import start_engines


async def test_an_engine_that_cannot_start_is_said_once_and_the_others_speak() -> None:
    with structlog.testing.capture_logs() as logs:
        processes, addresses = await start_engines(
            ["piper", "tcp://127.0.0.1:1", "espeak"], {"piper": ["en=/nowhere/voice.onnx"]}
        )
    assert addresses == ("tcp://127.0.0.1:1", processes[0].url)
    (entry,) = logs
    assert (entry["event"], entry["engine"]) == ("synthesis_engine_missing", "piper")
    assert "Piper" in entry["reason"] or "/nowhere/voice.onnx" in entry["reason"]
    client = SynthesisClient(addresses[-1], timeout_s=10.0)
    assert (await client.ping(5.0)).kind == "espeak"
    await client.close()
    await processes[0].stop()


async def test_none_at_all_is_one_sentence() -> None:
    with pytest.raises(IvrError):
        await start_engines(["piper"], {})


def test_an_unknown_engine_is_named_with_those_that_there_are() -> None:
    with pytest.raises(IvrError, match=r"no speech engine 'festival'.*espeak, coqui, piper"):
        python_of("festival")
