"""Recorded calls and messages, with real frames both ways and real files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.wav import read_stereo_wav, read_wav
from ivr.storage.sound_files import SoundFiles
from tests.conversation.spoken_call import DOCUMENT, FAREWELL, FRAME_MS, MENU, TOLD, Scene

SIZE = TELEPHONE.frame_bytes
SILENCE = TELEPHONE.silence
NOTICE = "This call is recorded."
PIN = "Please enter the four digits."
ACCEPTED = "That is right."
LEAVE = "Please say your message after the tone, then press hash."


def document(**recording: Any) -> dict[str, Any]:
    """The flow with a notice before and a message box behind its menu."""
    changed: dict[str, Any] = deepcopy(dict(DOCUMENT))
    changed["recording"] = recording
    changed["templates"]["notice"] = {"en": NOTICE}
    changed["message_boxes"] = ["desk"]
    menu = changed["nodes"][0]
    menu["config"]["options"][0] = {
        "name": "message",
        "key": "1",
        "phrases": {"en": ["message"]},
    }
    menu["next"]["message"] = "leave"
    del menu["next"]["balance"]
    changed["nodes"] = [node for node in changed["nodes"] if node["id"] != "told"]
    del changed["templates"]["told"]
    changed["nodes"].append(
        {
            "id": "leave",
            "type": "voicemail",
            "config": {"box": "desk", "longest_s": 10},
            "next": {"kept": "choose", "lost": "choose"},
        }
    )
    return changed


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[SoundFiles]:
    files = SoundFiles(tmp_path / "sounds")
    yield files
    await files.close()


def frames(audio: Audio) -> list[bytes]:
    return [audio.pcm[at : at + SIZE] for at in range(0, len(audio.pcm), SIZE)]


def texts(scene: Scene, audio: Audio) -> list[str]:
    """The bot's sentences in a recording, in order."""
    said: list[str] = []
    for frame in frames(audio):
        text = scene.text_of(frame)
        if text and (not said or said[-1] != text):
            said.append(text)
    return said


def voiced(sound: list[bytes]) -> list[bytes]:
    """The frames that are no digital silence, of which a voice has some too."""
    return [frame for frame in sound if frame != SILENCE]


async def hung_up(scene: Scene) -> None:
    scene.call.caller_hangs_up()
    await scene.until_really_over()


def recorded(scene: Scene) -> tuple[Audio, Audio]:
    (kept,) = [sound for sound in scene.records.sounds if sound.what == "call"]
    assert kept.whole
    left, right = read_stereo_wav(Path(kept.path))
    assert kept.duration_ms == left.duration_ms == right.duration_ms
    return left, right


async def test_both_sides_are_recorded_as_they_were_heard(files: SoundFiles) -> None:
    scene = Scene(sound_files=files, record_calls=True)
    await scene.ring()
    await scene.hear_out()
    said = scene.now
    await scene.say("balance", ms=800)
    await scene.hear_out()
    heard = list(scene.call.heard)
    await hung_up(scene)
    left, right = recorded(scene)
    assert texts(scene, right) == [*MENU, TOLD, *MENU]
    assert frames(right)[: len(heard)] == heard
    assert voiced(frames(left)) == voiced(scene.said)
    first = next(at for at, frame in enumerate(frames(left)) if frame != SILENCE)
    assert first in range(said, said + 20)


async def test_nothing_is_recorded_unless_somebody_wants_it(files: SoundFiles) -> None:
    scene = Scene(sound_files=files)
    await scene.ring()
    await scene.say("balance")
    await hung_up(scene)
    assert scene.records.sounds == []


async def test_a_sensitive_step_is_silence_on_both_sides(files: SoundFiles) -> None:
    scene = Scene(sound_files=files, record_calls=True)
    await scene.ring()
    await scene.hear_out()
    await scene.press("3")
    await scene.hear_out()
    assert PIN in scene.heard()
    before = scene.now
    await scene.make_noise(1000)
    await scene.press("4711")
    await scene.make_noise(400)
    until = scene.now
    await scene.hear_out()
    await scene.listen(1000)
    last = scene.now
    await scene.make_noise(600)
    heard = list(scene.call.heard)
    await hung_up(scene)
    left, right = recorded(scene)
    assert texts(scene, right) == [*MENU, ACCEPTED, *MENU]
    assert set(frames(left)[before:until]) == {SILENCE}
    assert voiced(frames(left)) == voiced(scene.said[last:])
    assert abs(len(frames(right)) - len(heard)) <= 2
    at = heard.index(next(frame for frame in heard if scene.text_of(frame) == ACCEPTED))
    assert frames(right)[at : at + 20] == heard[at : at + 20]


async def test_nothing_is_recorded_before_the_notice_has_been_heard(files: SoundFiles) -> None:
    scene = Scene(sound_files=files, document=document(announce="notice"))
    await scene.ring()
    await scene.listen(400)
    assert scene.heard() == [NOTICE]
    await scene.make_noise(200)
    assert scene.sessions.last is not None
    assert not scene.sessions.last.recording
    await scene.hear_out()
    await scene.press("3")
    await scene.listen(400)
    assert scene.sessions.last.recording
    await hung_up(scene)
    left, right = recorded(scene)
    assert texts(scene, right) == [*MENU]
    assert voiced(frames(left)) == []


async def test_the_notice_cannot_be_talked_over(files: SoundFiles) -> None:
    scene = Scene(sound_files=files, document=document(announce="notice"))
    await scene.ring()
    await scene.press("2")
    await scene.hear_out()
    assert scene.heard()[:2] == [NOTICE, MENU[0]]
    await hung_up(scene)


async def test_a_notice_that_nobody_could_hear_is_none(files: SoundFiles) -> None:
    scene = Scene(sound_files=files, document=document(announce="notice"))
    scene.choir.fault = ValueError("broken")
    await scene.ring()
    await scene.listen(6000)
    scene.choir.fault = None
    await scene.press("2")
    await scene.until_really_over()
    assert FAREWELL in scene.heard()
    assert scene.records.sounds == []


@pytest.mark.parametrize("told", [True, False])
async def test_the_next_worker_records_only_where_the_caller_knows(
    files: SoundFiles, told: bool
) -> None:
    first = Scene(sound_files=files, document=document(announce="notice"))
    await first.ring()
    await first.listen(400)
    if told:
        await first.hear_out()
        await first.press("9")
        await first.listen(200)
    second = Scene(sound_files=files, sessions=first.sessions, document=document(announce="notice"))
    await second.ring()
    await second.listen(2000)
    await second.press("2")
    await second.until_really_over()
    assert len([sound for sound in second.records.sounds if sound.what == "call"]) == told
    first.call.caller_hangs_up()
    await first.until_really_over()


async def test_a_disk_that_takes_nothing_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "sounds").touch()
    files = SoundFiles(tmp_path / "sounds")
    scene = Scene(sound_files=files, record_calls=True)
    await scene.ring()
    await scene.hear_out()
    await scene.press("2")
    await scene.until_really_over()
    await files.close()
    assert FAREWELL in scene.heard()
    (kept,) = scene.records.sounds
    assert not kept.whole


# Messages.


async def leave_message(scene: Scene) -> None:
    await scene.ring()
    await scene.hear_out()
    await scene.press("1")
    await scene.hear_out()
    assert scene.heard()[-2:] == [
        LEAVE.split(", ", maxsplit=1)[0] + ", then press hash.",
        "(the recorded apology)",
    ]


async def really(scene: Scene, text: str) -> None:
    """Let line and disk go on until the bot says so."""
    async with asyncio.timeout(15):
        while text not in scene.heard():
            await scene.listen(FRAME_MS)
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("end", ["#", "silence", "length", "hangup"])
async def test_a_message_is_kept(files: SoundFiles, end: str) -> None:
    scene = Scene(sound_files=files, document=document())
    await leave_message(scene)
    began = len(scene.said)
    await scene.make_noise(12_000 if end == "length" else 1000)
    if end == "hangup":
        await hung_up(scene)
    else:
        if end == "#":
            await scene.press("#")
        await really(scene, "Thank you.")
        await hung_up(scene)
    (kept,) = [sound for sound in scene.records.sounds if sound.what == "message"]
    assert (kept.box, kept.node, kept.language, kept.whole) == ("desk", "leave", "en", True)
    message = read_wav(Path(kept.path))
    assert message.duration_ms == kept.duration_ms
    longest = {"#": 1200, "silence": 5300, "length": 10_100, "hangup": 1200}[end]
    assert longest - 400 <= message.duration_ms <= longest
    assert voiced(frames(message)) == voiced(scene.said[began:])[: len(voiced(frames(message)))]
    assert len(voiced(frames(message))) >= 0.9 * len(voiced(scene.said[began:][: 10_000 // 20]))
    assert Path(kept.path).parent.name == "desk"


async def test_who_says_nothing_leaves_no_message(files: SoundFiles, tmp_path: Path) -> None:
    scene = Scene(sound_files=files, document=document())
    await leave_message(scene)
    await really(scene, "I could not take your message.")
    await hung_up(scene)
    assert [sound for sound in scene.records.sounds if sound.what == "message"] == []
    assert list((tmp_path / "sounds" / "messages").rglob("*.wav")) == []


async def test_a_message_that_cannot_be_written_is_not_said_to_be_kept(tmp_path: Path) -> None:
    (tmp_path / "sounds").touch()
    files = SoundFiles(tmp_path / "sounds")
    scene = Scene(sound_files=files, document=document())
    await leave_message(scene)
    await scene.make_noise(1000)
    await scene.press("#")
    await really(scene, "I could not take your message.")
    await hung_up(scene)
    await files.close()
    assert "Thank you." not in scene.heard()
