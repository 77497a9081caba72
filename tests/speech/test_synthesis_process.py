"""The synthesis process for real: spoken to, killed, frozen, and asked nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.client import TIMEOUT_S, SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.synthesiser import SynthesisFailed, Voice
from ivr.speech.synthesis.text import MAX_TEXT
from ivr.speech.synthesis.voices import default_voice
from ivr.speech.synthesis.wire import encode, read_frame

EN = default_voice("en")
SOON_S = TIMEOUT_S + 0.4


def same(one: Audio, other: Audio) -> bool:
    """Whether two sounds are of the same words: espeak-ng never says them twice alike."""
    return one.duration_ms == pytest.approx(other.duration_ms, rel=0.05)


async def until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    give_up = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that in time"
        await asyncio.sleep(0.01)


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def pitch_hz(audio: Audio) -> float:
    """Return the strongest repetition between 60 and 400 Hz, by autocorrelation."""
    wave = audio.samples.astype(float)
    alike = np.correlate(wave[:6000], wave[:6000], "full")[len(wave[:6000]) - 1 :]
    shortest, longest = 8000 // 400, 8000 // 60
    return float(8000 / (shortest + int(np.argmax(alike[shortest:longest]))))


def pid_of(process: SynthesisProcess) -> int:
    assert process.pid is not None
    return process.pid


async def test_what_it_says_is_understood(
    client: SynthesisClient, recogniser: VoskRecogniser
) -> None:
    said = "I want to transfer five hundred rupees to my savings account."
    audio = await client.synthesise(said, EN)
    assert 2000 < audio.duration_ms < 6000
    utterance = recogniser.open("en", TELEPHONE)
    utterance.feed(bytes(3200) + audio.pcm + bytes(4800))
    heard = (await utterance.finish()).text.split()
    wanted = said.lower().strip(".").split()
    assert len(set(wanted) & set(heard)) >= len(set(wanted)) - 1


@pytest.mark.parametrize(
    ("language", "text"),
    [("hi", "नमस्ते, आपका खाता नंबर क्या है?"), ("es", "Buenos días, ¿en qué puedo ayudarle?")],
)
async def test_other_languages_speak(client: SynthesisClient, language: str, text: str) -> None:
    audio = await client.synthesise(text, default_voice(language))
    assert 1000 < audio.duration_ms < 6000


async def test_rate_and_voice_are_heeded(client: SynthesisClient) -> None:
    first = await client.synthesise("one two three", EN)
    slower = await client.synthesise("one two three", Voice(language="en", rate=100))
    other = Voice(language="en", names=(("espeak", "+f2"),))
    woman = await client.synthesise("one two three", other)
    assert slower.duration_ms > first.duration_ms * 1.2
    assert pitch_hz(woman) > pitch_hz(first) * 1.3
    assert same(await client.synthesise("one two three", EN), first)


@pytest.mark.parametrize("text", ["", "   ", "<break/>", "\x01"])
async def test_nothing_to_say_is_no_sound(client: SynthesisClient, text: str) -> None:
    assert (await client.synthesise(text, EN)).pcm == b""


@pytest.mark.parametrize("name", ["xx", "dothraki+m1", "../../../etc/passwd"])
async def test_an_unknown_voice_is_an_answer_not_a_crash(
    client: SynthesisClient, synthesis: SynthesisProcess, name: str
) -> None:
    before = synthesis.pid
    with pytest.raises(SynthesisFailed, match="no voice"):
        await client.synthesise("hello", Voice(language="en", names=(("espeak", name),)))
    assert (await client.synthesise("hello", EN)).duration_ms > 100
    assert synthesis.pid == before


async def test_too_long_a_text_is_refused_on_both_sides(
    client: SynthesisClient, synthesis: SynthesisProcess
) -> None:
    with pytest.raises(SynthesisFailed, match="too long"):
        await client.synthesise("a" * (MAX_TEXT + 1), EN)
    answer = await ask_raw(synthesis, speak(1, "a" * (MAX_TEXT + 1)))
    assert answer["ok"] is False
    assert "2000" in str(answer["error"])


async def test_the_longest_text_is_spoken_in_time(client: SynthesisClient) -> None:
    text = ("You have a balance of two hundred dollars. " * 50)[:MAX_TEXT]
    assert (await client.synthesise(text, EN)).duration_ms > 60_000


async def test_many_calls_share_a_connection_and_each_gets_its_own(
    client: SynthesisClient, synthesis: SynthesisProcess
) -> None:
    texts = ["one " * (number + 1) for number in range(20)] * 2
    alone = [await client.synthesise(text, EN) for text in texts]
    before = len(psutil.Process(pid_of(synthesis)).net_connections("unix"))
    together = await asyncio.gather(*(client.synthesise(text, EN) for text in texts))
    assert all(map(same, together, alone))
    assert len(psutil.Process(pid_of(synthesis)).net_connections("unix")) == before


async def test_killed_in_use_it_fails_soon_and_comes_back(
    client: SynthesisClient, synthesis: SynthesisProcess
) -> None:
    await client.synthesise("hello", EN)
    asking = [asyncio.ensure_future(client.synthesise(f"hello {n}", EN)) for n in range(50)]
    await asyncio.sleep(0.01)
    killed = time.monotonic()
    os.kill(pid_of(synthesis), signal.SIGKILL)
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert time.monotonic() - killed < SOON_S
    assert any(isinstance(result, SynthesisFailed) for result in results)
    await until(lambda: synthesis.pid is None)
    assert not await synthesis.healthy()
    await synthesis.restart()
    assert await synthesis.healthy()
    assert (await client.synthesise("hello", EN)).duration_ms > 100


async def test_frozen_in_use_it_fails_soon_is_noticed_and_comes_back(
    hasty: SynthesisClient, synthesis: SynthesisProcess
) -> None:
    await hasty.synthesise("hello", EN)
    os.kill(pid_of(synthesis), signal.SIGSTOP)
    asked = time.monotonic()
    with pytest.raises(SynthesisFailed, match=r"60[01] ms"):
        await hasty.synthesise("hello", EN)
    assert TIMEOUT_S * 0.9 < time.monotonic() - asked < 3 * SOON_S
    checked = time.monotonic()
    assert not await synthesis.healthy(deadline_s=5.0)
    assert time.monotonic() - checked < 2.5
    await synthesis.restart()
    assert (await hasty.synthesise("hello", EN)).duration_ms > 100


async def test_frozen_and_thawed_it_serves_the_same_client_again(
    hasty: SynthesisClient, synthesis: SynthesisProcess
) -> None:
    hello = await hasty.synthesise("hello", EN)
    os.kill(pid_of(synthesis), signal.SIGSTOP)
    with pytest.raises(SynthesisFailed):
        await hasty.synthesise("good morning", EN)
    os.kill(pid_of(synthesis), signal.SIGCONT)
    assert same(await hasty.synthesise("hello", EN), hello)


async def test_a_cancelled_request_harms_no_other(client: SynthesisClient) -> None:
    hello = await client.synthesise("hello", EN)
    for _ in range(20):
        cancelled = asyncio.ensure_future(client.synthesise("a long sentence " * 20, EN))
        other = asyncio.ensure_future(client.synthesise("hello", EN))
        await asyncio.sleep(0.002)
        cancelled.cancel()
        assert same(await other, hello)


async def test_no_process_at_all_fails_at_once(tmp_path: Path) -> None:
    client = SynthesisClient(f"unix:{tmp_path}/nobody")
    asked = time.monotonic()
    with pytest.raises(SynthesisFailed, match="cannot be reached"):
        await client.synthesise("hello", EN)
    assert time.monotonic() - asked < 0.3
    await client.close()


async def test_bad_clients_are_cut_off_and_hold_nobody_back(
    client: SynthesisClient, synthesis: SynthesisProcess, sockets: contextlib.ExitStack
) -> None:
    hello = await client.synthesise("hello", EN)
    bad = []
    for first in (
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\2{}",
        encode({"id": "one", "op": "ping"}),
        encode({"id": 1, "op": "dance"}),
        encode({"id": 1, "op": "speak", "text": "x"}),
        b"\0\0",
        speak(1, "a long sentence, never read. " * 60) * 400,
    ):
        one = sockets.enter_context(socket.socket(socket.AF_UNIX))
        one.setblocking(False)
        one.connect(synthesis.url.removeprefix("unix:"))
        one.send(first)
        bad.append(one)
    times = []
    for _ in range(20):
        asked = time.monotonic()
        assert same(await client.synthesise("hello", EN), hello)
        times.append(time.monotonic() - asked)
    assert sorted(times)[-2] < 2.0
    for one in bad[:-2]:
        assert await gone(one)
    # The half frame and the one who does not read have their deadline first.
    for one in bad[-2:]:
        assert await gone(one, 8.0)


async def test_wrong_types_are_answers(synthesis: SynthesisProcess) -> None:
    wrong: dict[str, object] = {"text": 7, "language": None, "rate": "2", "pitch": 1.5}
    wrong["voices"] = []
    for field, value in wrong.items():
        answer = await ask_raw(synthesis, speak(1, "x", {field: value}))
        assert answer["ok"] is False
    answer = await ask_raw(synthesis, speak(1, "x", {"rate": 10**9, "pitch": -5}))
    assert answer["ok"] is True


async def test_what_comes_too_late_is_not_spoken(synthesis: SynthesisProcess) -> None:
    answer = await ask_raw(synthesis, speak(1, "hello", {"timeout_ms": 0}))
    assert "late" in str(answer["error"])


async def test_connections_leave_nothing_behind(synthesis: SynthesisProcess) -> None:
    process = psutil.Process(pid_of(synthesis))

    async def ring(count: int) -> None:
        for number in range(count):
            client = SynthesisClient(synthesis.url)
            await client.synthesise(f"number {number % 7}", EN)
            await client.close()

    ours = psutil.Process()
    await ring(5)
    before = (process.num_fds(), process.num_threads(), ours.num_fds())
    await ring(100)
    await until(lambda: process.num_fds() <= before[0])
    assert process.num_threads() <= before[1]
    assert ours.num_fds() <= before[2]


async def test_it_ends_on_sigterm_and_takes_its_socket_along(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    process = SynthesisProcess(path)
    await process.start()
    pid = pid_of(process)
    assert path.stat().st_mode & 0o077 == 0
    os.kill(pid, signal.SIGTERM)
    await until(lambda: process.pid is None)
    assert process._process is not None
    assert process._process.returncode == 0
    assert not path.exists()
    await process.stop()
    await process.stop()


async def test_stopping_a_frozen_one_does_not_take_long(synthesis: SynthesisProcess) -> None:
    child = psutil.Process(pid_of(synthesis))
    child.suspend()
    await until(lambda: child.status() == psutil.STATUS_STOPPED)
    began = time.monotonic()
    await synthesis.stop()
    assert time.monotonic() - began < 1.0
    assert synthesis.pid is None


async def test_it_dies_with_the_process_that_started_it() -> None:
    starter = (
        "import asyncio, os, signal\n"
        "from ivr.speech.synthesis.supervised import SynthesisProcess\n"
        "async def main():\n"
        "    process = SynthesisProcess()\n"
        "    await process.start()\n"
        "    print(process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", starter], capture_output=True, timeout=30
    )
    pid = int(done.stdout)
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


async def test_a_place_where_it_cannot_listen_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ivr.speech.synthesis.service", "--socket"]
    for url in (f"unix:{tmp_path}/no/such/folder", "nonsense", f"unix:{tmp_path}/{'x' * 200}"):
        done = await asyncio.to_thread(
            subprocess.run, [*command, url], capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert "Traceback" not in done.stderr


def speak(number: int, text: str, changes: dict[str, object] | None = None) -> bytes:
    request: dict[str, object] = {
        "id": number,
        "op": "speak",
        "text": text,
        "language": "en",
        "voices": {},
        "rate": 150,
        "pitch": 50,
        "timeout_ms": 5000,
    }
    return encode({**request, **(changes or {})})


async def ask_raw(process: SynthesisProcess, frame: bytes) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(process.url.removeprefix("unix:"))
    writer.write(frame)
    header, _ = await read_frame(reader, body_s=2.0)
    writer.close()
    return header


async def gone(one: socket.socket, deadline_s: float = 3.0) -> bool:
    """Whether the other side closes the connection; what it sent is thrown away."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadline_s):
            while await loop.sock_recv(one, 65536):
                pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
