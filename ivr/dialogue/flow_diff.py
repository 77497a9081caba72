"""What differs between two flows, said in terms of flows: nodes, ways, texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ivr.dialogue.flow import Flow


class Difference(NamedTuple):
    """One difference: `what` was `added`, `removed` or `changed`, from `before` to `after`."""

    change: str
    what: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.change]
        if self.change != "changed":
            return f"{sign} {self.what}"
        return f"{sign} {self.what}\n    - {self.before}\n    + {self.after}"


def differences(before: Flow, after: Flow) -> list[Difference]:
    """Everything that callers may notice, in the order: the flow, its nodes, its texts."""
    found = list(_compared("", _settings(before), _settings(after)))
    nodes_before = {name: _node(before, name) for name in before.nodes}
    nodes_after = {name: _node(after, name) for name in after.nodes}
    for name in dict.fromkeys((*nodes_before, *nodes_after)):
        if name not in nodes_after:
            found.append(Difference("removed", f"node {name}"))
        elif name not in nodes_before:
            found.append(Difference("added", f"node {name}"))
        else:
            found += _compared(f"node {name}: ", nodes_before[name], nodes_after[name])
    found += _compared("text ", _texts(before), _texts(after))
    return found


def _compared(
    where: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Difference("removed", f"{where}{name}", before[name])
        elif name not in before:
            yield Difference("added", f"{where}{name}", after=after[name])
        elif before[name] != after[name]:
            yield Difference("changed", f"{where}{name}", before[name], after[name])


def _settings(flow: Flow) -> dict[str, Any]:
    return {
        "languages": list(flow.languages),
        "entry": [flow.entry_language_unknown, flow.entry_language_known, flow.home],
        "global intents": dict(flow.global_targets),
        "global keys": dict(flow.global_keys),
        "thresholds": flow.thresholds.model_dump(),
        "lasting slots": sorted(flow.lasting_slots),
        "integrations": list(flow.integrations),
        "transfer destinations": list(flow.transfer_destinations),
        "callback numbers": list(flow.callback_numbers),
    }


def _node(flow: Flow, name: str) -> dict[str, Any]:
    node = flow.nodes[name]
    config = node.config.model_dump(mode="json", exclude_defaults=True)
    ways = {f"way {outcome}": target for outcome, target in node.next.items()}
    return {"type": node.kind.name, **config, **ways}


def _texts(flow: Flow) -> dict[str, str]:
    return {f"{name} ({code})": text.source for (name, code), text in flow.texts.items()}
