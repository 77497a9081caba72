"""The sentences Asterisk says: written down soundly, all of them, and made into files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.audio.format import Audio, AudioFormat
from ivr.cli.switch_prompts import TEXTS, load_texts, render_prompts
from ivr.errors import IvrError
from ivr.settings import PROJECT
from ivr.speech.synthesis.synthesiser import Voice
from tests.telephony.asterisk.fixtures import without_asterisk
from tests.tones import PROMPT_HZ


class Mouth:
    """Says each text as 10 ms of one value, told by its language."""

    def __init__(self, rate: int = 8000) -> None:
        self._format = AudioFormat(rate)

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        del text
        return Audio({"en": b"\x00\x10", "hi": b"\x00\x20"}[voice.language] * 80, self._format)

    async def close(self) -> None:
        pass


def test_every_prompt_that_the_dialplan_plays_is_written_in_the_languages_it_offers() -> None:
    dialplan = (PROJECT / "asterisk" / "extensions.conf").read_text()
    code = "\n".join(line for line in dialplan.splitlines() if not line.startswith(";"))
    played = set(re.findall(r"\bivr/([a-z-]+)", code))
    texts = load_texts(TEXTS)
    assert played == set(texts)
    for name in played - {"choose-en", "choose-hi"}:
        assert set(texts[name]) == {"en", "hi"}
    assert {(name, language) for name in texts for language in texts[name]} == set(PROMPT_HZ)


@pytest.mark.parametrize(("encoding", "size"), [("sln", 160), ("ulaw", 80), ("alaw", 80)])
async def test_a_prompt_of_one_language_is_for_all_and_others_for_their_own(
    encoding: str, size: int, tmp_path: Path
) -> None:
    texts = {"menu": {"hi": "क"}, "bye": {"en": "bye", "hi": "ख"}}
    made = await render_prompts(Mouth(), tmp_path, texts, encoding=encoding)
    assert [str(file.relative_to(tmp_path)) for file in made] == [
        f"ivr/menu.{encoding}",
        f"en/ivr/bye.{encoding}",
        f"hi/ivr/bye.{encoding}",
    ]
    assert {file.stat().st_size for file in made} == {size}
    assert made[0].read_bytes() == made[2].read_bytes() != made[1].read_bytes()
    assert sorted(tmp_path.rglob("*.partial")) == []


async def test_a_sound_of_another_rate_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match=r"menu\.sln came at 16000 Hz"):
        await render_prompts(Mouth(16_000), tmp_path, {"menu": {"en": "a"}})


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "ivr").write_text("in the way")
    with pytest.raises(IvrError, match=r"menu\.sln cannot be written.*--to"):
        await render_prompts(Mouth(), tmp_path, {"menu": {"en": "a"}})


@pytest.mark.parametrize(
    "text", ["", "[a]", "a: b", "a: {}", "a: {en: }", "a: {en: 1}", "1: {en: x}", "a: [", "\xff"]
)
def test_a_file_of_something_else_is_refused_by_name(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(IvrError, match=r"prompts\.yaml"):
        load_texts(file)


def test_a_missing_asterisk_is_skipped_loudly_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NO REAL ASTERISK: it rains"):
        without_asterisk("it rains")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="it rains"):
        without_asterisk("it rains")
