"""Which ports the workers of a `serve` get, FreeSWITCH's among them."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from ivr.errors import IvrError
from ivr.ports import Address, PortRange, free_ports
from ivr.settings import Settings
from ivr.supervision.worker_ports import WorkerPorts


def settings(**values: Any) -> Settings:
    given = {"audiosocket_port": 0, "freeswitch_port": 0, "http_port": 0}
    return Settings.model_validate({**given, **values})


def test_event_sockets_are_given_as_addresses() -> None:
    assert settings().event_sockets == (Address("127.0.0.1", 8021),)
    two = settings(event_sockets=["10.0.0.5:8021", "switch.example:9000"])
    assert two.event_sockets == (Address("10.0.0.5", 8021), Address("switch.example", 9000))
    again = two.as_environment()["IVR_EVENT_SOCKETS"]
    assert again == '["10.0.0.5:8021", "switch.example:9000"]'


@pytest.mark.parametrize("text", ["", "host", "host:0", "host:65536", "a b:1", ":8021", "[::1]:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is no address such as"):
        settings(event_sockets=[text])


@pytest.mark.parametrize("workers", [1, 3, 7])
def test_parts_of_a_range_cover_it_and_never_meet(workers: int) -> None:
    whole = PortRange(16000, 16009)
    parts = [whole.share(number, workers) for number in range(workers)]
    assert [port for part in parts for port in part.as_range()] == list(whole.as_range())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "16000", "16009-16000", "0-5", "1-65536", "a-b", "1-2-3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        settings(media_ports=text)


def test_a_worker_is_told_its_own_part_through_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = settings(workers=2, media_ports="16000-16009", freeswitch_switches=["10.0.0.0/24"])
    ports = WorkerPorts.choose(given)
    for number, part in enumerate(["16000-16004", "16005-16009"]):
        child = given.model_copy(update=dict(ports.of_worker(number))).as_environment()
        for name, value in child.items():
            monkeypatch.setenv(name, value)
        read = Settings()
        assert str(read.media_ports) == part
        assert read.freeswitch_port == ports.freeswitch[number]
        assert [str(each) for each in read.freeswitch_switches] == ["10.0.0.0/24"]


def test_ports_count_up_and_all_differ() -> None:
    for _ in range(20):
        first = free_ports(1)[0]
        # Somebody else's test may have taken it, or the one above it, by now.
        with suppress(IvrError):
            ports = WorkerPorts.choose(settings(workers=2, freeswitch_port=first))
            break
    assert ports.freeswitch == (first, first + 1)
    assert len({*ports.audiosocket, *ports.freeswitch, *ports.http}) == 6


def test_the_usual_ports_leave_room_for_ten_workers() -> None:
    usual = Settings.model_fields
    firsts = sorted(usual[f"{name}_port"].default for name in ("audiosocket", "freeswitch", "http"))
    assert all(second - first >= 10 for first, second in pairwise(firsts))


def test_a_range_too_small_for_the_workers_is_said() -> None:
    with pytest.raises(IvrError, match="3 workers cannot share the media ports 16000-16001"):
        WorkerPorts.choose(settings(workers=3, media_ports="16000-16001"))
