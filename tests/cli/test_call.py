"""`ivrctl call` rings a running `ivrctl serve`, and shows what its caller heard."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr.audio.wav import read_stereo_wav, write_wav
from ivr.cli.phone_call import places
from ivr.phone.voice import CallerVoice
from ivr.settings import PROJECT, Settings
from tests.cli.running import Ran, ivrctl
from tests.e2e.stack import Stack

NEW_GREETING = "The best bank is your bank."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers, that answer with a flow whose author has just changed the greeting."""
    folder = tmp_path_factory.mktemp("call")
    flow = json.loads((PROJECT / "flows" / "bank.json").read_text())
    flow["templates"]["welcome"]["en"] = NEW_GREETING
    path = folder / "mine.json"
    path.write_text(json.dumps(flow))
    with Stack(folder / "var", workers=2, environment={"IVR_FLOW": str(path)}) as running:
        yield running


CALLS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "recorded": (("--keys", "1", "--record", "out/call.wav"), ""),
    "spoken and keyed": (
        (
            *("--keys", "1", "--say", "what is my balance"),
            *("--keys=447123", "--say", "no thank you", "--say", "too late"),
        ),
        "",
    ),
    "played": (("--keys", "1", "--wav", "ask.wav"), ""),
    "typed": (("--interactive",), "1\nwhat is my balance\n\n"),
    "to the second worker": (("--port", "SECOND"), ""),
}
"""What is typed at the command line, and after it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the calls are made from."""
    return tmp_path_factory.mktemp("caller")


@pytest.fixture(scope="module")
def rung(stack: Stack, folder: Path) -> Mapping[str, Ran]:
    """What came of `CALLS`, all made at once by the user who runs `stack`."""

    async def speak() -> None:
        voice = CallerVoice(Settings(synthesis_url=stack.notes.synthesis_url))
        write_wav(folder / "ask.wav", await voice.speak("what is my balance"))
        await voice.close()

    def ring(name: str) -> Ran:
        arguments, typed = CALLS[name]
        second = str(stack.notes.audiosocket_ports[1])
        ran = ivrctl(
            folder,
            *("call", *(second if word == "SECOND" else word for word in arguments)),
            environment={"IVR_VAR_DIR": str(stack.folder)},
            typed=typed,
            timeout_s=120,
        )
        assert (ran.status, ran.err) == (0, ""), name
        return ran

    asyncio.run(speak())
    with ThreadPoolExecutor(len(CALLS)) as pool:
        return dict(zip(CALLS, pool.map(ring, CALLS), strict=True))


def test_a_change_is_heard(rung: Mapping[str, Ran]) -> None:
    lines = rung["recorded"].out.splitlines()
    assert lines[0].startswith("   bot  ")
    assert "press one" in lines[0]
    assert lines[1] == "caller  1"
    assert re.search(r"\[\d+ ms\]", lines[2])
    assert "best bank" in " ".join(lines[2:])
    assert "customer service" not in " ".join(lines[2:])


def test_the_call_is_recorded(rung: Mapping[str, Ran], folder: Path) -> None:
    assert "recorded in out/call.wav" in rung["recorded"].out
    caller, bot = read_stereo_wav(folder / "out" / "call.wav")
    assert caller.duration_ms == bot.duration_ms
    assert bot.duration_ms > 3000


def test_spoken_and_keyed_in_the_order_given(rung: Mapping[str, Ran]) -> None:
    out = rung["spoken and keyed"].out
    said = [line.removeprefix("caller  ") for line in out.splitlines() if line[:6] == "caller"]
    assert said == ["1", "what is my balance", "447123", "no thank you", "too late"]
    assert "        understood: what is my balance  check_balance 1.00\n   bot  What is" in out
    balance = out.split("caller  447123\n")[1].split("caller  no thank you\n")[0]
    assert "rupees" in balance
    goodbye = out.split("caller  no thank you\n")[1]
    assert "Goodbye" in goodbye
    assert goodbye.endswith("        the bot hung up\n")


def test_a_wav_file_is_played(rung: Mapping[str, Ran]) -> None:
    assert "account number" in rung["played"].out.split("caller  ask.wav\n")[1]


def test_typed(rung: Mapping[str, Ran]) -> None:
    heard = [line for line in rung["typed"].out.splitlines() if line.startswith("   bot  ")]
    assert "press one" in heard[0]
    assert "best bank" in " ".join(heard)
    assert "account number" in heard[-1]


def test_a_worker_chosen_by_port(rung: Mapping[str, Ran]) -> None:
    assert "press one" in rung["to the second worker"].out


def test_the_next_worker_is_rung_when_one_takes_no_calls(stack: Stack, tmp_path: Path) -> None:
    settings = Settings(var_dir=stack.folder)
    assert places(settings, None, None) == [
        ("127.0.0.1", port) for port in stack.notes.audiosocket_ports
    ]
    broken = {"audiosocket_ports": (9, stack.notes.audiosocket_ports[1]), "redis_url": None}
    notes = stack.notes.model_copy(update=broken)
    folder = tmp_path / "var"
    folder.mkdir()
    notes.write(folder)
    ran = ivrctl(tmp_path, "call", environment={"IVR_VAR_DIR": str(folder)})
    assert "press one" in ran.out
    assert "(as it was heard)" in ran.out


def test_a_host_or_port_that_is_given_counts(stack: Stack, tmp_path: Path) -> None:
    settings = Settings(var_dir=stack.folder)
    assert places(settings, "192.0.2.1", None) == [("192.0.2.1", settings.audiosocket_port)]
    assert places(settings, None, 1234) == [(settings.host, 1234)]


def test_a_recording_that_cannot_be_written(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {"IVR_VAR_DIR": str(stack.folder)}
    ran = ivrctl(tmp_path, "call", "--record", "file/call.wav", environment=environment)
    assert ran.status == 2
    assert ran.err == (
        "ivrctl: file cannot be made: File exists. Choose another place for the recording.\n"
    )
