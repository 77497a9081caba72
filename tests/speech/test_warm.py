"""Recognizers that are used again, without anything of who was heard before."""

from __future__ import annotations

from ivr.audio.format import TELEPHONE
from ivr.speech.recognition.recogniser import Transcript
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recognition.warm import WarmRecognizers
from tests.speech.conftest import MODEL, recording

PIN = "real-en/fsdd_lucas_pin1.8k.wav"
OTHER = "real-en/fsdd_lucas_pin2.8k.wav"
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def test_the_one_last_used_comes_first_and_no_more_are_kept_than_are_wanted() -> None:
    warm = WarmRecognizers(most=2)
    lent = [warm.take("en", object) for _ in range(3)]
    for one in lent:
        warm.give_back("en", one, 10.0)
    assert warm.take("en", object) is lent[1]
    assert warm.take("en", object) is lent[0]
    assert warm.take("en", object) not in lent


def test_each_kind_has_its_own_and_the_kinds_last_used_are_kept() -> None:
    warm = WarmRecognizers(most=1)
    first = warm.take(0, object)
    warm.give_back(0, first, 10.0)
    again = warm.take(0, object)
    assert again is first
    warm.give_back(0, again, 10.0)
    for kind in range(1, 40):
        warm.give_back(kind, warm.take(kind, object), 10.0)
    assert warm.take(0, object) is not first
    latest = warm.take(39, object)
    assert latest.heard_ms == 10.0


def test_it_knows_how_far_its_clock_is_and_is_let_go_when_it_has_heard_enough() -> None:
    warm = WarmRecognizers(most=1)
    one = warm.take("en", object)
    warm.give_back("en", one, 60_000.0)
    assert warm.take("en", object).heard_ms == 60_000.0
    warm.give_back("en", one, 10 * 60_000.0)
    assert warm.take("en", object) is not one


def test_none_is_left_when_all_are_forgotten() -> None:
    warm = WarmRecognizers(most=1)
    one = warm.take("en", object)
    warm.give_back("en", one, 10.0)
    warm.forget()
    assert warm.take("en", object) is not one


async def test_a_caller_is_heard_alike_whoever_spoke_before() -> None:
    """Words, times and confidences; after whole utterances and after one left in the middle."""
    vosk = VoskRecogniser({"en": MODEL}, threads=1)

    async def heard(name: str, phrases: list[str] | None) -> Transcript:
        utterance = vosk.open("en", TELEPHONE, phrases=phrases)
        utterance.feed(recording(name))
        return await utterance.finish()

    for phrases in (DIGITS, None):
        alone = await heard(PIN, phrases)
        assert len(alone.words) >= 5
        await heard(OTHER, phrases)
        left = vosk.open("en", TELEPHONE, phrases=phrases)
        left.feed(recording(OTHER) * 3)
        left.abandon()
        for _ in range(3):
            assert await heard(PIN, phrases) == alone
    vosk.close()


async def test_sound_that_may_wait_is_no_backlog_and_is_not_decoded_if_nobody_wants_it() -> None:
    vosk = VoskRecogniser({"en": MODEL}, threads=1)
    utterance = vosk.open("en", TELEPHONE)
    utterance.feed(bytes(1600))
    assert utterance.backlog_ms == vosk.backlog_ms == 0
    utterance.abandon()
    assert not vosk._pool._threads
    vosk.close()
