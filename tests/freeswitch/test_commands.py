"""Nobody's text becomes a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.freeswitch import commands
from ivr.telephony.freeswitch.commands import Command, plain
from ivr.telephony.freeswitch.errors import LocalProtocolError

EVIL = [
    "a\nb",
    "a\rb",
    "a\x0bb",
    "a\x85b",
    "a\u2028b",
    "a\x00b",
    "${x}",
    "$${x}",
    "\ud800",
    "x" * 9999,
]


@pytest.mark.parametrize("value", EVIL)
def test_a_value_that_could_be_a_command_is_refused(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        commands.set_variable("ivr_next", value)
    with pytest.raises(LocalProtocolError):
        commands.execute("playback", value)
    with pytest.raises(LocalProtocolError):
        commands.api(f"uuid_kill {value}")
    with pytest.raises(LocalProtocolError):
        commands.auth(value)
    with pytest.raises(LocalProtocolError):
        Command(line="sendmsg", headers={"a": value})
    with pytest.raises(LocalProtocolError):
        commands.unicast(local_ip=value, remote_ip="127.0.0.1", remote_port=1)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\n", "é", "1a"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        Command(line="sendmsg", headers={name: "x"})
    with pytest.raises(LocalProtocolError):
        commands.set_variable(name, "x")
    with pytest.raises(LocalProtocolError):
        commands.execute(name)
    with pytest.raises(LocalProtocolError):
        commands.hang_up(name)
    with pytest.raises(LocalProtocolError):
        commands.events(name)


def test_the_bytes_are_what_freeswitch_reads() -> None:
    assert bytes(commands.hang_up("USER_BUSY")) == (
        b"sendmsg\ncall-command: hangup\nhangup-cause: USER_BUSY\n\n"
    )
    assert bytes(commands.unicast(local_ip="127.0.0.1", remote_ip="127.0.0.2", remote_port=7)) == (
        b"sendmsg\ncall-command: unicast\nlocal-ip: 127.0.0.1\nlocal-port: 0\n"
        b"remote-ip: 127.0.0.2\nremote-port: 7\ntransport: udp\n\n"
    )
    assert bytes(commands.events("DTMF", "CUSTOM")) == b"event plain DTMF CUSTOM\n\n"
    assert bytes(commands.set_variable("a", "b c")) == (
        b"sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: a=b c\n\n"
    )


@given(st.text(st.sampled_from("$${}\r\n\x85\u2028ab ")) | st.text())
def test_plain_text_is_never_refused(text: str) -> None:
    cleaned = plain(text.encode("utf-8", "replace").decode())
    command = bytes(commands.set_variable("caller_name", cleaned))
    assert command.count(b"\n") == 5
    assert b"${" not in command
