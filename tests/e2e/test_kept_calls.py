"""What is kept of calls by a whole `serve`, rung over AudioSocket: recordings and messages are
there and are understood, and of a PIN and a card number, keyed and spoken, there is nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen
from uuid import UUID

import psycopg
import pytest
import redis

from ivr.audio.format import Audio
from ivr.audio.wav import read_stereo_wav, read_wav
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.storage.reader import RecordReader
from ivr.storage.record import SoundKept
from tests.e2e.kept_calls import CARD, PIN, kept_flow
from tests.e2e.records import assert_recorded_once
from tests.e2e.stack import Stack, until
from tests.e2e.talk import Sounds, Talk
from tests.e2e.words import was_heard

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

SPOKEN_PIN = "eight zero four seven one nine three six"
SPOKEN_CARD = "four five three two zero one five one"
QUESTION = "what is my balance"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("kept")
    environment = {"IVR_FLOW": str(kept_flow(folder)), "IVR_LOG_LEVEL": "debug"}
    with Stack(folder / "var", environment=environment) as stack:
        yield stack


@pytest.fixture(scope="module")
def recogniser() -> Iterator[VoskRecogniser]:
    recogniser = VoskRecogniser(models_for(Settings()), threads=1)
    yield recogniser
    recogniser.close()


class Wiretap:
    """Everything that any client says to Redis: sessions as they change, and events."""

    def __init__(self, url: str) -> None:
        self.commands: list[str] = []
        self._client = redis.Redis.from_url(url)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Wiretap:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.set("the wiretap", "ends")
        self._thread.join(10)
        self._client.close()

    def _listen(self) -> None:
        with self._client.monitor() as monitor:  # type: ignore[no-untyped-call]
            self._ready.set()
            for command in monitor.listen():
                self.commands.append(command["command"])
                if "the wiretap" in command["command"]:
                    return


async def words_of(recogniser: VoskRecogniser, audio: Audio) -> str:
    utterance = recogniser.open("en", audio.format)
    utterance.feed(audio.pcm)
    return (await utterance.finish()).text


def sounds_of(stack: Stack, call_id: UUID, what: str) -> list[SoundKept]:
    assert stack.notes.database_url is not None
    reader = RecordReader(stack.notes.database_url)
    return until(
        lambda: [each for each in reader.sounds_of(call_id) if each.what == what],
        20,
        f"a {what} of call {call_id} in PostgreSQL",
    )


def dumped(url: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        rows = [
            str(row[0])
            for (table,) in tables
            for row in connection.execute(f"SELECT to_jsonb(t) FROM {table} AS t".encode())
        ]
    return "\n".join(rows)


def files_with(folder: Path, secret: str) -> list[Path]:
    """Files below `folder`, the servers' own included, that hold these bytes."""
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and secret.encode() in path.read_bytes():
                found.append(path)
        except OSError:
            continue  # A server has just removed it.
    return found


async def test_neither_pin_nor_card_number_are_anywhere(
    stack: Stack,
    talk: Talk,
    phone: AudioSocketPhone,
    recogniser: VoskRecogniser,
    sounds: Sounds,
) -> None:
    notes = stack.notes
    assert notes.redis_url is not None
    assert notes.database_url is not None
    with Wiretap(notes.redis_url) as wiretap:
        await talk.ring()
        await talk.hear("card press one")
        await talk.say(QUESTION)
        await talk.hear("balance of your account is nine rupees")
        await talk.press("1")
        await talk.hear("please")
        await talk.say(SPOKEN_CARD)
        await talk.press(CARD)
        await talk.hear("please")
        await talk.say(SPOKEN_PIN)
        await talk.press(PIN)
        await talk.hear("the pin is")
        metrics = b"".join(
            urlopen(f"http://{notes.host}:{port}/metrics").read() for port in notes.http_ports
        )
        await talk.press("3")
        await talk.hear("goodbye")
        call_id = phone.call_id
        turns = assert_recorded_once(stack, call_id)
    places = {
        "turns": json.dumps([turn.model_dump(mode="json") for turn in turns]),
        "database": dumped(notes.database_url),
        "redis": "\n".join(wiretap.commands),
        "log": stack.log.read_text(),
        "metrics": metrics.decode(),
    }
    # Each of the places is looked into where the call has left its traces.
    for place in ("turns", "database", "redis", "log"):
        assert QUESTION in places[place], place
        assert "[sensitive]" in places[place], place
    for secret in (CARD, PIN, SPOKEN_CARD, SPOKEN_PIN):
        assert [place for place, text in places.items() if secret in text] == []
    for secret in (CARD, PIN):
        assert files_with(stack.folder, secret) == []
    assert files_with(stack.folder, QUESTION) != []

    (kept,) = sounds_of(stack, call_id, "call")
    assert kept.whole
    left, right = read_stereo_wav(Path(kept.path))
    caller, bot = await words_of(recogniser, left), await words_of(recogniser, right)
    print(f"caller: {caller}\nbot: {bot}")
    assert was_heard(QUESTION, caller)
    assert was_heard("card press one", bot)
    assert was_heard("a message press two", bot)
    assert was_heard("the balance of your account is nine rupees", bot)
    assert was_heard("thank you", bot)
    assert was_heard("goodbye", bot)
    assert "please enter" not in bot
    digits = set("zero one two three four five six seven eight nine oh".split())
    assert not digits & set(caller.split()[len(QUESTION.split()) + 1 :])
    for secret in (SPOKEN_CARD, SPOKEN_PIN):
        # It would have been understood.
        assert await words_of(recogniser, sounds[secret]) == secret
        half = " ".join(secret.split()[:4])
        assert not was_heard(half, caller)
        assert not was_heard(half, bot)


async def test_a_recording_begins_after_the_notice_and_lasts_as_long_as_the_call(
    stack: Stack, talk: Talk, phone: AudioSocketPhone, recogniser: VoskRecogniser
) -> None:
    await talk.ring()
    await talk.hear("card press one")
    heard_ms = talk.phone.handset.record()[1].duration_ms
    await talk.press("3")
    await talk.hear("goodbye")
    (kept,) = sounds_of(stack, phone.call_id, "call")
    _, right = read_stereo_wav(Path(kept.path))
    said = await words_of(recogniser, right)
    assert was_heard("card press one", " ".join(said.split()[:6]))
    assert "this" not in said
    whole_ms = talk.phone.handset.record()[1].duration_ms
    notice_ms = whole_ms - right.duration_ms
    assert 500 < notice_ms < heard_ms


async def test_a_message_is_kept_and_can_be_understood(
    stack: Stack, talk: Talk, phone: AudioSocketPhone, recogniser: VoskRecogniser
) -> None:
    await talk.ring()
    await talk.hear("card press one")
    await talk.press("2")
    await talk.hear("message")
    await talk.say(QUESTION)
    await talk.press("#")
    await talk.hear("thank you i have your message")
    await talk.press("3")
    await talk.hear("goodbye")
    (kept,) = sounds_of(stack, phone.call_id, "message")
    assert (kept.box, kept.node, kept.whole) == ("desk", "leave", True)
    message = read_wav(Path(kept.path))
    assert was_heard(QUESTION, await words_of(recogniser, message))
    assert message.duration_ms == kept.duration_ms


async def test_who_hangs_up_has_left_their_message(
    stack: Stack, talk: Talk, phone: AudioSocketPhone, recogniser: VoskRecogniser
) -> None:
    await talk.ring()
    await talk.hear("card press one")
    await talk.press("2")
    await talk.hear("message")
    await talk.say(QUESTION)
    await talk.hang_up()
    (kept,) = sounds_of(stack, phone.call_id, "message")
    assert was_heard(QUESTION, await words_of(recogniser, read_wav(Path(kept.path))))
