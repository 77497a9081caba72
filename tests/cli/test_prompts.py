"""A flow's prompts from the command line, with real espeak-ng."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.audio.wav import read_wav
from tests.cli.running import ivrctl

FLOW = {
    "name": "small",
    "languages": ["en"],
    "entry": {"language_known": "hello"},
    "lasting_slots": ["amount"],
    "voices": {"en": {"rate": 170, "names": {"espeak": "+f3"}}},
    "templates": {
        "hello": {"en": "Good morning. What is the amount?"},
        "balance": {"en": "The balance of your account is {{ amount | money }}."},
        "ask": {"en": "What is the amount?"},
    },
    "nodes": [
        {"id": "hello", "type": "response", "config": {"prompt": "hello"}, "next": "ask"},
        {
            "id": "ask",
            "type": "slot_filler",
            "config": {"slot": "amount", "type": "amount", "prompt": "ask"},
            "next": "say",
        },
        {"id": "say", "type": "response", "config": {"prompt": "balance"}, "next": "end"},
        {"id": "end", "type": "end"},
    ],
}


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(FLOW), encoding="utf-8")
    return path


def states(folder: Path, flow: Path) -> dict[str, str]:
    ran = ivrctl(folder, "prompts", "list", "--flow", str(flow), "--json")
    assert ran.status == 0, ran
    return {row["name"]: row["state"] for row in json.loads(ran.out)}


def test_prompts_are_rendered_listed_heard_and_recorded(tmp_path: Path, flow: Path) -> None:
    assert states(tmp_path, flow)["hello.1"] == "to be made"
    ran = ivrctl(tmp_path, "prompts", "render", "--flow", str(flow))
    assert ran.status == 0, ran
    assert "prompts of small are ready." in ran.out
    made = states(tmp_path, flow)
    assert made["hello.1"] == made["hello.2"] == made["ask"] == "made by espeak"
    # The part of a sentence is of use to slow engines and to humans alone.
    assert made["balance"] == "to be made"

    engine, take = tmp_path / "engine.wav", tmp_path / "take.wav"
    ran = ivrctl(tmp_path, "prompts", "play", "hello.1", "--flow", str(flow), "--to", str(engine))
    assert ran.status == 0, ran
    ran = ivrctl(tmp_path, "prompts", "play", "ask", "--flow", str(flow), "--to", str(take))
    assert ran.status == 0, ran
    ran = ivrctl(tmp_path, "prompts", "replace", "hello.1", str(take), "--flow", str(flow))
    assert ran.status == 0, ran
    assert states(tmp_path, flow)["hello.1"] == "recorded"
    human = tmp_path / "human.wav"
    ran = ivrctl(tmp_path, "prompts", "play", "hello.1", "--flow", str(flow), "--to", str(human))
    assert read_wav(human).duration_ms == pytest.approx(read_wav(take).duration_ms, abs=40)
    assert read_wav(human).duration_ms != pytest.approx(read_wav(engine).duration_ms, abs=40)

    changed = flow.read_text(encoding="utf-8").replace("Good morning.", "Good evening.")
    flow.write_text(changed, encoding="utf-8")
    assert states(tmp_path, flow)["hello.1"] == "to be made; the recording says: Good morning."
    ran = ivrctl(tmp_path, "prompts", "restore", "hello.1", "--flow", str(flow))
    assert ran.status == 0, ran
    assert states(tmp_path, flow)["hello.1"] == "to be made"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("play", "hello.9"), "no prompt 'hello.9' in 'en'"),
        (("play", "hello", "--language", "hi"), "no prompt 'hello' in 'hi'"),
        (("replace", "hello.1", "none.wav"), "none.wav cannot be read"),
        (("restore", "hello.1"), "has no recording"),
    ],
)
def test_slips_are_one_sentence(
    tmp_path: Path, flow: Path, typed: tuple[str, ...], says: str
) -> None:
    assert says in ivrctl(tmp_path, "prompts", *typed, "--flow", str(flow)).sentence


def test_an_engine_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    typed = ("tts", "serve", "--engine", "piper", "--model", "en=none.onnx")
    ran = ivrctl(tmp_path, *typed, hidden=["piper"])
    assert "The speech engine Piper is not installed. Install it with: make piper." in ran.sentence
    assert "needs a model" in ivrctl(tmp_path, "tts", "serve", "--engine", "coqui").sentence


def test_what_speaks_is_listed_in_order(tmp_path: Path) -> None:
    engines = {"IVR_SYNTHESIS_ENGINES": '["tcp://127.0.0.1:1"]'}
    ran = ivrctl(tmp_path, "tts", "list", "--json", environment=engines)
    rows = json.loads(ran.out)
    assert [(row["engine"], row["state"]) for row in rows] == [
        ("tcp://127.0.0.1:1", "away"),
        ("espeak", "installed"),
    ]
