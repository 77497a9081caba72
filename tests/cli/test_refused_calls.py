"""`ivrctl calls` and what the edge has written: refused calls, and the SIP side of a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from ivr.cli.calls import calls
from ivr.settings import load_settings
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.record_database import RecordDatabase
from ivr.storage.schema import apply_schema
from tests.storage.samples import started

pytestmark = pytest.mark.postgres

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    apply_schema(server.url)
    yield server.url
    server.stop()


@pytest.fixture
def ask(database: str) -> Iterator[Ask]:
    def ask(*arguments: str) -> Result:
        environment = {"IVR_DATABASE_URL": database, "COLUMNS": "200"}
        load_settings.cache_clear()
        return CliRunner().invoke(calls, arguments, env=environment, catch_exceptions=False)

    yield ask
    load_settings.cache_clear()


def note(database: str, minute: int, status: int, cause: str, answered: bool = False) -> UUID:
    """A row as kamailio/cdr.cfg writes it."""
    cdr = uuid4()
    at = f"2026-03-01 12:{minute:02}:00+00"
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO cdrs (id, sip_call_id, began_at, answered_at, ended_at, source, trunk,"
            " caller, called, node, status, cause) VALUES (%s, %s, %s, %s, %s, '198.51.100.7',"
            " 'carrier', '+91[red]5', '100', 'asterisk-1', %s, %s)",
            (cdr, f"call-{minute}", at, at if answered else None, at, status, cause),
        )
    return cdr


def test_refused_calls_are_listed_with_their_causes(database: str, ask: Ask) -> None:
    note(database, 1, 503, "trunk_full")
    note(database, 2, 200, "caller_hung_up", answered=True)
    note(database, 3, 403, "stranger")
    rows: list[dict[str, Any]] = json.loads(ask("list", "--refused", "--json").output)
    found = [(row["sip_call_id"], row["status"], row["cause"]) for row in rows]
    assert found == [("call-3", 403, "stranger"), ("call-1", 503, "trunk_full")]
    assert len(json.loads(ask("list", "--refused", "--limit", "1", "--json").output)) == 1
    table = ask("list", "--refused").output
    assert "198.51.100.7" in table
    assert "trunk_full" in table
    assert "+91[red]5" in table
    assert "caller_hung_up" not in table


def test_live_and_refused_are_two_lists(ask: Ask) -> None:
    result = ask("list", "--live", "--refused")
    assert result.exit_code == 2
    assert "two lists" in result.output


@pytest.mark.parametrize("told", [True, False], ids=["by-the-edge", "without-an-edge"])
def test_a_call_shows_its_sip_side(told: bool, database: str, ask: Ask) -> None:
    cdr = note(database, 30 + told, 200, "node_hung_up", answered=True) if told else None
    call_id = uuid4()
    begun = started(call_id).model_copy(update={"cdr": cdr})
    records = RecordDatabase(database)
    assert records.ship([begun]) == []
    records.close()
    found = json.loads(ask("show", str(call_id), "--json").output)
    shown = ask("show", str(call_id)).output
    if told:
        sip = found["sip"]
        assert (sip["sip_call_id"], sip["trunk"], sip["status"]) == ("call-31", "carrier", 200)
        assert "sip call_id  call-31" in shown
        assert "sip cause  node_hung_up" in shown
    else:
        assert found["sip"] is None
        assert "sip " not in shown
