"""A phone bot made with Pipecat, for comparison: AudioSocket in, Vosk, Pipecat's turn-taking, rules
in place of a language model, prompts from files, AudioSocket out.

    python server.py --model MODEL --prompts FOLDER --turns default|timeout|fastest

Runs in an environment of its own (`make pipecat`) and knows nothing of this project but its
prompts: raw 8 kHz sound, `hub.pcm`, `<key>.pcm` for the question behind a key, `answer.pcm`.
Prints `port N` when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.audio.turn.smart_turn.base_smart_turn import SmartTurnParams
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    LLMContextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import STTService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_stop import (
    SpeechTimeoutUserTurnStopStrategy,
    TurnAnalyzerUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner
from vosk import KaldiRecognizer, Model, SetLogLevel

RATE = 8000
FRAME_BYTES = 320
_ID, _DTMF, _SOUND = 0x01, 0x03, 0x10
_SILENCE = bytes(FRAME_BYTES)
_PRE_ROLL_FRAMES = 20
"""What the recogniser hears from before Pipecat's detector is sure that somebody speaks."""


def turn_settings(name: str) -> tuple[VADParams, UserTurnStrategies]:
    """Pipecat's turn-taking: as it comes (a model decides), with its timeout in the model's place,
    or the model with as little waiting as makes sense."""
    if name == "timeout":
        stop = SpeechTimeoutUserTurnStopStrategy()
        return VADParams(), UserTurnStrategies(stop=[stop])
    if name == "fastest":
        model = LocalSmartTurnAnalyzerV3(params=SmartTurnParams(stop_secs=0.8))
        strategies = UserTurnStrategies(
            stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=model)]
        )
        return VADParams(start_secs=0.1, stop_secs=0.1), strategies
    return VADParams(), UserTurnStrategies()


class Line(asyncio.Protocol):
    """One AudioSocket connection: frames in to whoever listens, one frame out each 20 ms."""

    def __init__(self, on_call) -> None:
        self._on_call = on_call
        self._data = b""
        self._out: deque[bytes] = deque()
        self.room = asyncio.Event()
        self.room.set()
        self.sound: asyncio.Queue[bytes | str | None] = asyncio.Queue()
        self._clock: asyncio.Task[None] | None = None
        self._call: asyncio.Task[None] | None = None

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._clock = asyncio.create_task(self._tick())
        self._call = asyncio.create_task(self._on_call(self))

    def data_received(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 3:
            end = 3 + int.from_bytes(self._data[1:3], "big")
            if len(self._data) < end:
                return
            kind, payload, self._data = self._data[0], self._data[3:end], self._data[end:]
            if kind == _SOUND:
                self.sound.put_nowait(payload)
            elif kind == _DTMF:
                self.sound.put_nowait(payload.decode("ascii"))

    def connection_lost(self, _) -> None:
        self.sound.put_nowait(None)
        if self._clock is not None:
            self._clock.cancel()

    def play(self, sound: bytes) -> None:
        """Queue whole frames; `room` is set while less than two of them wait."""
        for start in range(0, len(sound), FRAME_BYTES):
            self._out.append(sound[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        if len(self._out) >= 2:
            self.room.clear()

    async def _tick(self) -> None:
        due = time.monotonic()
        while True:
            frame = self._out.popleft() if self._out else _SILENCE
            self._transport.write(bytes([_SOUND]) + FRAME_BYTES.to_bytes(2, "big") + frame)
            if len(self._out) < 2:
                self.room.set()
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class LineIn(BaseInputTransport):
    """The caller's sound and keys, as Pipecat's frames."""

    def __init__(self, line: Line, params: TransportParams) -> None:
        super().__init__(params)
        self._line = line
        self._reading = None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._reading = self.create_task(self._read())

    async def stop(self, frame: EndFrame) -> None:
        await super().stop(frame)
        await self._end()

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await self._end()

    async def _end(self) -> None:
        if self._reading is not None:
            await self.cancel_task(self._reading)
            self._reading = None

    async def _read(self) -> None:
        while (heard := await self._line.sound.get()) is not None:
            if isinstance(heard, str):
                await self.push_frame(InputDTMFFrame(button=KeypadEntry(heard)))
            else:
                sound = InputAudioRawFrame(audio=heard, sample_rate=RATE, num_channels=1)
                await self.push_audio_frame(sound)
        self._reading = None
        await self.push_frame(CancelFrame())


class LineOut(BaseOutputTransport):
    """Pipecat's sound, onto the line's clock."""

    def __init__(self, line: Line, params: TransportParams) -> None:
        super().__init__(params)
        self._line = line

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await self._line.room.wait()
        self._line.play(frame.audio)
        return True


class VoskSTT(STTService):
    """Vosk while somebody speaks, with what was heard just before."""

    def __init__(self, model: Model, pool: ThreadPoolExecutor) -> None:
        super().__init__(sample_rate=RATE, ttfs_p99_latency=0.05)
        self._model = model
        self._pool = pool
        self._recent: deque[bytes] = deque(maxlen=_PRE_ROLL_FRAMES)
        self._recogniser: KaldiRecognizer | None = None

    async def _off_loop(self, work, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        if self._recogniser is None:
            self._recent.append(audio)
        else:
            await self._off_loop(self._recogniser.AcceptWaveform, audio)
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame) and self._recogniser is None:
            self._recogniser = KaldiRecognizer(self._model, RATE)
            await self._off_loop(self._recogniser.AcceptWaveform, b"".join(self._recent))
            self._recent.clear()
        elif isinstance(frame, VADUserStoppedSpeakingFrame) and self._recogniser is not None:
            recogniser, self._recogniser = self._recogniser, None
            text = json.loads(await self._off_loop(recogniser.FinalResult))["text"]
            if text:
                words = TranscriptionFrame(text, "caller", time_now_iso8601(), finalized=True)
                await self.push_frame(words)


class Rules(FrameProcessor):
    """In place of a language model: a key leads to its question, a turn to the answer."""

    def __init__(self, prompts: dict[str, bytes]) -> None:
        super().__init__()
        self._prompts = prompts
        self._asked = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)
            await self._say("hub")
        elif isinstance(frame, InputDTMFFrame):
            if not self._asked and frame.button.value in self._prompts:
                self._asked = True
                await self._say(frame.button.value)
        elif isinstance(frame, LLMContextFrame):
            await self._say("answer")
        else:
            await self.push_frame(frame, direction)

    async def _say(self, prompt: str) -> None:
        await self.push_frame(TTSStartedFrame())
        sound = self._prompts[prompt]
        await self.push_frame(TTSAudioRawFrame(audio=sound, sample_rate=RATE, num_channels=1))
        await self.push_frame(TTSStoppedFrame())


async def serve(model: Model, prompts: dict[str, bytes], turns: str) -> None:
    """Answer calls until the process is ended."""
    pool = ThreadPoolExecutor(2)
    params = TransportParams(
        audio_in_enabled=True,
        audio_in_sample_rate=RATE,
        audio_out_enabled=True,
        audio_out_sample_rate=RATE,
        audio_out_10ms_chunks=2,
        audio_out_auto_silence=False,
    )

    async def call(line: Line) -> None:
        vad, strategies = turn_settings(turns)
        heard = LLMUserAggregatorParams(
            user_turn_strategies=strategies,
            vad_analyzer=SileroVADAnalyzer(sample_rate=RATE, params=vad),
        )
        caller = LLMContextAggregatorPair(LLMContext(), user_params=heard).user()
        pipeline = Pipeline(
            [
                LineIn(line, params),
                VoskSTT(model, pool),
                caller,
                Rules(prompts),
                LineOut(line, params),
            ]
        )
        rates = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
        worker = PipelineWorker(pipeline, params=rates, idle_timeout_secs=None)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(call), "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve, as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, required=True)
    parser.add_argument("--turns", choices=("default", "timeout", "fastest"), default="default")
    given = parser.parse_args()
    logger.remove()
    SetLogLevel(-1)
    prompts = {path.stem: path.read_bytes() for path in given.prompts.glob("*.pcm")}
    asyncio.run(serve(Model(str(given.model)), prompts, given.turns))


if __name__ == "__main__":
    main()
