"""api_caller: asks an integration, and goes where its answer leads.

A request that changes the world is made once: it carries an idempotency key that stays the same
as long as the outcome is in doubt and the same is asked, and after a takeover or a lost answer
its fate is `unknown`, for the flow to find out, never simply asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ivr.dialogue.actions import CallApi
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.kind import FlowFacts, Node, NodeConfig, NodeKind, Outcomes, Use
from ivr.dialogue.state import Change, PendingRequest
from ivr.dialogue.templates import Text, clean

if TYPE_CHECKING:
    from ivr.dialogue.inputs import ApiReplied
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

_LONGEST_VALUE = 500
_LARGEST_NUMBER = 10**30
_NOT_YET = frozenset({408, 409, 425, 429})
"""Client errors that do not say that it was not done: time-out, conflict with the same request
under way (draft-ietf-httpapi-idempotency-key-header), too early, too many."""


class ApiConfig(NodeConfig):
    """`path` and the values of `body` are template sources; what is filled into the path is
    quoted. `save` maps a slot to a key of the JSON answer ("a.b" goes deeper). `changes` says
    that the request changes the world; by default everything but GET does. `key_slot` is the
    slot that the idempotency key is put into, so that its fate can be asked for; `settles` names
    the node whose change a look-up like that finds done.
    """

    integration: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str = Field(pattern=r"^/([^/].*)?$")
    body: Mapping[str, str] | None = None
    changes: bool | None = None
    key_slot: str | None = None
    settles: str | None = None
    save: Mapping[str, str] = Field(default_factory=dict)
    prompt: str | None = None
    timeout_ms: int = Field(3000, ge=100, le=30_000)

    @property
    def changes_world(self) -> bool:
        """Whether repeating it could do harm."""
        return self.method != "GET" if self.changes is None else self.changes


class ApiCaller(NodeKind[ApiConfig]):
    """Ways out: `ok`; `not_found` (404); `refused` (other 4xx: it was not done); and where no
    usable answer came, `failed` for a read, `unknown` for a change, for nobody can say whether
    it was done. `not_found` is `refused` and that is `failed`, where they have no way of their
    own.
    """

    name = "api_caller"
    config = ApiConfig

    def outcomes(self, config: ApiConfig) -> Outcomes:
        """See `NodeKind`."""
        if config.changes_world:
            needed, more = {"ok", "refused", "unknown"}, {"not_found"}
        else:
            needed, more = {"ok", "failed"}, {"not_found", "refused"}
        return Outcomes(either=(frozenset(needed),), optional=frozenset(more))

    def uses(self, config: ApiConfig) -> Iterator[Use]:
        """See `NodeKind`."""
        yield from super().uses(config)
        yield Use(path=("path",), source=config.path, spoken=False, for_path=True)
        for name, source in (config.body or {}).items():
            yield Use(path=("body", name), source=source, spoken=False)

    def fills(self, config: ApiConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset(config.save) | ({config.key_slot} if config.key_slot else frozenset())

    def mistakes(self, node: Node[ApiConfig], facts: FlowFacts) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        if config.integration not in facts.integrations:
            yield (
                ("integration",),
                f'The flow does not list the integration "{config.integration}".',
                did_you_mean(config.integration, facts.integrations),
            )
        if config.settles is not None and config.settles not in facts.changing:
            yield (
                ("settles",),
                f'"{config.settles}" is no node that changes the world.',
                did_you_mean(config.settles, facts.changing),
            )
        if config.key_slot is not None and not config.changes_world:
            yield (
                ("key_slot",),
                "A request that changes nothing has no idempotency key.",
                'Say "changes": true, or leave key_slot out.',
            )

    def enter(self, turn: Turn, node: Node[ApiConfig]) -> str | None:
        """See `NodeKind`."""
        config = node.config
        if config.changes_world:
            self._intend(turn, node)
        request_id = turn.new_id()
        request = self._request(turn, node, request_id)
        if config.prompt is not None:
            turn.say(config.prompt)
        turn.change(pending=PendingRequest(request_id=request_id, node=node.id))
        turn.wait(request)
        return None

    def wait_on(self, turn: Turn, node: Node[ApiConfig], pending: PendingRequest) -> None:
        """Go on waiting for the request that is under way."""
        turn.wait(self._request(turn, node, pending.request_id))

    def replied(self, turn: Turn, node: Node[ApiConfig], reply: ApiReplied) -> str:
        """Take the answer; returns the node it leads to."""
        config = node.config
        turn.change(pending=None)
        saved = _saved(config.save, reply.data) if reply.ok else None
        if saved is not None:
            self._settle(turn, node.config.settles or node.id)
            if saved:
                turn.change(slots={**turn.state.slots, **saved})
            return node.leads("ok")
        if not reply.ok and 400 <= reply.status < 500 and reply.status not in _NOT_YET:
            self._settle(turn, node.id)
            if reply.status == 404:
                return node.leads("not_found", "refused", "failed")
            return node.leads("refused", "failed")
        return self.lost(node)

    def lost(self, node: Node[ApiConfig]) -> str:
        """Nobody knows what became of the request; returns the node to go to."""
        return node.leads("unknown" if node.config.changes_world else "failed")

    def _intend(self, turn: Turn, node: Node[ApiConfig]) -> None:
        """Note what is to be changed, under a key; the same as in doubt keeps its key."""
        state = turn.state
        fingerprint = self._fingerprint(node, state.slots)
        change = state.changes.get(node.id)
        if change is None or change.fingerprint != fingerprint:
            change = Change(key=turn.new_id(), fingerprint=fingerprint)
            turn.change(changes={**state.changes, node.id: change})
        slot = node.config.key_slot
        if slot is not None:
            turn.change(slots={**state.slots, slot: change.key})

    def _settle(self, turn: Turn, changed: str) -> None:
        """The outcome is known: the next request is another one, with another key."""
        changes = turn.state.changes
        if changed in changes:
            turn.change(changes={name: one for name, one in changes.items() if name != changed})

    def _request(self, turn: Turn, node: Node[ApiConfig], request_id: str) -> CallApi:
        config, state = node.config, turn.state
        values = {**state.slots, **state.secrets} if state.secrets else state.slots
        change = state.changes.get(node.id)
        body = config.body
        return CallApi(
            request_id=request_id,
            name=config.integration,
            method=config.method,
            path=_source(config.path, for_path=True).fill(state.slots),
            body=body and {name: _source(text).fill(values) for name, text in body.items()},
            idempotency_key=change.key if change is not None else None,
            timeout_ms=config.timeout_ms,
        )

    def _fingerprint(self, node: Node[ApiConfig], slots: Mapping[str, str]) -> str:
        """Stands for the request without showing it; sensitive values have no part in it, for a
        hash of four digits is no secret."""
        config = node.config
        used = _source(config.path, for_path=True).variables.union(
            *(_source(text).variables for text in (config.body or {}).values())
        )
        told = json.dumps([[name, slots.get(name)] for name in sorted(used)])
        return hashlib.sha256(told.encode()).hexdigest()


@lru_cache(maxsize=4096)
def _source(source: str, *, for_path: bool = False) -> Text:
    return Text(source, "", for_path=for_path)


def _saved(save: Mapping[str, str], data: Any) -> dict[str, str] | None:
    """The slots that an answer fills; None when it lacks one, so that it cannot be used."""
    values = {}
    for slot, key in save.items():
        value = _scalar(data, key)
        if value is None:
            return None
        values[slot] = value
    return values


def _scalar(data: Any, key: str) -> str | None:
    for part in key.split("."):
        if not isinstance(data, Mapping) or part not in data:
            return None
        data = data[part]
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, str):
        return clean(data) if len(data) <= _LONGEST_VALUE else None
    if isinstance(data, int | float) and abs(data) < _LARGEST_NUMBER:
        return str(data)
    return None
