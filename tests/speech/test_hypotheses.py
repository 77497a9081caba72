from __future__ import annotations

import json

import pytest

from ivr.speech.recognition.hypotheses import Hypothesis


def result(*words: tuple[str, float]) -> str:
    found = [
        {"word": word, "conf": confidence, "start": 0.5 + at, "end": 0.9 + at}
        for at, (word, confidence) in enumerate(words)
    ]
    return json.dumps({"text": " ".join(word for word, _ in words), "result": found})


def test_words_carry_their_time_and_confidence() -> None:
    hypothesis = Hypothesis()
    hypothesis.add(result(("my", 0.5), ("balance", 1.0)))
    transcript = hypothesis.transcript()
    assert transcript.text == "my balance"
    assert (transcript.words[1].start_ms, transcript.words[1].end_ms) == (1500.0, 1900.0)
    assert transcript.confidence == pytest.approx(0.75)


def test_unknown_speech_is_not_text_and_lowers_the_confidence() -> None:
    hypothesis = Hypothesis()
    hypothesis.add(result(("[unk]", 1.0), ("yes", 0.9), ("<unk>", 1.0)))
    transcript = hypothesis.transcript()
    assert transcript.text == "yes"
    assert [word.text for word in transcript.words] == ["yes"]
    assert transcript.unknown == 2
    assert transcript.confidence == pytest.approx(0.3)


@pytest.mark.parametrize("nothing", ['{"text": ""}', result(("[unk]", 1.0))])
def test_nothing_known_is_an_empty_transcript(nothing: str) -> None:
    hypothesis = Hypothesis()
    hypothesis.add(nothing)
    assert hypothesis.transcript().text == ""
    assert hypothesis.transcript().confidence == 0.0


def test_what_vosk_cut_in_two_is_one_utterance() -> None:
    hypothesis = Hypothesis()
    hypothesis.add(result(("four", 1.0)))
    assert hypothesis.with_partial('{"partial": "[unk] seven"}') == "four seven"
    hypothesis.add(result(("seven", 1.00001)))
    assert hypothesis.transcript().text == "four seven"
    assert hypothesis.transcript().words[1].confidence == 1.0
