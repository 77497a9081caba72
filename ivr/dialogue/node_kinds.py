"""The types of nodes, one a file in `nodes`; a new type is a new file there and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.dialogue.nodes.api_caller import ApiCaller
from ivr.dialogue.nodes.callback import Callback
from ivr.dialogue.nodes.condition import Condition
from ivr.dialogue.nodes.confirm import Confirm
from ivr.dialogue.nodes.end import End
from ivr.dialogue.nodes.intent_router import IntentRouter
from ivr.dialogue.nodes.kind import NodeKind
from ivr.dialogue.nodes.knowledge import Knowledge
from ivr.dialogue.nodes.language import LanguageNode
from ivr.dialogue.nodes.menu import Menu
from ivr.dialogue.nodes.response import Response
from ivr.dialogue.nodes.set import Set
from ivr.dialogue.nodes.slot_filler import SlotFiller
from ivr.dialogue.nodes.subflow import Subflow
from ivr.dialogue.nodes.survey import Survey
from ivr.dialogue.nodes.transfer import Transfer
from ivr.dialogue.nodes.voicemail import Voicemail

NODE_KINDS: Mapping[str, NodeKind[Any]] = {
    kind.name: kind
    for kind in (
        Response(),
        IntentRouter(),
        SlotFiller(),
        Menu(),
        Confirm(),
        Survey(),
        Knowledge(),
        LanguageNode(),
        Condition(),
        Set(),
        ApiCaller(),
        Transfer(),
        Callback(),
        Voicemail(),
        Subflow(),
        End(),
    )
}
"""By the name that a flow file uses."""
