"""What the check finds in flows that work: each fault in a flow made to have it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli.flow import flow as flow_command
from ivr.dialogue.flow_check import check
from ivr.dialogue.flow_review import review, spoken_seconds
from tests.dialogue.talking import BANK, PROJECT

Document = dict[str, Any]


def node(document: Document, name: str) -> Document:
    return next(each for each in document["nodes"] if each["id"] == name)


def dead_end(document: Document) -> None:
    node(document, "offer_call_back")["next"]["no"] = "trap"
    document["nodes"] += [
        {
            "id": "trap",
            "type": "confirm",
            "config": {"prompt": "offer_call_back"},
            "next": {"yes": "trap", "no": "trap"},
        }
    ]


def unfilled(document: Document) -> None:
    node(document, "check_account")["next"]["ok"] = "transfer_person"
    # Nothing asks for the amount on this way any more, but it is said.
    node(document, "no_such_account")["next"] = "transfer_amount"


def long_prompt(document: Document) -> None:
    document["templates"]["balance"]["hi"] = "आपके खाते में {{ balance | money(currency) }} हैं। " * 10


def long_menu(document: Document) -> None:
    options = node(document, "transfer_person")["config"]["options"]
    options += [{"name": f"x{key}", "key": str(key)} for key in range(4, 8)]


def long_router(document: Document) -> None:
    keys = node(document, "main")["config"]["keys"]
    keys.update(dict.fromkeys("4567", "block_card"))


@pytest.mark.parametrize(
    ("spoil", "where", "what"),
    [
        (dead_end, '"id": "trap"', "dead end"),
        (unfilled, '"prompt": "confirm_transfer"', 'the slot "amount"'),
        (long_prompt, "आपके खाते में", "takes about"),
        (long_menu, '"options"', "offers 7 things"),
        (long_router, '"keys"', "offers 7 things"),
    ],
)
def test_each_is_found_where_it_is(
    spoil: Callable[[Document], None], where: str, what: str, tmp_path: Path
) -> None:
    document = json.loads(BANK.read_text())
    spoil(document)
    path = tmp_path / "made.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False))
    checked = check(path.read_text(), str(path))
    assert checked.faults == []
    found = [fault for fault in review(checked) if what in fault.what]
    assert found, [str(fault) for fault in review(checked)]
    lines = path.read_text().splitlines()
    assert any(where in lines[fault.line - 1] for fault in found), [str(f) for f in found]
    result = CliRunner().invoke(flow_command, ["check", str(path)])
    assert result.exit_code == 2
    assert f"{path}:{found[0].line}: " in result.output


@pytest.mark.parametrize("path", sorted((PROJECT / "flows").glob("*.json")), ids=lambda p: p.name)
def test_what_is_shipped_is_clean(path: Path) -> None:
    if path.name.count(".") > 1:
        pytest.skip("a language of a flow, or the schema")
    result = CliRunner().invoke(flow_command, ["check", str(path)])
    assert result.output == "" or "no faults" in result.output
    assert result.exit_code == 0


def test_a_test_for_the_slot_makes_its_use_safe() -> None:
    source = {
        "name": "made",
        "languages": ["en"],
        "entry": {"language_known": "which"},
        "nodes": [
            {
                "id": "which",
                "type": "condition",
                "config": {"cases": [{"name": "known", "slot": "x", "filled": True}]},
                "next": {"known": "say", "else": "menu"},
            },
            {"id": "say", "type": "end", "config": {"prompt": "say"}},
            {
                "id": "menu",
                "type": "menu",
                "config": {
                    "prompt": "ask",
                    "options": [{"name": "a", "key": "1", "set": {"x": "1"}}],
                },
                "next": {"a": "say"},
            },
        ],
        "templates": {"say": {"en": "It is {{ x }}."}, "ask": {"en": "Well?"}},
    }
    assert review(check(json.dumps(source), "made.json")) == []
    source["nodes"][0]["next"]["else"] = "say"  # type: ignore[index]
    source["nodes"].pop()  # type: ignore[attr-defined]
    text = json.dumps(source).replace('"filled": true', '"filled": false')
    faults = check(text, "made.json").faults
    assert any("No node fills" in fault.what for fault in faults)


def test_how_long_a_prompt_takes() -> None:
    assert spoken_seconds(" ".join(["word"] * 150), "en") == 60
    assert spoken_seconds("<break time='1s'/>{{ a | money }}", "en") == 2
