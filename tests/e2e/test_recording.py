"""The recording of `ivrctl demo`: both sides, word by word and sample by sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise

import pytest

from ivr.audio.format import FRAME_MS, Audio
from ivr.audio.level import level_dbfs
from ivr.conversation.clauses import clauses
from ivr.conversation.prompts import prompts_of
from ivr.dialogue.flow import Flow
from ivr.phone.handset import AUDIBLE_DBFS
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.vocabulary import vocabulary
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.cache import PromptCache
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.voices import default_voice
from tests.e2e.demo import Demo
from tests.e2e.stalls import StallWatch
from tests.e2e.waves import resemblance
from tests.e2e.words import word_errors, words_of

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

CALLER_ERRORS = 0.05
"""Share of the caller's words that may be recognised wrongly: the model was made for them."""
BOT_ERRORS = 0.15
"""Of the bot's, when the model is told all that the bot can say. Its card says that of such
sentences it gets 91 % right; mostly it takes "your" for "you"."""

ALIKE = 0.95
"""From here on a spectrogram is that of the same sentence, whole; see `waves.resemblance`."""

SAID = (
    "what is my balance",
    "four four seven one two three",
    "what is the weather today",
    "i want to block my card",
    "my credit card",
    "one two three four",
    "yes",
    "no thank you",
)
"""What the demo's caller says, once a language is chosen with a key."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo, run in a folder where nothing is yet."""
    folder = tmp_path_factory.mktemp("demo")
    inherited = {name: value for name, value in os.environ.items() if name[:4] != "IVR_"}
    with StallWatch() as watch:
        done = subprocess.run(
            [sys.executable, "-m", "ivr.cli.main", "demo", "--json"],
            env={**inherited, "IVR_VAR_DIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    print(f"the machine stalled {watch.stalls} times, {watch.longest_ms:.0f} ms at most")
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(folder / "demo", json.loads(done.stdout), watch.stalls)


@pytest.fixture(scope="module")
def flow() -> Flow:
    """What the bot goes by."""
    return Flow.load(Settings().flow)


@pytest.fixture(scope="module")
def recogniser() -> Iterator[VoskRecogniser]:
    """The bundled model."""
    recogniser = VoskRecogniser(models_for(Settings()), threads=1)
    yield recogniser
    recogniser.close()


@pytest.fixture
async def prompts(demo: Demo) -> AsyncIterator[PromptCache]:
    """What the demo's bot could say without making it anew, and what it has made."""
    store = PromptStore(demo.folder / "prompts")
    (espeak,) = store.known_engines()
    prompts = PromptCache(SynthesisClient("unix:/nowhere"), store, espeak)
    yield prompts
    await prompts.close()
    await store.close()


def stretches(audio: Audio, pause_ms: float) -> list[tuple[int, int]]:
    """Where somebody speaks: (first frame, frame behind the last), pauses up to `pause_ms`
    included."""
    size = audio.format.frame_bytes
    found: list[tuple[int, int]] = []
    for index in range(len(audio.pcm) // size):
        if level_dbfs(audio.pcm[index * size : (index + 1) * size]) < AUDIBLE_DBFS:
            continue
        if found and (index - found[-1][1]) * FRAME_MS <= pause_ms:
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return found


def part(audio: Audio, first: int, end: int) -> Audio:
    """Frames of a recording, and 200 ms of silence round them."""
    size = audio.format.frame_bytes
    silence = bytes(10 * size)
    return Audio(silence + audio.pcm[first * size : end * size] + silence, audio.format)


async def recognised(
    recogniser: VoskRecogniser, audio: Audio, phrases: Sequence[str] | None = None
) -> list[str]:
    utterance = recogniser.open("en", audio.format, phrases=phrases)
    utterance.feed(audio.pcm)
    return (await utterance.finish()).text.split()


def sentences(flow: Flow, prompts: PromptCache, text: str) -> list[tuple[str, str, Audio]]:
    """The sentences of a bot's turn, each with its language and the sound that was played: the
    prompt cache knows who has said what. Until a language is chosen the bot speaks all.
    """
    found = []
    for sentence in clauses(text):
        voices = ((language, default_voice(language)) for language in flow.languages)
        sounds = ((language, prompts.cached(sentence, voice)) for language, voice in voices)
        said = [(sentence, language, sound) for language, sound in sounds if sound is not None]
        assert said, f"{sentence!r} is not in the prompt cache"
        found.append(said[0])
    return found


def test_the_demo_keeps_its_promises(demo: Demo) -> None:
    assert demo.document["completed"] is True
    callers = [turn for turn in demo.turns if turn["who"] == "caller"]
    assert len(callers) >= 6
    assert all(turn["gap_ms"] is not None for turn in demo.turns[2:] if turn["who"] == "bot")
    print(f"gaps: {demo.document['gap_ms']}")
    assert demo.document["gap_ms"]["p95"] < 1200
    assert any(turn["interrupted"] for turn in demo.turns)
    assert any(turn["intent"] == "out_of_scope" for turn in callers)


async def test_the_caller_is_recognised_word_for_word(
    demo: Demo, recogniser: VoskRecogniser
) -> None:
    caller, _ = demo.sound()
    places = stretches(caller, pause_ms=600)
    assert len(places) == len(SAID)
    heard = [await recognised(recogniser, part(caller, *place)) for place in places]
    errors = [word_errors(words_of(said), words) for said, words in zip(SAID, heard, strict=True)]
    count = sum(len(words_of(said)) for said in SAID)
    print(f"the caller, from the recording: {sum(errors)} of {count} words wrong")
    assert sum(errors) <= CALLER_ERRORS * count + demo.stalls, heard
    # And so did the worker hear them.
    turns = [
        turn["text"]
        for turn in demo.turns
        if turn["who"] == "caller" and not turn["text"].startswith("presses")
    ]
    live = [word_errors(words_of(said), words_of(t)) for said, t in zip(SAID, turns, strict=True)]
    print(f"the caller, as the worker heard: {sum(live)} of {count} words wrong")
    assert sum(live) <= 2 * CALLER_ERRORS * count + demo.stalls, turns


async def test_the_bot_is_recognised_word_for_word(
    demo: Demo, flow: Flow, prompts: PromptCache, recogniser: VoskRecogniser
) -> None:
    known = vocabulary(models_for(Settings())["en"])
    assert known is not None
    turns = [turn for turn in demo.turns if turn["who"] == "bot"]
    spoken = [sentences(flow, prompts, turn["text"]) for turn in turns if not turn["interrupted"]]
    said = [[text for text, language, _ in each if language == "en"] for each in spoken]
    fixed = [each.text for each in prompts_of(flow) if each.language == "en" and not each.part]
    phrases = [*fixed, *(text for texts in said for text in texts)]
    phrases = [" ".join(words_of(text)) for text in phrases]

    caller, bot = demo.sound()
    length = len(bot.pcm) // bot.format.frame_bytes
    ends = [0, *(end for _, end in stretches(caller, pause_ms=600)), length]
    heard = []
    for begin, end in pairwise(ends):
        answer = part(bot, begin, end)
        words: list[str] = []
        for place in stretches(answer, pause_ms=150):
            words += await recognised(recogniser, part(answer, *place), phrases)
        heard.append(words)
    # The caller's first turn is a key: two turns of the bot's lie before the caller's first word.
    heard = [heard[0], *heard]

    heard = [words for turn, words in zip(turns, heard, strict=True) if not turn["interrupted"]]

    wrong = total = 0
    for texts, words in zip(said, heard, strict=True):
        for text in texts:
            expected = [word for word in words_of(text) if word in known]
            wrong += word_errors(expected, words, within=True)
            total += len(expected)
    print(f"the bot, from the recording: {wrong} of {total} words wrong")
    assert total > 60
    assert wrong <= BOT_ERRORS * total + demo.stalls


def test_every_sentence_of_the_bot_is_there_sample_by_sample(
    demo: Demo, flow: Flow, prompts: PromptCache
) -> None:
    _, bot = demo.sound()
    behind, whole, broken = 0, 0, []
    for turn in demo.turns:
        if turn["who"] != "bot" or turn["interrupted"]:
            continue
        for text, _, sound in sentences(flow, prompts, turn["text"]):
            at = bot.pcm.find(sound.pcm, behind)
            if at < 0:
                broken.append(text)
            else:
                whole, behind = whole + 1, at + len(sound.pcm)
    print(f"{whole} sentences whole, with a hole: {broken}")
    assert len(broken) <= demo.stalls
    assert whole + demo.stalls > 10


async def test_every_sentence_of_the_caller_is_there_as_long_as_it_was(demo: Demo) -> None:
    """The voice of the caller says nothing twice in quite the same way, so its sentences are
    compared by their spectrograms."""
    caller, _ = demo.sound()
    voice = CallerVoice(Settings())
    broken = []
    try:
        for text, place in zip(SAID, stretches(caller, pause_ms=600), strict=True):
            said = await voice.speak(text)
            ((first, end),) = stretches(said, pause_ms=600)
            as_long = abs((place[1] - place[0]) - (end - first)) <= 1
            likeness = resemblance(part(said, first, end), part(caller, place[0] - 1, place[1] + 1))
            if not as_long or likeness < ALIKE:
                broken.append((text, place, likeness))
    finally:
        await voice.close()
    assert len(broken) <= demo.stalls, broken


def test_nothing_is_clipped_or_doubled(demo: Demo) -> None:
    for who, audio in zip(("caller", "bot"), demo.sound(), strict=True):
        assert abs(audio.samples.astype(int)).max() < 32_000, f"the {who} is clipped"
        size = audio.format.frame_bytes
        frames = [audio.pcm[at : at + size] for at in range(0, len(audio.pcm), size)]
        doubled = [
            i for i, (one, other) in enumerate(pairwise(frames)) if any(one) and one == other
        ]
        assert not doubled, f"the {who}'s frames {doubled} came twice"
