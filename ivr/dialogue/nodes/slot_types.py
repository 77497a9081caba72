"""The types of slots, by the values they hold.

digits     "447123"         amount     "250.00"        date    "2026-11-03"
time       "14:30"          yes_no     "yes" or "no"   choice  an option's name
card_type  "credit"         name       as it was heard text    as it was heard
"""

from __future__ import annotations

from collections.abc import Mapping

from ivr.dialogue.nodes.slot_choices import CardType, Choice, YesNo
from ivr.dialogue.nodes.slot_type import SlotType
from ivr.dialogue.nodes.slot_values import Amount, Date, Digits, Time
from ivr.dialogue.nodes.slot_words import FreeText, Name

SLOT_TYPES: Mapping[str, SlotType] = {
    "digits": Digits(),
    "amount": Amount(),
    "date": Date(),
    "time": Time(),
    "yes_no": YesNo(),
    "card_type": CardType(),
    "choice": Choice(),
    "name": Name(),
    "text": FreeText(),
}
"""By the name that a flow file uses."""
