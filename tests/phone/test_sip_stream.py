"""Messages are found in a stream wherever it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.phone.sip_message import MalformedMessage, SipRequest, SipResponse
from ivr.phone.sip_stream import LONGEST, SipStream

bodies = st.binary(max_size=60)
messages = st.lists(
    bodies.map(lambda body: SipResponse(status=200, reason="OK", body=body).encode())
    | bodies.map(lambda body: SipRequest(method="INFO", uri="sip:a@b", body=body).encode()),
    max_size=5,
)


@given(messages, st.lists(st.integers(1, 40), max_size=60), st.booleans())
def test_whatever_the_cuts_the_messages_are_the_same(
    sent: list[bytes], cuts: list[int], kept_alive: bool
) -> None:
    wire = (b"\r\n\r\n" if kept_alive else b"").join([b"", *sent, b""])
    stream, found, at = SipStream(), [], 0
    for cut in [*cuts, len(wire)]:
        found += stream.feed(wire[at : at + cut])
        at += cut
    assert found == sent


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_messages_or_the_one_error(pieces: list[bytes]) -> None:
    stream = SipStream()
    try:
        for piece in pieces:
            for message in stream.feed(piece):
                assert b"\r\n\r\n" in message
    except MalformedMessage:
        pass


@pytest.mark.parametrize(
    "wire",
    [
        b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 999999\r\n\r\n",
        b"x" * (LONGEST + 1),
    ],
    ids=["no length", "too long", "no end"],
)
def test_a_stream_that_cannot_be_cut_is_given_up(wire: bytes) -> None:
    with pytest.raises(MalformedMessage):
        SipStream().feed(wire)
