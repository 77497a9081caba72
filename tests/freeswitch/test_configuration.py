"""`ivrctl dialplan check` finds what FreeSWITCH would find out while a caller waits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.cli.dialplan import TEXTS, dialplan
from ivr.cli.switch_prompts import load_texts
from ivr.errors import IvrError
from ivr.telephony.freeswitch.configuration import Configuration
from tests.freeswitch.switch import CONF
from tests.prompts import render_tones
from tests.tones import PROMPT_HZ


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONF, tmp_path / "conf"))


def found(conf: Path, sounds: Path | None = None) -> list[str]:
    return [str(each) for each in Configuration(conf).problems(load_texts(TEXTS), sounds)]


def change(conf: Path, file: str, old: str, new: str) -> None:
    text = (conf / file).read_text(encoding="utf-8")
    assert old in text
    (conf / file).write_text(text.replace(old, new), encoding="utf-8")


def test_ours_is_sound() -> None:
    result = CliRunner().invoke(dialplan, ["check"])
    assert result.exit_code == 0, result.output
    assert "sound" in result.output


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("dialplan/ivr.xml", "menu XML ivr", "menue XML ivr", "called 'menue'"),
        ("dialplan/ivr.xml", "agent XML ivr_transfer", "agent XML elsewhere", "'elsewhere'"),
        ("dialplan/ivr.xml", "language-${", "speech-${", "called 'speech-${"),
        ("dialplan/ivr.xml", '"set" data="ivr_language=', '"set" data="tongue=', "ivr_language"),
        ("dialplan/ivr.xml", "ivr_first=", "ivr_primus=", "nobody sets ${ivr_first}"),
        ("dialplan/ivr.xml", "${ivr_second} async full", "${ivr_second} async", "needs `full`"),
        ("dialplan/ivr.xml", "socket_resume=true", "socket_resume=no", "parked for ever"),
        ("dialplan/ivr.xml", "_when_idle=0", "_when_idle=-1", "hear only silence here"),
        ("dialplan/ivr.xml", "srtp_allow_idle_gaps=true", "x=1", "who moves while encrypted"),
        ("dialplan/ivr.xml", "phrase:ivr_sorry", "phrase:ivr_sory", "'ivr_sory'"),
        ("dialplan/ivr.xml", "^menu$", "^(menu$", "is wrong"),
        ("dialplan/ivr.xml", '"sleep" data="500"', '"system" data="ls"', "runs programs"),
        ("vars.xml", "ivr_destinations=agent", "ivr_destinations=agent,boss", "called 'boss'"),
        ("vars.xml", "ivr_menu_wait=", "ivr_menu_weight=", "nobody sets $${ivr_menu_wait}"),
        ("lang/hi/ivr/ivr.xml", "ivr/sorry.wav", "ivr/sorrow.wav", "hi/ivr/sorrow.wav"),
        ("lang/hi/ivr/ivr.xml", 'macro name="ivr_sorry"', 'macro name="x"', "not spoken in 'hi'"),
        ("lang/hi/hi.xml", 'language name="hi"', 'language name="en"', "'en' is there twice"),
        ("lang/en/en.xml", "ivr/*.xml", "other/*.xml", "not spoken in 'en'"),
        ("dialplan/public.xml", "</include>", "</include> <!-- end -->", "drops this line"),
    ],
)
def test_each_mistake_is_found(conf: Path, file: str, old: str, new: str, says: str) -> None:
    change(conf, file, old, new)
    problems = found(conf)
    assert any(says in problem for problem in problems), problems
    assert all(problem.partition(":")[2].partition(":")[0].isdigit() for problem in problems)


def test_xml_that_is_none_is_named_with_its_line(conf: Path) -> None:
    change(conf, "vars.xml", "</include>", "</inclode>")
    with pytest.raises(IvrError, match=r"vars\.xml cannot be read: mismatched tag: line \d+"):
        Configuration(conf)


def test_prompts_have_to_be_there(conf: Path, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    render_tones(sounds, "freeswitch")
    assert found(conf, sounds) == []
    files = sorted(sounds.rglob("*.wav"))
    assert len(files) == len(PROMPT_HZ)
    for file in files:
        file.rename(file.with_suffix(".away"))
        assert any(f"{file} does not exist" in problem for problem in found(conf, sounds))
        file.with_suffix(".away").rename(file)


def test_a_folder_without_configuration_is_said(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="holds no FreeSWITCH configuration"):
        Configuration(tmp_path)
