from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.audiosocket.protocol import (
    MAX_PAYLOAD,
    RATE_OF_KIND,
    AudioReceived,
    CallIdReceived,
    Connection,
    DigitReceived,
    ErrorReceived,
    Event,
    HungUp,
    LocalProtocolError,
    RemoteProtocolError,
    Role,
    State,
    StreamEnded,
)

CALL = UUID("12345678-1234-5678-1234-567812345678")
ID = b"\x01\x00\x10" + CALL.bytes
SOUND = b"\x10\x01\x40" + bytes(range(160)) * 2


def received(
    role: Role, pieces: Sequence[bytes], *, end: bool = True
) -> tuple[list[Event], str | None]:
    """What a connection makes of bytes that come in these pieces: events, then the error."""
    connection = Connection(role)
    events: list[Event] = []
    try:
        for piece in pieces:
            connection.receive_data(piece)
            _collect(connection, events)
        if end:
            connection.receive_end()
            _collect(connection, events)
    except RemoteProtocolError as error:
        _is_of_no_more_use(connection)
        return events, str(error)
    return events, None


def _collect(connection: Connection, events: list[Event]) -> None:
    for event in connection.events():
        events.append(event)  # noqa: PERF402 - kept although the iterator may raise


def _is_of_no_more_use(connection: Connection) -> None:
    assert connection.their_state is State.BROKEN
    connection.receive_data(SOUND)
    with pytest.raises(RemoteProtocolError):
        list(connection.events())


def frame(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(2) + payload


kinds = st.sampled_from([0x00, 0x01, 0x03, 0x10, 0x10, 0x11, 0x18, 0x19, 0x02, 0xFF]) | (
    st.integers(0, 255)
)
frames = st.builds(
    frame,
    kinds,
    st.binary(max_size=40)
    | st.sampled_from([b"", b"5", b"#", b"a", CALL.bytes, bytes(320), bytes(MAX_PAYLOAD + 2)]),
)
wild = st.lists(frames | st.binary(max_size=12), max_size=12).map(b"".join)
tame = st.lists(frames, max_size=12).map(lambda them: ID + b"".join(them))


@given(data=wild | tame, role=st.sampled_from(Role), end=st.booleans())
def test_any_bytes_are_parsed_or_refused_and_pieces_make_no_difference(
    data: bytes, role: Role, end: bool
) -> None:
    whole = received(role, [data], end=end)
    by_byte = received(role, [bytes((byte,)) for byte in data], end=end)
    assert whole == by_byte
    if end and whole[1] is None:
        assert isinstance(whole[0][-1], StreamEnded | HungUp | ErrorReceived)


@given(data=tame, cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_cuts_anywhere_make_no_difference(data: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(data)) for cut in cuts})
    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    assert received(Role.WORKER, [data]) == received(Role.WORKER, pieces)


sounds = st.tuples(
    st.binary(min_size=1, max_size=MAX_PAYLOAD // 2).map(lambda half: half * 2),
    st.sampled_from(sorted(RATE_OF_KIND.values())),
)


@given(
    sent=st.lists(sounds | st.sampled_from("0123456789*#ABCD"), max_size=6),
    goodbye=st.sampled_from(["hang_up", "error", "error 7", "none"]),
)
def test_what_a_switch_sends_is_what_a_worker_receives(
    sent: list[tuple[bytes, int] | str], goodbye: str
) -> None:
    switch = Connection(Role.SWITCH)
    wire = switch.send_id(CALL)
    expected: list[Event] = [CallIdReceived(call_id=CALL)]
    for item in sent:
        if isinstance(item, str):
            wire += switch.send_digit(item)
            expected.append(DigitReceived(digit=item))
        else:
            pcm, rate = item
            wire += switch.send_audio(pcm, rate)
            expected.append(AudioReceived(pcm=pcm, rate=rate))
    if goodbye == "hang_up":
        wire += switch.send_hang_up()
        expected.append(HungUp())
    elif goodbye == "none":
        expected.append(StreamEnded())
    else:
        code = 7 if goodbye == "error 7" else None
        wire += switch.send_error(code)
        expected.append(ErrorReceived(code=code))
    assert received(Role.WORKER, [wire]) == (expected, None)


@given(sent=st.lists(sounds, max_size=6))
def test_what_a_worker_sends_is_what_a_switch_receives(sent: list[tuple[bytes, int]]) -> None:
    worker = Connection(Role.WORKER)
    wire = b"".join(worker.send_audio(pcm, rate) for pcm, rate in sent)
    wire += worker.send_hang_up()
    expected: list[Event] = [AudioReceived(pcm=pcm, rate=rate) for pcm, rate in sent]
    assert received(Role.SWITCH, [wire]) == ([*expected, HungUp()], None)


def test_the_bytes_of_a_frame_are_those_that_asterisk_wants() -> None:
    worker = Connection(Role.WORKER)
    assert worker.send_audio(b"\x01\x02" * 160) == b"\x10\x01\x40" + b"\x01\x02" * 160
    assert worker.send_audio(bytes(640), 16000)[:3] == b"\x12\x02\x80"
    assert worker.send_hang_up() == b"\x00\x00\x00"
    switch = Connection(Role.SWITCH)
    assert switch.send_id(CALL) == ID
    assert switch.send_digit("#") == b"\x03\x00\x01#"
    assert switch.send_error(2) == b"\xff\x00\x01\x02"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (SOUND, "sound while beginning"),
        (b"\x00\x00\x00", "hang-up while beginning"),
        (b"\x03\x00\x015", "digit while beginning"),
        (b"GET / HTTP/1.1\r\n\r\n", "kind 0x47 while beginning"),
        (b"\x01\x00\x0f" + bytes(15), "call id of 15 bytes"),
        (b"\x01\x00\x11" + bytes(17), "call id of 17 bytes"),
        (ID + ID, "call id while talking"),
        (ID + b"\x10\x00\x00", "sound of 0 bytes"),
        (ID + b"\x10\x01\x41" + bytes(321), "sound of 321 bytes"),
        (ID + b"\x10\xff\xfe", "sound of 65534 bytes"),
        (ID + b"\x10\x1e\x02", "sound of 7682 bytes"),
        (ID + b"\x19\x01\x40", "kind 0x19 while talking"),
        (ID + b"\x02\x00\x00", "kind 0x02 while talking"),
        (ID + b"\x03\x00\x00", "digit of 0 bytes"),
        (ID + b"\x03\x00\x0212", "digit of 2 bytes"),
        (ID + b"\x03\x00\x01\n", "no key"),
        (ID + b"\x03\x00\x01\xdf", "no key"),
        (ID + b"\x00\x00\x01x", "hang-up of 1 bytes"),
        (ID + b"\xff\x00\x02xx", "error of 2 bytes"),
        (ID + b"\x00\x00\x00" + SOUND, "sound while over"),
        (ID + b"\xff\x00\x00" + SOUND, "sound while over"),
        (ID[:10], "end of stream 10 bytes into a frame"),
        (ID + SOUND[:-1], "end of stream 322 bytes into a frame"),
        (ID + b"\x10", "end of stream 1 bytes into a frame"),
        (ID + b"\x00\x00\x00\x00", "end of stream 1 bytes into a frame"),
    ],
)
def test_a_worker_refuses(data: bytes, why: str) -> None:
    _, error = received(Role.WORKER, [data])
    assert error is not None
    assert why in error


@pytest.mark.parametrize(
    "data", [ID, b"\x03\x00\x015", b"\xff\x00\x00", b"\x02\x00\x00", b"\x10\x00\x00"]
)
def test_a_switch_refuses_what_asterisk_refuses(data: bytes) -> None:
    assert received(Role.SWITCH, [data])[1] is not None


def test_what_came_before_the_fault_is_delivered() -> None:
    events, error = received(Role.WORKER, [ID + SOUND + b"\x77\x00\x00"], end=False)
    assert events == [
        CallIdReceived(call_id=CALL),
        AudioReceived(pcm=bytes(range(160)) * 2, rate=8000),
    ]
    assert error is not None


def test_a_fault_is_seen_before_its_payload_has_come() -> None:
    assert received(Role.WORKER, [ID + b"\x10\xff\xfe"], end=False)[1] is not None


@given(data=wild | tame | st.just(SOUND), role=st.sampled_from(Role))
def test_a_whole_frame_taken_at_once_is_the_sound_that_events_would_tell(
    data: bytes, role: Role
) -> None:
    connection = Connection(role)
    if role is Role.SWITCH:
        assert connection.whole_frame(SOUND) == SOUND[3:]
    else:
        assert connection.whole_frame(SOUND) is None
        assert received(role, [ID], end=False) == ([CallIdReceived(call_id=CALL)], None)
        connection.receive_data(ID)
        assert list(connection.events()) == [CallIdReceived(call_id=CALL)]
    at_once = connection.whole_frame(data)
    if at_once is not None:
        connection.receive_data(data)
        assert list(connection.events()) == [AudioReceived(pcm=at_once, rate=8000)]
    connection.receive_data(SOUND[:100])
    with suppress(RemoteProtocolError):
        list(connection.events())
    assert connection.whole_frame(SOUND) is None


def test_keys_that_a_phone_wrote_small_are_keys() -> None:
    assert received(Role.WORKER, [ID + b"\x03\x00\x01d"], end=False)[0][1:] == [
        DigitReceived(digit="D")
    ]


def test_what_was_consumed_is_not_kept() -> None:
    connection = Connection(Role.WORKER)
    connection.receive_data(ID)
    for _ in range(1000):
        connection.receive_data(SOUND)
        assert len(list(connection.events())) >= 1
    assert len(connection._buffer) == 0


def test_an_iterator_left_in_the_middle_goes_on_where_it_stopped() -> None:
    connection = Connection(Role.WORKER)
    connection.receive_data(ID + SOUND)
    assert isinstance(next(iter(connection.events())), CallIdReceived)
    assert [type(event) for event in connection.events()] == [AudioReceived]


def test_our_own_mistakes_are_local_errors() -> None:
    worker = Connection(Role.WORKER)
    mistakes: list[Callable[[], bytes]] = [
        lambda: worker.send_id(CALL),
        lambda: worker.send_digit("5"),
        worker.send_error,
        lambda: worker.send_audio(b""),
        lambda: worker.send_audio(b"odd"),
        lambda: worker.send_audio(bytes(MAX_PAYLOAD + 2)),
        lambda: worker.send_audio(bytes(320), 11025),
        lambda: Connection(Role.SWITCH).send_audio(bytes(320)),
        lambda: Connection(Role.SWITCH).send_digit("55"),
        lambda: Connection(Role.SWITCH).send_digit("x"),
    ]
    for mistake in mistakes:
        with pytest.raises(LocalProtocolError):
            mistake()
    worker.send_hang_up()
    with pytest.raises(LocalProtocolError):
        worker.send_audio(bytes(320))
    assert worker.our_state is State.OVER
