"""A flow whose calls are recorded, with secrets and a message box, for tests of what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NOTICE = "This call is recorded."
CARD, PIN = "4532015112830366", "80471936"
"""No text of ours holds these by chance."""

DOCUMENT: dict[str, Any] = {
    "name": "kept",
    "languages": ["en"],
    "entry": {"language_known": "choose"},
    "integrations": ["bank"],
    "message_boxes": ["desk"],
    "recording": {"announce": "notice"},
    "nodes": [
        {
            "id": "choose",
            "type": "menu",
            "config": {
                "prompt": "choose",
                "options": [
                    {"name": "card", "key": "1", "phrases": {"en": ["card"]}},
                    {"name": "message", "key": "2", "phrases": {"en": ["message"]}},
                    {"name": "goodbye", "key": "3", "phrases": {"en": ["goodbye"]}},
                    {"name": "balance", "key": "4", "phrases": {"en": ["what is my balance"]}},
                ],
            },
            "next": {"balance": "told", "card": "card", "message": "leave", "goodbye": "end"},
        },
        {"id": "told", "type": "response", "config": {"prompt": "told"}, "next": "choose"},
        {
            "id": "card",
            "type": "slot_filler",
            "config": {
                "slot": "card",
                "type": "digits",
                "digits": 16,
                "checksum": "luhn",
                "sensitive": True,
                "prompt": "ask_card",
            },
            "next": "pin",
        },
        {
            "id": "pin",
            "type": "slot_filler",
            "config": {
                "slot": "pin",
                "type": "digits",
                "digits": 8,
                "sensitive": True,
                "prompt": "ask_pin",
            },
            "next": "check",
        },
        {
            "id": "check",
            "type": "api_caller",
            "config": {
                "integration": "bank",
                "method": "POST",
                "path": "/cards/block",
                "body": {"type": "{{ card }}", "last4": "{{ pin }}"},
            },
            "next": {"ok": "right", "refused": "wrong", "unknown": "wrong"},
        },
        {"id": "right", "type": "response", "config": {"prompt": "right"}, "next": "choose"},
        {"id": "wrong", "type": "response", "config": {"prompt": "wrong"}, "next": "choose"},
        {
            "id": "leave",
            "type": "voicemail",
            "config": {"box": "desk", "prompt": "leave", "longest_s": 20},
            "next": {"kept": "choose", "lost": "choose"},
        },
        {"id": "end", "type": "end", "config": {"prompt": "farewell"}},
    ],
    "templates": {
        "notice": {"en": NOTICE},
        "choose": {"en": "For your card press one. To leave a message press two."},
        "told": {"en": "The balance of your account is nine rupees."},
        "ask_card": {"en": "Please enter the number of your card."},
        "ask_pin": {"en": "Please enter your pin."},
        "right": {"en": "The pin is right."},
        "wrong": {"en": "The pin is wrong."},
        "leave": {"en": "Please say your message now."},
        "farewell": {"en": "Thank you for your call. Goodbye."},
    },
}


def kept_flow(folder: Path) -> Path:
    """The flow as a file in `folder`."""
    path = folder / "kept.json"
    path.write_text(json.dumps(DOCUMENT))
    return path
