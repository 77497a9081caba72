"""A flow of short sentences, so that hundreds of calls take little time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = {
    "name": "short",
    "languages": ["en"],
    "entry": {"language_known": "choose"},
    "nodes": [
        {
            "id": "choose",
            "type": "menu",
            "config": {
                "prompt": "choose",
                "options": [
                    {"name": "balance", "key": "1", "phrases": {"en": ["balance"]}},
                    {"name": "goodbye", "key": "2", "phrases": {"en": ["goodbye"]}},
                ],
            },
            "next": {"balance": "told", "goodbye": "end"},
        },
        {"id": "told", "type": "response", "config": {"prompt": "told"}, "next": "choose"},
        {"id": "end", "type": "end", "config": {"prompt": "farewell"}},
    ],
    "templates": {
        "choose": {"en": "For your balance press one. To end this call press two."},
        "told": {"en": "The balance of your account is nine rupees."},
        "farewell": {"en": "Goodbye."},
    },
}


def short_flow(folder: Path) -> Path:
    """The flow's file, in `folder`."""
    path = folder / "short.json"
    path.write_text(json.dumps(DOCUMENT))
    return path
