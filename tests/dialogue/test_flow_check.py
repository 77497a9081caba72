"""Each fault, in a flow made to have it: file, line, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow
from ivr.errors import IvrError
from tests.dialogue.talking import BANK

Document = dict[str, Any]
Spoil = Callable[[Document], None]


def node(document: Document, name: str) -> Document:
    return next(each for each in document["nodes"] if each["id"] == name)


def spoiled(spoil: Spoil) -> str:
    document: Document = json.loads(BANK.read_text())
    spoil(document)
    return json.dumps(document, indent=1, ensure_ascii=False)


def faults_of(text: str) -> FlowError:
    with pytest.raises(FlowError) as caught:
        Flow.parse(text, file="made.json")
    return caught.value


def rename_type(document: Document) -> None:
    node(document, "welcome")["type"] = "respons"


def dangle(document: Document) -> None:
    node(document, "welcome")["next"] = "mian"


def dangle_entry(document: Document) -> None:
    document["entry"]["home"] = "mian"


def lose_template(document: Document) -> None:
    node(document, "say_balance")["config"]["prompt"] = "balanse"


def lose_language(document: Document) -> None:
    del document["templates"]["balance"]["hi"]


def break_syntax(document: Document) -> None:
    document["templates"]["balance"]["hi"] = "{{ balance | money"


def repeat_id(document: Document) -> None:
    node(document, "bank_away")["id"] = "welcome"


def cut_off(document: Document) -> None:
    document["nodes"].append(
        {"id": "island", "type": "response", "config": {"prompt": "welcome"}, "next": "main"}
    )


def unknown_slot(document: Document) -> None:
    document["templates"]["balance"]["en"] = "You have {{ balence | money }}."


def unknown_slot_in_body(document: Document) -> None:
    node(document, "post_transfer")["config"]["body"]["amount"] = "{{ amunt }}"


def unlisted_destination(document: Document) -> None:
    node(document, "agent")["config"]["destination"] = "agents"


def unlisted_integration(document: Document) -> None:
    node(document, "get_balance")["config"]["integration"] = "bnak"


def unknown_field(document: Document) -> None:
    node(document, "welcome")["config"]["promt"] = "welcome"


def missing_field(document: Document) -> None:
    del node(document, "welcome")["config"]["prompt"]


def missing_way(document: Document) -> None:
    del node(document, "post_transfer")["next"]["unknown"]


def unknown_way(document: Document) -> None:
    node(document, "get_balance")["next"]["notfound"] = "unknown_account"


def key_to_nowhere(document: Document) -> None:
    node(document, "main")["config"]["keys"]["4"] = "blok_card"


def unknown_global(document: Document) -> None:
    document["global_intents"]["agnet"] = {"next": "agent"}


def key_twice(document: Document) -> None:
    node(document, "transfer_person")["config"]["options"][1]["key"] = "1"


def unknown_default(document: Document) -> None:
    node(document, "language_menu")["config"]["default"] = "enn"


def go_round(document: Document) -> None:
    node(document, "unknown_account")["next"] = "get_balance"


def go_round_exhausted(document: Document) -> None:
    node(document, "balance_account")["next"] = {"done": "get_balance", "exhausted": "bank_away"}
    node(document, "bank_away")["next"] = "balance_account"


def speak_secret(document: Document) -> None:
    node(document, "block_last_four")["config"]["sensitive"] = True


def secret_in_url(document: Document) -> None:
    config = node(document, "balance_account")["config"]
    config["sensitive"] = True
    document["templates"]["unknown_account"] = {"en": "No.", "hi": "नहीं।"}


def unknown_slot_type(document: Document) -> None:
    node(document, "transfer_amount")["config"]["type"] = "amuont"


def new_language(document: Document) -> None:
    document["languages"].append("fr")


def empty_template(document: Document) -> None:
    document["templates"]["balance"]["en"] = " "


def settle_nothing(document: Document) -> None:
    node(document, "look_up_transfer")["config"]["settles"] = "post_transfr"


def needy_prompt(document: Document) -> None:
    node(document, "welcome")["config"]["prompt"] = "wrong_length"


def unknown_lasting(document: Document) -> None:
    document["lasting_slots"] = ["acount"]


def emergency_destination(document: Document) -> None:
    document["transfer_destinations"].append("1-1-2")


def premium_destination(document: Document) -> None:
    document["transfer_destinations"].append("+1900 123456")


def wrong_in_a_language_beside(document: Document) -> None:
    document["intents"]["check_balance"] = "name_of_balnce"


FAULTS: list[tuple[Spoil, str, str, str]] = [
    (rename_type, '"type": "respons"', "no type of node", 'Did you mean "response"?'),
    (dangle, '"next": "mian"', 'no node "mian"', 'Did you mean "main"?'),
    (dangle_entry, '"home": "mian"', 'no node "mian"', 'Did you mean "main"?'),
    (lose_template, '"prompt": "balanse"', "no template", 'Did you mean "balance"?'),
    (lose_language, '"balance": {', 'lacks the language "hi"', 'Add "hi"'),
    (break_syntax, '"hi": "{{ balance | money"', "cannot be used", "docs/flows.md"),
    (repeat_id, '"id": "welcome"', "there twice", "Rename"),
    (cut_off, '"id": "island"', "Nothing leads to", "Lead to it"),
    (unknown_slot, "balence", 'slot "balence"', 'Did you mean "balance"?'),
    (unknown_slot_in_body, "amunt", 'slot "amunt"', 'Did you mean "amount"?'),
    (unlisted_destination, '"destination": "agents"', "not on", 'Did you mean "agent"?'),
    (unlisted_integration, '"integration": "bnak"', "does not list", 'Did you mean "bank"?'),
    (unknown_field, '"promt"', 'no field "promt"', 'Did you mean "prompt"?'),
    (missing_field, '"config": {}', '"prompt" is missing', "Add it"),
    (missing_way, '"id": "post_transfer"', 'no way out for "unknown"', "Add"),
    (unknown_way, '"notfound"', 'no outcome "notfound"', 'Did you mean "not_found"?'),
    (key_to_nowhere, '"4"', "leads nowhere", 'Did you mean "block_card"?'),
    (unknown_global, '"agnet"', "no global intent", 'Did you mean "agent"?'),
    (key_twice, '"key": "1"', "taken by option", "key of its own"),
    (unknown_default, '"default"', "does not speak", 'Did you mean "en"?'),
    (go_round, '"next": {', "without ever listening", "ask the caller"),
    (go_round_exhausted, '"next"', "without ever listening", "ask the caller"),
    (speak_secret, "{{ last_four", "sensitive", "Leave it out"),
    (secret_in_url, '"path": "/accounts/', "sensitive", "Leave it out"),
    (unknown_slot_type, '"type": "amuont"', "no type of slot", 'Did you mean "amount"?'),
    (new_language, '"fr"', "no service prompts", "all_right"),
    (empty_template, '"en": " "', "is empty", "Write"),
    (settle_nothing, "post_transfr", "no node that changes", 'Did you mean "post_transfer"?'),
    (needy_prompt, '"prompt": "wrong_length"', "needs values", "your own"),
    (emergency_destination, '"1-1-2"', "emergency number", "advice"),
    (premium_destination, '"+1900 123456"', "premium number", "another number"),
    (wrong_in_a_language_beside, '"name_of_balnce"', "no template", "name_of_balance"),
    (unknown_lasting, '"lasting_slots"', 'slot "acount"', 'Did you mean "account"?'),
]


@pytest.mark.parametrize(
    ("spoil", "where", "what", "suggestion"),
    FAULTS,
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_fault(spoil: Spoil, where: str, what: str, suggestion: str) -> None:
    text = spoiled(spoil)
    error = faults_of(text)
    found = [fault for fault in error.faults if what in fault.what]
    assert found, [str(fault) for fault in error.faults]
    lines = text.splitlines()
    near = [
        fault
        for fault in found
        if any(where in line for line in lines[fault.line - 1 : fault.line + 1])
    ]
    assert near, [(fault.line, lines[fault.line - 1]) for fault in found]
    assert suggestion in near[0].suggestion
    assert str(near[0]).startswith(f"made.json:{near[0].line}: ")


def test_exact_lines() -> None:
    text = spoiled(dangle)
    error = faults_of(text)
    number = next(n for n, line in enumerate(text.splitlines(), 1) if "mian" in line)
    assert [fault.line for fault in error.faults] == [number]
    assert str(error).startswith(f'made.json:{number}: There is no node "mian".')
    assert 'Did you mean "main"?' in str(error)


def test_all_faults_are_found_at_once_and_in_order() -> None:
    def spoil(document: Document) -> None:
        for each in (lose_language, dangle, unlisted_destination):
            each(document)

    error = faults_of(spoiled(spoil))
    assert len(error.faults) == 3
    assert [fault.line for fault in error.faults] == sorted(fault.line for fault in error.faults)
    assert "2 more faults" in str(error)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "x"}', '{"nodes": 3}'])
def test_what_is_no_flow_is_refused(text: str) -> None:
    assert faults_of(text).faults


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="cannot be read"):
        Flow.load(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b"\xe9")
    with pytest.raises(IvrError, match="UTF-8"):
        Flow.load(tmp_path / "latin.json")


def test_the_bank_is_clean() -> None:
    flow = Flow.load(BANK)
    assert flow.name == "bank"
    assert flow.languages == ("en", "hi", "es")
    assert flow.agent == "agent"
    assert ("main", "block_card", "block_type") in flow.edges


def test_the_version_is_that_of_the_content() -> None:
    document = json.loads(BANK.read_text())
    backwards = dict(reversed(document.items()))
    whole = Flow.parse(json.dumps(document))
    assert Flow.parse(json.dumps(backwards, indent=7)).version == whole.version
    assert Flow.load(BANK).version != whole.version
    document["templates"]["welcome"]["en"] += "!"
    assert Flow.parse(json.dumps(document)).version != whole.version
    assert len(Flow.load(BANK).version) == 64
