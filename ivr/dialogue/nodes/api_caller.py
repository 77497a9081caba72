"""api_caller: asks an integration, and goes where its answer leads.

A request that changes the world is made once: it carries an idempotency key that stays the same
as long as the outcome is in doubt and the same is asked, and after a takeover or a lost answer
its fate is `unknown`, for the flow to find out, never simply asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ivr.dialogue.actions import CallApi
from ivr.dialogue.changes import intend, settle
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.inputs import ApiReplied
from ivr.dialogue.json_path import PathUnusable, json_path
from ivr.dialogue.nodes.kind import AwaitingKind, FlowFacts, Node, NodeConfig, Outcomes, Use
from ivr.dialogue.state import PendingRequest
from ivr.dialogue.templates import clean, source_text

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Input
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

_LONGEST_VALUE = 500
_LARGEST_NUMBER = 10**30
_NOT_YET = frozenset({408, 409, 425, 429})
"""Client errors that do not say that it was not done: time-out, conflict with the same request
under way (draft-ietf-httpapi-idempotency-key-header), too early, too many."""


class ApiConfig(NodeConfig):
    """`path` and the values of `body` are template sources; what is filled into the path is
    quoted. `body` may be nested. `save` maps a slot to a place in the JSON answer, by JSONPath
    ("$.cards[0].limit", or "card.limit"). `changes` says
    that the request changes the world; by default everything but GET does. `key_slot` is the
    slot that the idempotency key is put into, so that its fate can be asked for; `settles` names
    the node whose change a look-up like that finds done.
    """

    integration: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str = Field(pattern=r"^/([^/].*)?$")
    body: Mapping[str, str | Mapping[str, str | Mapping[str, str]]] | None = None
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


class ApiCaller(AwaitingKind[ApiConfig]):
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
        yield Use(path=("path",), source=config.path, for_path=True)
        for place, source in _sources(config.body or {}).items():
            yield Use(path=("body", *place), source=source, in_body=True)

    def fills(self, config: ApiConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset(config.save) | ({config.key_slot} if config.key_slot else frozenset())

    def known_after(
        self, config: ApiConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`."""
        key = {config.key_slot} if config.key_slot else set[str]()
        return before | key | (set(config.save) if outcome == "ok" else set())

    def mistakes(self, node: Node[ApiConfig], facts: FlowFacts) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        if config.integration not in facts.integrations:
            yield (
                ("integration",),
                f'The flow does not list the integration "{config.integration}".',
                did_you_mean(config.integration, facts.integrations),
            )
        for slot, path in config.save.items():
            try:
                json_path(path)
            except PathUnusable as error:
                yield ("save", slot), f'"{path}" is no JSONPath: {error}.', 'Use "$.a.b[0]".'
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
            change = intend(turn, node.id, self._told(node, turn.state.slots))
            if config.key_slot is not None:
                turn.change(slots={**turn.state.slots, config.key_slot: change.key})
        request_id = turn.new_id()
        request = self._request(turn, node, request_id)
        if config.prompt is not None:
            turn.say(config.prompt)
        turn.change(pending=PendingRequest(request_id=request_id, node=node.id))
        turn.wait(request)
        return None

    def wait_on(self, turn: Turn, node: Node[ApiConfig], pending: PendingRequest) -> None:
        """See `AwaitingKind`."""
        turn.wait(self._request(turn, node, pending.request_id))

    def replied(self, turn: Turn, node: Node[ApiConfig], what: Input) -> str | None:
        """See `AwaitingKind`."""
        turn.change(pending=None)
        if not isinstance(what, ApiReplied):
            return self._lost(node)
        saved = _saved(node.config.save, what.data) if what.ok else None
        if saved is not None:
            settle(turn, node.config.settles or node.id)
            if saved:
                turn.change(slots={**turn.state.slots, **saved})
            return node.leads("ok")
        if not what.ok and 400 <= what.status < 500 and what.status not in _NOT_YET:
            settle(turn, node.id)
            if what.status == 404:
                return node.leads("not_found", "refused", "failed")
            return node.leads("refused", "failed")
        return self._lost(node)

    def resumed(self, turn: Turn, node: Node[ApiConfig]) -> str | None:
        """See `AwaitingKind`: a read is asked again; a change may have been made, so its fate is
        found out instead.
        """
        return self._lost(node) if node.config.changes_world else node.id

    def _lost(self, node: Node[ApiConfig]) -> str:
        """Nobody knows what became of the request; returns the node to go to."""
        return node.leads("unknown" if node.config.changes_world else "failed")

    def _request(self, turn: Turn, node: Node[ApiConfig], request_id: str) -> CallApi:
        config, state = node.config, turn.state
        values = {**state.slots, **state.secrets} if state.secrets else state.slots
        change = state.changes.get(node.id)
        body = config.body
        return CallApi(
            request_id=request_id,
            name=config.integration,
            method=config.method,
            path=source_text(config.path, for_path=True).fill(state.slots),
            body=body and _filled(body, values),
            idempotency_key=change.key if change is not None else None,
            timeout_ms=config.timeout_ms,
        )

    def _told(self, node: Node[ApiConfig], slots: Mapping[str, str]) -> dict[str, str | None]:
        """What the request says, without what is sensitive: a hash of four digits is no secret."""
        config = node.config
        used = source_text(config.path, for_path=True).variables.union(
            *(source_text(text).variables for text in _sources(config.body or {}).values())
        )
        return {name: slots.get(name) for name in sorted(used)}


def _sources(body: Mapping[str, Any], path: Path = ()) -> dict[Path, str]:
    """The template sources of a request's body, by their places in it."""
    found: dict[Path, str] = {}
    for name, value in body.items():
        if isinstance(value, str):
            found[*path, name] = value
        else:
            found |= _sources(value, (*path, name))
    return found


def _filled(body: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: source_text(value).fill(values) if isinstance(value, str) else _filled(value, values)
        for name, value in body.items()
    }


def _saved(save: Mapping[str, str], data: Any) -> dict[str, str] | None:
    """The slots that an answer fills; None when it lacks one, so that it cannot be used."""
    values = {}
    for slot, key in save.items():
        value = _scalar(data, key)
        if value is None:
            return None
        values[slot] = value
    return values


def _scalar(data: Any, path: str) -> str | None:
    found = json_path(path).find(data)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return clean(found) if len(found) <= _LONGEST_VALUE else None
    if isinstance(found, int | float) and abs(found) < _LARGEST_NUMBER:
        return str(found)
    return None
