"""What the conversations of a worker share: the ports, and what was chosen to stand behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.audio.format import Audio, AudioFormat
from ivr.clock import Clock, SystemClock
from ivr.conversation.consulting import ConsultRules
from ivr.conversation.rules import TurnRules
from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.nlu.endings import Endings
from ivr.nlu.interpreter import Interpreter
from ivr.speech.hold_music import hold_music
from ivr.speech.recognition.recogniser import Recogniser
from ivr.speech.recordings import Recordings
from ivr.speech.synthesis.synthesiser import StreamingSynthesiser, Voice
from ivr.storage.callers import CallerMemory
from ivr.storage.record import RecordStore
from ivr.storage.session import SessionStore
from ivr.storage.sound_files import SoundFiles
from ivr.telemetry.metrics import Metrics
from ivr.telephony.media_clock import FrameClock, MediaClock

LONGEST_CALL_S = 3600
"""A call is led to its end after this long."""


TICK_MS = 100
"""How often time passes for the rules of a call when no frame comes."""


def _ticks() -> FrameClock:
    return MediaClock(AudioFormat(ptime_ms=TICK_MS))


async def _no_other_version(version: str) -> Flow | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Services:
    """What every conversation of a worker shares."""

    flow: Flow
    """What the call is led by."""
    recogniser: Recogniser
    interpreter: Interpreter
    synthesiser: StreamingSynthesiser
    voice: Callable[[str], Voice]
    recordings: Recordings
    sessions: SessionStore
    records: RecordStore
    call_api: Callable[[CallApi], Any]
    """Coroutine function: asks an integration, answers `ApiReplied`, never raises."""
    publish: Callable[[Mapping[str, Any]], None]
    """Tells live displays what happened; never waits, never raises."""
    worker: str
    flow_version: Callable[[str], Awaitable[Flow | None]] = field(default=_no_other_version)
    """The flow of a version that a call began with on another worker; None where it is gone."""
    sound_files: SoundFiles | None = None
    """Where recordings and messages are kept; None: nowhere."""
    record_calls: bool = False
    """Whether calls are recorded whose flow does not say so."""
    endings: Mapping[str, Endings] = field(default_factory=dict)
    """How sentences end, by language; where nothing is known, silence alone tells."""
    callers: CallerMemory | None = None
    """Remembers who rang; None: nobody is."""
    trusted_trunks: frozenset[str] = frozenset()
    """Trunks whose callers' numbers can be believed."""
    metrics: Metrics = field(default_factory=Metrics)
    clock: Clock = field(default_factory=SystemClock)
    ticks: FrameClock = field(default_factory=_ticks)
    """Lets time pass for all calls, each `TICK_MS`: a timer for each of them costs more."""
    rules: TurnRules = field(default_factory=TurnRules)
    consult_rules: ConsultRules = field(default_factory=ConsultRules)
    music: Audio = field(default_factory=hold_music)
    longest_call_s: float = LONGEST_CALL_S
