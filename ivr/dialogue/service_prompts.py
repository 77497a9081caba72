"""The sentences that every dialogue needs and no author wants to write again.

Their words are data: `prompts` of each language in `ivr/languages`. A flow that defines a
template of the same name replaces the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from ivr.languages.known import language

SERVICE_VARIABLES: Mapping[str, frozenset[str]] = {
    "wrong_length": frozenset({"needed"}),
    "keys_digits": frozenset({"needed"}),
    "keys_some_digits": frozenset({"least", "most"}),
    "choose_language": frozenset({"key"}),
    "which_one": frozenset({"first", "second"}),
    "keys_which_one": frozenset({"first", "second"}),
    "ask_callback_here": frozenset({"number"}),
    "queue_position": frozenset({"position", "minutes"}),
}
"""Variables of the service prompts that have any."""

SERVICE_NAMES = frozenset(language("en").prompts)
"""Every language has these."""
