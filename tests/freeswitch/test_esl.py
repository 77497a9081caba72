"""The Event Socket codec: what it reads, what it refuses, and that nothing else ever happens."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.telephony.freeswitch import commands
from ivr.telephony.freeswitch.errors import LocalProtocolError, RemoteProtocolError
from ivr.telephony.freeswitch.esl import (
    MAX_BLOCK,
    MAX_BODY,
    MAX_WAITING,
    ApiReply,
    ChannelData,
    ChannelGone,
    CommandReply,
    EslConnection,
    Event,
    PasswordRequested,
    Refused,
    Side,
    State,
    SwitchEvent,
)
from ivr.telephony.freeswitch.headers import MAX_HEADERS
from tests.freeswitch import wire

CALL = {"Unique-ID": "6c0d", "Caller-Caller-ID-Number": "+15550100"}


def read(connection: EslConnection, *pieces: bytes) -> list[Event]:
    events = []
    for piece in pieces:
        connection.feed(piece)
        while (event := connection.next_event()) is not None:
            events.append(event)
    return events


def seen(connection: EslConnection, *pieces: bytes) -> list[str]:
    """All that happens, as text, up to the error if there is one."""
    happened = []
    try:
        for piece in pieces:
            connection.feed(piece)
            while (event := connection.next_event()) is not None:
                happened.append(repr(event))
        connection.receive_eof()
    except RemoteProtocolError:
        happened.append("garbage")
    return happened


def outbound() -> EslConnection:
    return EslConnection(Side.OUTBOUND)


def connecting() -> EslConnection:
    connection = outbound()
    connection.send(commands.CONNECT)
    return connection


def ready() -> EslConnection:
    connection = connecting()
    read(connection, wire.channel_data(CALL))
    return connection


def waiting() -> EslConnection:
    connection = ready()
    connection.send(commands.MY_EVENTS)
    connection.send(commands.api("status"))
    return connection


def lingering() -> EslConnection:
    connection = ready()
    read(connection, wire.gone())
    return connection


def greeting() -> EslConnection:
    return EslConnection(Side.INBOUND)


def challenged() -> EslConnection:
    connection = greeting()
    read(connection, b"Content-Type: auth/request\n\n")
    return connection


def authenticating() -> EslConnection:
    connection = challenged()
    connection.send(commands.auth("secret"))
    return connection


STATES: dict[State, Callable[[], EslConnection]] = {
    State.CONNECTED: outbound,
    State.CONNECTING: connecting,
    State.READY: waiting,
    State.LINGERING: lingering,
    State.GREETING: greeting,
    State.CHALLENGED: challenged,
    State.AUTHENTICATING: authenticating,
}


def test_a_call_from_connect_to_its_end() -> None:
    connection = outbound()
    assert connection.send(commands.CONNECT) == b"connect\n\n"
    connection.send(commands.MY_EVENTS)
    (data,) = read(connection, wire.channel_data(CALL))
    assert isinstance(data, ChannelData)
    assert data.headers["Caller-Caller-ID-Number"] == "+15550100"
    assert connection.state.name == "READY"
    replied, pressed, gone, hangup, closed = read(
        connection,
        wire.reply("+OK Events Enabled"),
        wire.event("DTMF", {"DTMF-Digit": "#"}),
        wire.gone(),
        wire.event("CHANNEL_HANGUP_COMPLETE", {"Hangup-Cause": "NORMAL_CLEARING"}),
        wire.gone(linger=False),
    )
    assert isinstance(replied, CommandReply)
    assert replied.command is commands.MY_EVENTS
    assert replied.ok
    assert isinstance(pressed, SwitchEvent)
    assert (pressed.name, pressed.headers["DTMF-Digit"]) == ("DTMF", "#")
    assert gone == ChannelGone(lingering=True)
    assert isinstance(hangup, SwitchEvent)
    assert closed == ChannelGone(lingering=False)
    connection.receive_eof()
    assert connection.state is State.CLOSED


def test_a_password_is_asked_for_and_judged() -> None:
    connection = greeting()
    assert read(connection, b"Content-Type: auth/request\n\n") == [PasswordRequested()]
    assert connection.send(commands.auth("s p")) == b"auth s p\n\n"
    (reply,) = read(connection, wire.reply("+OK accepted"))
    assert isinstance(reply, CommandReply)
    assert reply.ok
    connection.send(commands.api("status"))
    (output,) = read(connection, wire.api_reply("UP 0 years\n"))
    assert isinstance(output, ApiReply)
    assert output.text == "UP 0 years"


def test_a_wrong_password_closes() -> None:
    connection = authenticating()
    (reply,) = read(connection, wire.reply("-ERR invalid"))
    assert isinstance(reply, CommandReply)
    assert not reply.ok
    assert connection.state is State.CLOSED


def test_an_address_off_the_list_is_told_so() -> None:
    message = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
    assert read(greeting(), message) == [Refused(reason="Access Denied, go away.")]


def test_a_forbidden_api_command_is_an_api_reply() -> None:
    connection = ready()
    connection.send(commands.api("shutdown"))
    (reply,) = read(connection, wire.reply("-ERR permission denied"))
    assert isinstance(reply, ApiReply)
    assert not reply.ok


def test_an_event_has_a_body_of_its_own() -> None:
    (event,) = read(ready(), wire.event("BACKGROUND_JOB", {"Job-UUID": "1"}, b"+OK\n\nmore"))
    assert isinstance(event, SwitchEvent)
    assert event.body == b"+OK\n\nmore"


def test_what_follows_the_end_of_the_channel_is_only_its_ending() -> None:
    forged = wire.event("DTMF", {"DTMF-Digit": "9"})
    ending = wire.event("CHANNEL_HANGUP_COMPLETE", {"Hangup-Cause": "USER_BUSY"})
    (event,) = read(lingering(), forged, ending)
    assert isinstance(event, SwitchEvent)
    assert event.name == "CHANNEL_HANGUP_COMPLETE"


def test_stray_blank_lines_are_skipped() -> None:
    assert len(read(ready(), b"\n\n\n\r\n" + wire.event("DTMF") + b"\n" + wire.event("DTMF"))) == 2


def test_logs_that_nobody_asked_for_are_skipped() -> None:
    assert read(ready(), b"Content-Type: log/data\nContent-Length: 3\n\nabc") == []


def test_an_undefined_value_is_empty_and_an_unencoded_percent_is_kept() -> None:
    (event,) = read(ready(), wire.event("DTMF", {"variable_a": ""}))
    assert isinstance(event, SwitchEvent)
    assert event.headers["variable_a"] == ""
    connection = ready()
    connection.send(commands.MY_EVENTS)
    (reply,) = read(connection, wire.reply("+OK 100%"))
    assert isinstance(reply, CommandReply)
    assert reply.text == "+OK 100%"


BREAKS = ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85", "\n\n"]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "name",
    ["Caller-Caller-ID-Name", "variable_sip_h_X-A", "variable_switch_r_sdp", "Channel-Name"],
)
def test_a_line_break_in_a_value_forges_nothing(name: str, line_break: str) -> None:
    forged = line_break.join(
        ["a", "Event-Name: DTMF", "DTMF-Digit: 9", "Caller-Caller-ID-Number: +1555", "Unique-ID: x"]
    )
    headers = {name: forged, **CALL}
    (data,) = read(connecting(), wire.channel_data(headers))
    assert isinstance(data, ChannelData)
    (event,) = read(ready(), wire.event("CHANNEL_ANSWER", headers))
    assert isinstance(event, SwitchEvent)
    for read_headers in (data.headers, event.headers):
        assert read_headers[name] == forged
        assert read_headers["Caller-Caller-ID-Number"] == "+15550100"
        assert read_headers["Unique-ID"] == "6c0d"
        assert "DTMF-Digit" not in read_headers
    assert event.name == "CHANNEL_ANSWER"


@pytest.mark.parametrize("line_break", ["\r", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_other_alphabets_line_breaks_are_text_even_unencoded(line_break: str) -> None:
    inner = f"Event-Name: DTMF\nDTMF-Digit: 1{line_break}DTMF-Digit: 9\n\n".encode()
    message = b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(inner), inner)
    (event,) = read(ready(), message)
    assert isinstance(event, SwitchEvent)
    assert event.headers["DTMF-Digit"] == f"1{line_break}DTMF-Digit: 9"


def test_the_first_header_of_a_name_wins_whatever_its_case() -> None:
    inner = b"Event-Name: DTMF\nDTMF-Digit: 1\ndtmf-digit: 9\nevent-name: CHANNEL_ANSWER\n\n"
    message = b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(inner), inner)
    (event,) = read(ready(), message)
    assert isinstance(event, SwitchEvent)
    assert (event.name, event.headers["DTMF-Digit"]) == ("DTMF", "1")


def test_bytes_that_are_no_text_are_read_all_the_same() -> None:
    inner = b"Event-Name: DTMF\nCaller-Caller-ID-Name: %FF%C3\nX: \xff\xfe\n\n"
    message = b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(inner), inner)
    (event,) = read(ready(), message)
    assert isinstance(event, SwitchEvent)
    assert event.headers["Caller-Caller-ID-Name"] == "\ufffd\ufffd"


GARBAGE = {
    "unsolicited reply": wire.reply(),
    "unsolicited api reply": wire.api_reply("x"),
    "json event": b"Content-Type: text/event-json\nContent-Length: 2\n\n{}",
    "xml event": b"Content-Type: text/event-xml\nContent-Length: 3\n\n<a>",
    "no type": b"Content-Length: 0\n\n",
    "no header": b"hello\n\n",
    "no name": b": x\n\n",
    "negative length": b"Content-Type: text/event-plain\nContent-Length: -1\n\n",
    "length in other digits": "Content-Type: text/event-plain\nContent-Length: ²\n\n".encode(),
    "huge length": b"Content-Type: text/event-plain\nContent-Length: %d\n\n" % (MAX_BODY + 1),
    "endless length": b"Content-Type: text/event-plain\nContent-Length: " + b"9" * 5000 + b"\n\n",
    "endless block": b"A: " + b"x" * (MAX_BLOCK + 10),
    "endless line with an end": b"A: " + b"x" * (MAX_BLOCK + 10) + b"\n\n",
    "endless headers": b"A: 1\n" * (MAX_HEADERS + 1) + b"\n",
    "event without name": b"Content-Type: text/event-plain\nContent-Length: 6\n\nA: 1\n\n",
    "event with a short body": b"Content-Type: text/event-plain\nContent-Length: 40\n\n"
    b"Event-Name: DTMF\nContent-Length: 9\n\nabc\n",
    "call data again": wire.channel_data(CALL),
    "password in mid-call": b"Content-Type: auth/request\n\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_the_connection(garbage: bytes) -> None:
    connection = ready()
    with pytest.raises(RemoteProtocolError):
        read(connection, garbage)
    assert connection.state is State.ERROR
    with pytest.raises(RemoteProtocolError):
        read(connection, wire.event("DTMF"))
    with pytest.raises(LocalProtocolError):
        connection.send(commands.MY_EVENTS)
    connection.receive_eof()


def test_the_wrong_kind_of_reply_ends_the_connection() -> None:
    connection = ready()
    connection.send(commands.MY_EVENTS)
    with pytest.raises(RemoteProtocolError):
        read(connection, wire.api_reply("x"))


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_the_end_comes_in_every_state(state: State) -> None:
    connection = STATES[state]()
    assert connection.state is state
    connection.receive_eof()
    assert connection.state is State.CLOSED
    assert connection.unanswered == 0
    cut = STATES[state]()
    cut.feed(b"Content-Type: text/event-plain\nContent-Length: 90\n\nEvent-")
    if state in (State.READY, State.LINGERING):
        assert cut.next_event() is None
    with pytest.raises(RemoteProtocolError):
        cut.receive_eof()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_connect_and_auth_go_once_and_in_their_place(state: State) -> None:
    right = {State.CONNECTED: commands.CONNECT, State.CHALLENGED: commands.auth("x")}
    for command in (commands.CONNECT, commands.auth("x")):
        connection = STATES[state]()
        if right.get(state) == command:
            connection.send(command)
            continue
        with pytest.raises(LocalProtocolError):
            connection.send(command)


def test_commands_without_replies_do_not_pile_up() -> None:
    connection = ready()
    for _ in range(MAX_WAITING):
        connection.send(commands.MY_EVENTS)
    with pytest.raises(LocalProtocolError):
        connection.send(commands.MY_EVENTS)


MESSAGES = st.one_of(
    st.just(wire.reply()),
    st.just(wire.api_reply("+OK 1\n")),
    st.just(wire.channel_data(CALL)),
    st.just(wire.gone()),
    st.just(wire.gone(linger=False)),
    st.just(b"Content-Type: auth/request\n\n"),
    st.builds(
        wire.event,
        st.sampled_from(["DTMF", "CHANNEL_ANSWER", "CHANNEL_HANGUP"]),
        st.dictionaries(st.from_regex(r"[A-Za-z][\w-]{0,9}", fullmatch=True), st.text()),
        st.binary(max_size=20),
    ),
    st.sampled_from(list(GARBAGE.values())).filter(lambda garbage: len(garbage) < 5000),
    st.binary(max_size=40),
    st.from_regex(rb"(Content-(Type|Length): [a-z/-]*\d*\n){0,3}\n?", fullmatch=True),
)


@given(
    state=st.sampled_from(list(STATES)),
    messages=st.lists(MESSAGES, max_size=6),
    cuts=st.lists(st.integers(0, 400)),
)
@settings(max_examples=400, deadline=None)
def test_whatever_arrives_in_whatever_pieces_it_is_read_or_garbage(
    state: State, messages: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(messages)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    whole = seen(STATES[state](), data)
    assert seen(STATES[state](), *(data[at : at + 1] for at in range(len(data)))) == whole
    assert seen(STATES[state](), *(data[a:b] for a, b in itertools.pairwise(places))) == whole


@given(data=st.binary(max_size=300), state=st.sampled_from(list(STATES)))
def test_noise_is_read_or_garbage(data: bytes, state: State) -> None:
    seen(STATES[state](), data)
