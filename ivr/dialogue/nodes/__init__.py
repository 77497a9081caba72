"""The types of nodes, one a file; a new type is a new file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.dialogue.nodes.api_caller import ApiCaller
from ivr.dialogue.nodes.end import End
from ivr.dialogue.nodes.intent_router import IntentRouter
from ivr.dialogue.nodes.kind import NodeKind
from ivr.dialogue.nodes.menu import Menu
from ivr.dialogue.nodes.response import Response
from ivr.dialogue.nodes.slot_filler import SlotFiller
from ivr.dialogue.nodes.transfer import Transfer

NODE_KINDS: Mapping[str, NodeKind[Any]] = {
    kind.name: kind
    for kind in (
        Response(),
        IntentRouter(),
        SlotFiller(),
        Menu(),
        ApiCaller(),
        Transfer(),
        End(),
    )
}
"""By the name that a flow file uses."""
