"""Each language from the menu to the goodbye; and one more, made of files alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ivr.dialogue.actions import HangUp, TransferTo
from ivr.dialogue.flow import Flow
from ivr.dialogue.global_intents import GLOBAL_INTENTS
from ivr.dialogue.service_prompts import SERVICE_NAMES
from ivr.errors import IvrError
from ivr.languages.known import known_languages, language, learn
from ivr.languages.spoken_values import digits, money, number, spoken_date, spoken_time
from tests.dialogue.talking import BANK, Talk

FLOW = Flow.load(BANK)
ACCOUNT = {"balance": "1250.00", "currency": "INR"}
SHIPPED = ("en", "es", "hi")


@pytest.mark.parametrize("code", SHIPPED)
def test_a_shipped_language_is_whole(code: str) -> None:
    words = language(code)
    assert set(words.prompts) == SERVICE_NAMES
    assert set(words.globals) == set(GLOBAL_INTENTS)
    assert {*words.names} >= set(SHIPPED)
    assert set(words.cards) == {"debit", "credit"}
    assert len(words.speaking.digits) == 10
    assert len(words.speaking.months) == 12
    assert {"INR", "USD", "EUR", "GBP"} <= set(words.speaking.currencies)


@pytest.mark.parametrize(
    ("code", "name", "yes", "said"),
    [
        ("hi", "हिंदी", "हाँ", "एक हज़ार दो सौ पचास रुपये"),
        ("es", "español", "sí", "mil doscientas cincuenta rupias"),
    ],
)
def test_the_bank_is_whole_in_every_language(code: str, name: str, yes: str, said: str) -> None:
    talk = Talk(FLOW, language=None, speech=("en", "hi", "es"))
    talk.say(name)
    assert talk.state.language == code
    talk.say("x", "check_balance", ("digits", "447123"))
    assert said in talk.reply(200, ACCOUNT)[0]
    talk.say("x", "transfer_money", ("amount", "50.00"), ("person", "raj"))
    talk.reply(200, ACCOUNT)
    talk.say(yes)
    assert talk.request.body == {"from": "447123", "to": "556677", "amount": "50.00"}
    talk.reply(201, {"id": "T000001"})
    talk.say("x", "block_card", ("card_type", "credit"))
    talk.key("4711")
    talk.say(yes)
    talk.reply(201, {"id": "B000001"})
    talk.say(language(code).globals["goodbye"][0])
    assert isinstance(talk.wait, HangUp)


@pytest.mark.parametrize("code", SHIPPED)
def test_every_global_phrase_of_every_language_is_understood(code: str) -> None:
    for name, phrases in language(code).globals.items():
        for phrase in phrases:
            talk = Talk(FLOW, language=code, speech=SHIPPED)
            talk.say("x", "block_card", ("card_type", "credit"))
            talk.say(phrase)
            assert talk.state.misunderstood == 0, (name, phrase)
            assert name != "agent" or talk.wait == TransferTo(destination="agent")


def test_values_in_spanish() -> None:
    assert number(31, "es") == "treinta y uno"
    assert money("1.00", "EUR", "es") == "un euro"
    assert money("1.00", "INR", "es") == "una rupia"
    assert money("221.50", "INR", "es") == "doscientas veintiuna rupias con cincuenta paisas"
    assert digits("447", "es") == "cuatro cuatro siete"
    assert spoken_date("2026-11-03", "es") == "el tres de noviembre de dos mil veintiséis"


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("14:30", "en", "two thirty in the afternoon"),
        ("09:00", "en", "nine o'clock in the morning"),
        ("00:15", "en", "twelve fifteen in the morning"),
        ("18:00", "hi", "शाम छह बजे"),
        ("14:30", "es", "las dos y treinta de la tarde"),
        ("14:30", "xx", "14:30"),
    ],
)
def test_times_of_day(value: str, code: str, said: str) -> None:
    assert spoken_time(value, code) == said


BACKWARDS = "xq"
"""A language that nobody speaks: English, each word backwards."""


def backwards(text: str) -> str:
    return " ".join(word if "{" in word or "}" in word else word[::-1] for word in text.split(" "))


def made_up() -> dict[str, object]:
    english = language("en").model_dump(mode="json", by_alias=True)

    def turned(value: object) -> object:
        if isinstance(value, str):
            return backwards(value)
        if isinstance(value, list):
            return [turned(one) for one in value]
        if isinstance(value, dict):
            return {key: turned(one) for key, one in value.items()}
        return value

    words = {
        name: turned(english[name])
        for name in ("yes", "no", "digits", "cards", "globals", "corrections", "fillers",
                     "emergencies", "first", "second")
    }  # fmt: skip
    prompts = {
        name: text if "{{" in text else backwards(text)
        for name, text in language("en").prompts.items()
    }
    speaking = {
        "below_100": [number(value, "en")[::-1] for value in range(100)],
        "scales": [[1000, "dnasuoht"], [100, "derdnuh"]],
        "digits": [digits(str(value), "en")[::-1] for value in range(10)],
        "currencies": {"INR": ["eepur", "seepur", "asiap", "esiap"]},
    }
    return {
        "code": BACKWARDS,
        "name": "Backwards",
        "names": {"en": ["backwards"], BACKWARDS: ["sdrawkcab"]},
        "prompts": prompts,
        **words,
        "speaking": speaking,
    }


def bank_with_one_more(folder: Path) -> Path:
    """The bank, and two files for one more language."""
    for path in BANK.parent.glob("bank*.json"):
        shutil.copy(path, folder / path.name)
    (folder / "languages").mkdir()
    (folder / "languages" / f"{BACKWARDS}.json").write_text(json.dumps(made_up()))
    templates = {
        name: text.source if "{" in text.source else backwards(text.source)
        for (name, code), text in FLOW.texts.items()
        if code == "en" and name not in SERVICE_NAMES | {"x"}
    }
    templates["goodbye"] = "eyb."
    phrases = {"transfer_person": {"raj": ["jar"], "anna": ["anna"], "priya": ["ayirp"]}}
    texts = {"language": BACKWARDS, "templates": templates, "phrases": phrases}
    (folder / f"bank.{BACKWARDS}.json").write_text(json.dumps(texts, indent=1))
    return folder / "bank.json"


def test_a_language_is_added_by_files_alone(tmp_path: Path) -> None:
    flow = Flow.load(bank_with_one_more(tmp_path))
    assert flow.languages == ("en", "hi", "es", BACKWARDS)
    talk = Talk(flow, language=None, speech=("en", BACKWARDS))
    assert talk.texts[-1].startswith("For english press ruof")
    talk.key("4")
    assert talk.texts[-1] == "woH nac I pleh uoy ?yadot"
    talk.say("x", "check_balance", ("digits", "447123"))
    assert "neetruof" not in talk.reply(200, ACCOUNT)[0]
    assert "eno dnasuoht owt derdnuh ytfif seepur" in talk.texts[0]
    talk.say("x", "transfer_money", ("amount", "50.00"))
    talk.reply(200, ACCOUNT)
    talk.say("jar")
    assert talk.state.slots["beneficiary"] == "raj"
    talk.say("sey")
    talk.reply(201, {"id": "T000001"})
    talk.say("english")
    assert talk.state.language == "en"
    talk.say("backwards")
    assert talk.state.language == BACKWARDS
    talk.say("tnega")
    assert talk.wait == TransferTo(destination="agent")


def test_it_works_by_keys_and_says_so_where_it_is_not_recognised(tmp_path: Path) -> None:
    talk = Talk(Flow.load(bank_with_one_more(tmp_path)), language=None)
    texts = talk.key("4")
    assert texts[0] == backwards(language("en").prompts["keys_only"])
    assert not talk.expect.speech


def test_what_a_languages_file_lacks_is_found_by_file_and_line(tmp_path: Path) -> None:
    path = bank_with_one_more(tmp_path)
    beside = tmp_path / f"bank.{BACKWARDS}.json"
    texts = json.loads(beside.read_text())
    del texts["templates"]["welcome"]
    texts["templates"]["welcom"] = "x"
    texts["templates"]["balance"] = "{{ balanse }}"
    texts["phrases"]["transfer_person"]["joe"] = ["joe"]
    beside.write_text(json.dumps(texts, indent=1))
    with pytest.raises(IvrError) as caught:
        Flow.load(path)
    faults = {str(fault) for fault in caught.value.faults}  # type: ignore[attr-defined]
    lines = beside.read_text().splitlines()

    def said(what: str, where: str) -> bool:
        line = next(n for n, text in enumerate(lines, 1) if where in text)
        return any(f"{beside}:{line}: " in fault and what in fault for fault in faults)

    assert said('no template "welcom"', '"welcom"')
    assert said('"balanse"', "balanse")
    assert said('no "joe"', '"joe"')
    assert any('"welcome" lacks the language' in fault for fault in faults)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no JSON"),
        ('{"code": "en"}', 'tells of the language "en"'),
        ('{"code": "xy", "yess": ["y"]}', "yess"),
    ],
)
def test_a_language_file_that_cannot_be_used_is_told(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "xy.json").write_text(text)
    with pytest.raises(IvrError, match=says):
        learn(tmp_path)
    assert "xy" not in known_languages()


def test_a_known_language_keeps_its_meaning(tmp_path: Path) -> None:
    data = language("es").model_dump(mode="json", by_alias=True)
    (tmp_path / "es.json").write_text(json.dumps(data))
    learn(tmp_path)
    data["yes"] = ["no"]
    (tmp_path / "es.json").write_text(json.dumps(data))
    with pytest.raises(IvrError, match="known already"):
        learn(tmp_path)
