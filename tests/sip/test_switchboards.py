"""Several switches as one, and their calls as an operator's screen shows them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ivr.cli.calls import calls
from ivr.edge.switchboard import LiveCall, SwitchboardFault, Switchboards


def call(call_id: str, caller: str = "+911") -> LiveCall:
    return LiveCall(id=call_id, channel="", caller=caller, called="100", language="en", seconds=3)


class Board:
    """A switch with these calls; without any it is away."""

    def __init__(self, *live: LiveCall) -> None:
        self._live = live
        self.ended: list[str] = []

    def live(self) -> list[LiveCall]:
        if not self._live:
            raise SwitchboardFault("It does not answer.", remedy="Start it.")
        return list(self._live)

    def hang_up(self, call_id: str) -> LiveCall:
        self.ended.append(call_id)
        return self._live[0]

    def transfer(self, call_id: str, destination: str) -> LiveCall:
        return self._live[0]


def test_a_switch_that_is_away_hides_no_other() -> None:
    told: list[str] = []
    first, away, second = Board(call("aa")), Board(), Board(call("bb"))
    boards = Switchboards([first, away, second], told.append)
    assert [each.id for each in boards.live()] == ["aa", "bb"]
    assert told == ["It does not answer. Start it."]
    boards.hang_up("b")
    assert (first.ended, second.ended) == ([], ["b"])


def test_when_all_are_away_it_is_an_error() -> None:
    with pytest.raises(SwitchboardFault, match="does not answer"):
        Switchboards([Board(), Board()]).live()


def test_what_a_caller_calls_themselves_is_shown_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = Board(call("aa", caller="[/x]\x1b[2J[red]"))
    monkeypatch.setattr("ivr.cli.calls._switchboard", lambda: board)
    done = CliRunner().invoke(calls, ["list", "--live"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "[/x]\\u001b[2J[red]" in done.output
