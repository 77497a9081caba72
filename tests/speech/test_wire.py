from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import IvrError
from ivr.speech.synthesis.espeak import Espeak
from ivr.speech.synthesis.synthesiser import NotSpoken, Voice
from ivr.speech.synthesis.voices import default_voice, espeak_voice
from ivr.speech.synthesis.wire import WireError, encode, read_frame, split_url


async def read_all(stream: bytes) -> list[tuple[dict[str, object], bytes]]:
    """Return the frames of a stream; raises what ends it, EOFError at a clean end."""
    reader = asyncio.StreamReader()
    reader.feed_data(stream)
    reader.feed_eof()
    frames = []
    while not reader.at_eof():
        frames.append(await read_frame(reader, body_s=1.0))
    return frames


async def test_frames_come_back_as_they_went() -> None:
    stream = encode({"id": 1, "op": "ping"}) + encode({"id": 2, "text": "हाँ"}, b"\1\2")
    assert await read_all(stream) == [
        ({"id": 1, "op": "ping"}, b""),
        ({"id": 2, "text": "हाँ", "bytes": 2}, b"\1\2"),
    ]


@pytest.mark.parametrize(
    "stream",
    [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\2[]",
        b"\0\0\0\2{x",
        b'\0\0\0\x0d{"bytes":1.5}',
        b'\0\0\0\x0c{"bytes":-1}',
        b'\0\0\0\x0e{"bytes":true}',
    ],
)
async def test_what_is_no_frame_is_refused(stream: bytes) -> None:
    with pytest.raises(WireError):
        await read_all(stream)


async def test_a_frame_that_never_ends_is_given_up() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"\0\0")
    with pytest.raises(WireError, match="not complete"):
        await read_frame(reader, body_s=0.01)


@given(
    st.binary(max_size=200) | st.builds(lambda raw: len(raw).to_bytes(4, "big") + raw, st.binary())
)
def test_any_bytes_are_frames_or_a_wire_error(stream: bytes) -> None:
    with contextlib.suppress(WireError, asyncio.IncompleteReadError):
        asyncio.run(read_all(stream))


def test_addresses() -> None:
    assert split_url("unix:/run/tts") == "/run/tts"
    assert split_url("tcp://127.0.0.1:99") == ("127.0.0.1", 99)
    assert split_url("tcp://[::1]:99") == ("::1", 99)
    for wrong in ("", "unix:", "tcp://x", "tcp://x:99999", "http://x:1", "tcp://:1", "x:1"):
        with pytest.raises(IvrError, match="no address"):
            split_url(wrong)


@pytest.mark.parametrize(
    ("language", "name", "voice"),
    [
        ("en", "", "en-us"),
        ("en_GB", "", "en-gb-x-rp"),
        ("hi", "", "hi"),
        ("es", "", "es-419"),
        ("es-MX", "", "es-419"),
        ("ta", "", "ta"),
        ("en", "+f3", "en-us+f3"),
        ("en", "fr+m2", "fr+m2"),
    ],
)
def test_each_language_has_its_voice(language: str, name: str, voice: str) -> None:
    assert espeak_voice(language, name) == voice


def test_the_default_voice_speaks_its_language() -> None:
    assert default_voice("hi").language == "hi"
    assert default_voice("en").rate == 150


@pytest.mark.parametrize("voice", ["../../etc/passwd", "en-us+../x", "en us", "en-us\0"])
def test_a_name_that_could_be_a_path_never_reaches_the_engine(voice: str) -> None:
    unloaded = object.__new__(Espeak)
    with pytest.raises(NotSpoken, match="no voice"):
        unloaded.speak("x", Voice(language="en", names=(("espeak", voice),)))
    with pytest.raises(NotSpoken, match="no voice"):
        unloaded.speak("x", Voice(language="\0"))
