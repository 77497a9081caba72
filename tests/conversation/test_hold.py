"""Music for whoever waits, over the loopback."""

from __future__ import annotations

from ivr.audio.format import Audio
from ivr.conversation.hold import HoldMusic
from ivr.speech.hold_music import hold_music
from ivr.telephony.call import CallEnding
from ivr.telephony.loopback import LoopbackCall, SteppedClock
from tests.telephony.call_contract import sound

LOOP = Audio(sound(3.5))


class Ear:
    """Tells the music of the call's marks."""

    def __init__(self, call: LoopbackCall) -> None:
        self.music = HoldMusic(call, LOOP)
        self.others: list[int] = []
        call.attach(self)

    def audio_received(self, frame: bytes) -> None: ...
    def digit_received(self, digit: str) -> None: ...
    def ended(self, ending: CallEnding) -> None: ...

    def played(self, mark: int) -> None:
        if not self.music.played(mark):
            self.others.append(mark)


def test_it_goes_round_without_a_gap_until_it_is_stopped() -> None:
    clock = SteppedClock()
    call = LoopbackCall(clock)
    call.ring(lambda _: None)
    ear = Ear(call)
    ear.music.start()
    ear.music.start()
    clock.step(35)
    assert b"".join(call.heard) == LOOP.pcm * 10
    clock.step(1)
    ear.music.stop()
    clock.step(5)
    assert not any(b"".join(call.heard[36:]))
    assert not ear.music.playing


def test_what_others_play_is_theirs() -> None:
    clock = SteppedClock()
    call = LoopbackCall(clock)
    call.ring(lambda _: None)
    ear = Ear(call)
    call.play(Audio(sound(1)), mark=0)
    call.play(Audio(sound(1)), mark=7)
    clock.step(4)
    assert ear.others == [0, 7]


def test_the_shipped_music_is_soft_and_closes_its_circle() -> None:
    samples = hold_music().samples.astype(float)
    assert hold_music().format.rate == 8000
    assert 8000 <= hold_music().duration_ms <= 30000
    assert 0.05 < abs(samples).max() / 32767 < 0.2
    steps = abs(samples[1:] - samples[:-1])
    assert abs(samples[0] - samples[-1]) <= steps.max()
