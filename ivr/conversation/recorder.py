"""Recording a call: the caller left, the bot right, from what passes through the worker, so that
it is the same on every switch.

- Nothing is recorded before what the flow announces has been heard.
- From before a sensitive question is put until the conversation has gone on to something else,
  silence stands for both sides.
- What goes wrong with it disturbs nobody: the call goes on, the recording ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from ivr.audio.two_sides import TwoSides
from ivr.clock import Clock
from ivr.dialogue.actions import Action, CallApi, Listen, Say
from ivr.storage.record import SoundKept
from ivr.storage.sound_files import SoundFile, SoundFiles
from ivr.telephony.call import Call

_PIECE_MS = 1000
"""Sound that is handed to the disk at once."""
_TAIL_MS = 1000
"""So long the caller stays unheard after a sensitive answer: who keys it may say it too, later."""


class CallRecorder:
    """Records one call, where there are `files` to record into; told of what is said and done
    before it is."""

    def __init__(self, call: Call, files: SoundFiles | None, clock: Clock) -> None:
        self._call = call
        self._files = files
        self._clock = clock
        self._sides = TwoSides(call.format)
        # Until the first step is known, it might be a sensitive one.
        self._sides.hidden = True
        self._file: SoundFile | None = None
        self.running = False
        """Whether the call is being recorded."""
        self._notices = 0
        self._frames = 0
        self._tail = 0

    def begin(self) -> None:
        """Record from now on; twice is harmless."""
        if self._file is not None or self._files is None:
            return
        now = self._clock.now()
        name = f"{now:%Y-%m-%d}/{self._call.id}-{uuid4().hex[:8]}.wav"
        self._file = self._files.open(name, rate=self._call.format.rate, channels=2)
        self.running = True
        self._call.overhear(self._bot)

    def about_to(self, says: Sequence[Say], last: Action) -> None:
        """Take note of a step: what is said, and what the dialogue waits for afterwards."""
        self._notices += sum(say.notice for say in says)
        hidden = self._sides.hidden
        if isinstance(last, Listen):
            hidden = last.expect.sensitive
        elif not isinstance(last, CallApi):
            # While an integration is asked, the caller may still be telling what was secret.
            hidden = False
        if self._sides.hidden and not hidden:
            self._tail = _TAIL_MS // self._call.format.ptime_ms
        self._sides.hidden = hidden

    def heard(self, say: Say) -> None:
        """The caller has heard this to its end: once it was the last notice, recording begins."""
        if say.notice and self._notices:
            self._notices -= 1
            if not self._notices:
                self.begin()

    def caller(self, frame: bytes) -> None:
        """One frame of the caller's."""
        if self._file is None:
            return
        if self._tail:
            self._tail -= 1
            frame = self._call.format.silence
        self._sides.left(frame)

    def _bot(self, frame: bytes) -> None:
        self._sides.right(frame)
        self._frames += 1
        if self._frames * self._call.format.ptime_ms >= _PIECE_MS and self._file is not None:
            self._frames = 0
            self._file.write(*self._sides.take())

    async def finish(self) -> SoundKept | None:
        """The call is over; returns what is kept of it, None where nothing is. Waits for the disk
        2 s at most."""
        file = self._file
        if file is None:
            return None
        self._file = None
        self.running = False
        file.write(*self._sides.rest())
        whole = await file.close()
        return SoundKept(
            call_id=self._call.id,
            at=self._clock.now(),
            what="call",
            path=str(file.path),
            duration_ms=file.duration_ms,
            whole=whole,
        )
