"""Messages that callers leave: a tone, then what they say, into a file of its own."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import structlog

from ivr.audio.tone import tone
from ivr.clock import Clock
from ivr.conversation.message import MessageTaking
from ivr.dialogue.actions import RecordMessage
from ivr.dialogue.inputs import MessageRecorded
from ivr.dialogue.state import DialogueState
from ivr.storage.record import RecordStore, SoundKept
from ivr.storage.sound_files import SoundFile, SoundFiles
from ivr.telephony.call import Call

_TONE_HZ, _TONE_MS = 1000.0, 300.0
_TONE_MARK = 0
"""Those of what is said count up from 1, those of music down from -1."""

_log = structlog.get_logger()


class MessageTaker:
    """Takes the messages of one call; told of what comes on the line."""

    def __init__(
        self, call: Call, files: SoundFiles | None, records: RecordStore, clock: Clock
    ) -> None:
        self._call = call
        self._files = files
        self._records = records
        self._clock = clock
        self._tone_heard = asyncio.Event()
        self._taking: MessageTaking | None = None
        self._file: SoundFile | None = None
        self._over = asyncio.Event()
        self.taking = False
        """Whether a message is being left."""

    def played(self, mark: int) -> bool:
        """Take the line's word that a sound has left; whether it was our tone."""
        if mark != _TONE_MARK:
            return False
        self._tone_heard.set()
        return True

    def frame(self, frame: bytes, *, speech: bool) -> None:
        """One frame of the caller's, and whether they speak in it."""
        if self._taking is not None and self._file is not None and not self._over.is_set():
            ptime_ms = self._call.format.ptime_ms
            self._file.write(frame)
            self._taking.frame(speech=speech, frame_ms=ptime_ms, now_ms=self._now_ms())
            self._look()

    def key(self) -> None:
        """One key of the caller's."""
        if self._taking is not None:
            self._taking.key()
            self._look()

    def tick(self) -> None:
        """Let time pass."""
        if self._taking is not None:
            self._taking.tick(self._now_ms())
            self._look()

    async def take(self, message: RecordMessage, state: DialogueState) -> MessageRecorded:
        """Give the tone, and record until the message is over. A caller who hangs up has left
        what they said until then."""
        if self._files is None:
            return MessageRecorded(message_id=message.message_id, ok=False)
        self._tone_heard.clear()
        self._over.clear()
        self._call.play(tone(_TONE_HZ, _TONE_MS, format=self._call.format), mark=_TONE_MARK)
        await self._tone_heard.wait()
        name = f"messages/{message.box}/{self._clock.now():%Y-%m-%d}-{uuid4().hex[:12]}.wav"
        self._file = file = self._files.open(name, rate=self._call.format.rate, channels=1)
        self._taking = taking = MessageTaking(
            self._now_ms(), message.longest_ms, message.silence_ms
        )
        self.taking = True
        kept = False
        try:
            await self._over.wait()
        finally:
            self._taking = self._file = None
            self.taking = False
            kept = await self._keep(file, taking, message, state)
        return MessageRecorded(message_id=message.message_id, ok=kept, duration_ms=file.duration_ms)

    async def _keep(
        self,
        file: SoundFile,
        taking: MessageTaking,
        message: RecordMessage,
        state: DialogueState,
    ) -> bool:
        if not taking.words:
            await file.discard()
            return False
        whole = await file.close()
        why = taking.over.value if taking.over is not None else "hangup"
        _log.info("message_left", box=message.box, ms=file.duration_ms, over=why, whole=whole)
        self._records.write(
            SoundKept(
                call_id=self._call.id,
                at=self._clock.now(),
                what="message",
                path=str(file.path),
                duration_ms=file.duration_ms,
                whole=whole,
                box=message.box,
                node=state.node,
                language=state.language,
            )
        )
        return whole

    def _look(self) -> None:
        if self._taking is not None and self._taking.over is not None:
            self._over.set()

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000
