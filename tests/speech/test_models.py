"""Installing models: by name, from a folder, from a zip, and everything that is not one."""

from __future__ import annotations

import errno
import json
import shutil
import stat
import zipfile
from collections import namedtuple
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from ivr.cli.models import models as models_command
from ivr.errors import IvrError
from ivr.settings import Settings, load_settings
from ivr.speech.recognition import archive
from ivr.speech.recognition.catalogue import OFFICIAL, rank
from ivr.speech.recognition.install import CARD, install
from ivr.speech.recognition.models import local_models, models_for
from tests.speech.conftest import MODEL

NAME = "vosk-model-small-en-us-0.15"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def settings(place: Path) -> Settings:
    return Settings(models_dir=place)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """The bundled model as Vosk's site packs models: a folder in a zip."""
    path = tmp_path / f"{NAME}.zip"
    with zipfile.ZipFile(path, "w") as file:
        for entry in sorted(MODEL.rglob("*")):
            file.write(entry, Path(NAME) / entry.relative_to(MODEL))
    return path


def served(answer: httpx.Response | Exception) -> httpx.Client:
    def handle(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"https://alphacephei.com/vosk/models/{NAME}.zip"
        if isinstance(answer, Exception):
            raise answer
        return answer

    return httpx.Client(transport=httpx.MockTransport(handle))


def nothing_left(place: Path) -> bool:
    return not place.exists() or list(place.iterdir()) == []


def test_a_folder_is_installed_and_used(place: Path, settings: Settings) -> None:
    installed = install(str(MODEL), place, language="en", name="mine")
    assert installed == place / "mine"
    assert models_for(settings) == {"en": installed}
    assert [entry.name for entry in place.iterdir()] == ["mine"]


def test_a_zip_is_installed_with_or_without_a_folder_in_it(
    place: Path, packed: Path, tmp_path: Path
) -> None:
    assert (install(str(packed), place) / "am" / "final.mdl").is_file()
    flat = tmp_path / "vosk-model-hi-mine.zip"
    with zipfile.ZipFile(flat, "w") as file:
        for entry in sorted(MODEL.rglob("*")):
            file.write(entry, entry.relative_to(MODEL))
    installed = install(str(flat), place)
    assert json.loads((installed / CARD).read_text())["language"] == "hi"


def test_an_official_model_is_fetched_by_name(place: Path, packed: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    raw = packed.read_bytes()
    installed = install(
        NAME,
        place,
        progress=lambda done, total: seen.append((done, total)),
        client=served(httpx.Response(200, content=raw)),
    )
    assert installed.name == NAME
    assert json.loads((installed / CARD).read_text())["language"] == "en"
    assert seen[-1] == (len(raw), len(raw))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.ConnectError("Name or service not known"), "cannot be fetched.*not known"),
        (httpx.ReadTimeout(""), "cannot be fetched.*ReadTimeout"),
        (httpx.Response(404), "answered 404"),
        (httpx.Response(200, content=b"<html>blocked</html>"), "no zip archive"),
        (httpx.Response(200, content=b""), "no zip archive"),
    ],
)
def test_a_fetch_that_fails_is_one_sentence(
    place: Path, answer: httpx.Response | Exception, sentence: str
) -> None:
    with pytest.raises(IvrError, match=sentence) as failure:
        install(NAME, place, client=served(answer))
    assert failure.value.remedy
    assert nothing_left(place)


def test_a_zip_cut_short_is_refused(place: Path, packed: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:-5000])
    with pytest.raises(IvrError, match="no zip archive"):
        install(str(packed), place)
    assert nothing_left(place)


def test_a_damaged_member_is_refused(place: Path, packed: Path) -> None:
    raw = bytearray(packed.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    packed.write_bytes(raw)
    with pytest.raises(IvrError):
        install(str(packed), place)
    assert nothing_left(place)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "..\\evil"])
def test_a_zip_that_leads_out_of_its_folder_is_refused(
    place: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "vosk-model-en-x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, b"x")
    with pytest.raises(IvrError, match="outside"):
        install(str(path), place)
    assert nothing_left(place)
    assert not (tmp_path / "evil").exists()


def test_a_zip_with_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    path = tmp_path / "vosk-model-en-x.zip"
    link = zipfile.ZipInfo("am")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(link, "/etc")
    with pytest.raises(IvrError, match="link"):
        install(str(path), place)


def test_a_zip_that_swells_is_refused_whatever_its_header_says(
    place: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 100_000)
    with pytest.raises(IvrError, match="larger"):
        install(str(packed), place)
    monkeypatch.setattr(archive, "_refuse_unsafe", lambda *_: None)
    with pytest.raises(IvrError, match="larger"):
        install(str(packed), place)
    assert nothing_left(place)


def test_a_folder_with_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(IvrError, match="is a link"):
        install(str(folder), place, language="en")


def test_a_folder_that_is_no_model_says_what_it_lacks(place: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(IvrError, match=r"am/final.mdl.*conf.*HCLG") as failure:
        install(str(tmp_path / "empty"), place, language="en")
    assert "\n" not in str(failure.value)
    assert nothing_left(place)


@pytest.mark.parametrize("part", ["am/final.mdl", "graph/Gr.fst", "graph/HCLr.fst"])
def test_a_model_with_rubbish_in_it_is_refused_and_harms_nobody(
    place: Path, tmp_path: Path, part: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    (folder / part).write_bytes(b"\0B" + bytes(range(256)) * 8)
    with pytest.raises(IvrError, match="does not load"):
        install(str(folder), place, language="en")
    assert nothing_left(place)


def test_a_failed_install_leaves_the_one_before(place: Path, tmp_path: Path) -> None:
    before = install(str(MODEL), place, language="en", name="mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IvrError):
        install(str(tmp_path / "empty"), place, language="en", name="mine")
    assert (before / "am" / "final.mdl").is_file()
    again = install(str(MODEL), place, language="hi", name="mine")
    assert json.loads((again / CARD).read_text())["language"] == "hi"


def test_no_room_is_said_before_the_download(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1_000_000))
    with pytest.raises(IvrError, match=r"no room.*1 MB are free"):
        install(NAME, place, client=served(httpx.Response(200, content=bytes(2_000_000))))
    assert nothing_left(place)


def test_a_disk_that_fills_up_is_one_sentence(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(IvrError, match="no room"):
        install(str(MODEL), place, language="en")
    assert nothing_left(place)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IvrError, match="cannot be put into"):
        install(str(MODEL), tmp_path / "file", language="en")


@pytest.mark.parametrize(
    ("what", "options", "sentence"),
    [
        ("no-such-model", {}, "neither an official model"),
        (str(MODEL), {"name": "mine"}, "language of mine is not known"),
        (str(MODEL), {"name": "../mine", "language": "en"}, "cannot be a model's name"),
        (str(MODEL), {"name": "mine", "language": "English"}, "language"),
    ],
)
def test_what_cannot_be_installed(
    place: Path, what: str, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(IvrError, match=sentence):
        install(what, place, **options)  # type: ignore[arg-type]
    assert nothing_left(place)


def test_the_bundled_model_is_the_default(settings: Settings) -> None:
    assert models_for(settings) == {"en": MODEL}


def test_the_best_installed_model_is_used_unless_another_is_chosen(
    place: Path, settings: Settings
) -> None:
    for name in (NAME, "vosk-model-en-us-0.22-lgraph"):
        install(str(MODEL), place, language="en", name=name)
    assert models_for(settings)["en"] == place / "vosk-model-en-us-0.22-lgraph"
    assert models_for(settings, {"en": NAME})["en"] == place / NAME
    install(str(MODEL), place, language="en", name="our-own")
    assert models_for(settings)["en"] == place / "our-own"
    assert [model.name for model in local_models(settings)][-1] == "vosk-ivr-en-8k"
    with pytest.raises(IvrError, match="'nobody'"):
        models_for(settings, {"en": "nobody"})


def test_half_a_model_and_strange_folders_are_not_used(place: Path, settings: Settings) -> None:
    broken = install(str(MODEL), place, language="en", name="mine")
    (broken / "am" / "final.mdl").unlink()
    (place / "other").mkdir()
    (place / "card").mkdir()
    (place / "card" / CARD).write_text("[]")
    assert models_for(settings) == {"en": MODEL}


def test_no_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="no recognition model"):
        models_for(Settings(models_dir=tmp_path, bundled_models_dir=tmp_path))


def test_the_list_of_official_models_is_sound() -> None:
    assert len({model.name for model in OFFICIAL}) == len(OFFICIAL)
    assert all(model.url.startswith("https://alphacephei.com/vosk/models/") for model in OFFICIAL)
    assert rank("our-own") < rank(OFFICIAL[0].name)


def test_the_command_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_MODELS_DIR", str(place))
    load_settings.cache_clear()
    run = CliRunner()
    done = run.invoke(models_command, ["install", str(MODEL), "--language", "en", "--name", "mine"])
    assert done.exit_code == 0
    listed = json.loads(run.invoke(models_command, ["list", "--json"]).stdout)["models"]
    states = {model["name"]: model["state"] for model in listed}
    assert states["mine"] == "in use"
    assert states["vosk-ivr-en-8k"] == "installed"
    assert states["vosk-model-hi-0.22"] == "available"
    assert NAME in run.invoke(models_command, ["list"]).stdout
    assert run.invoke(models_command, ["path", "en"]).stdout.strip() == str(place / "mine")
    assert json.loads(run.invoke(models_command, ["path", "--json"]).stdout) == {
        "en": str(place / "mine")
    }
    assert isinstance(run.invoke(models_command, ["path", "xx"]).exception, IvrError)
    load_settings.cache_clear()
