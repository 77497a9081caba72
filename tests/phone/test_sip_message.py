"""SIP messages: what comes is parsed or refused by one name, what goes out cannot be forged."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.audio.g711 import A_LAW, MU_LAW
from ivr.phone.sdp import MalformedSdp, MediaDescription, parse_sdp
from ivr.phone.sip_message import (
    MalformedMessage,
    SipRequest,
    SipResponse,
    address,
    branch,
    cseq,
    parse,
    quoted,
    tag,
)

INVITE = (
    b"INVITE sip:100@127.0.0.1 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1;rport\r\n"
    b'f: "Mallory; tag=no <x>" <sip:m@127.0.0.1;tag=no>;tag=yes\r\n'
    b"t: <sip:100@127.0.0.1>\r\n"
    b"Call-ID: 42\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Subject: a long\r\n"
    b"  line\r\n"
    b"l: 4\r\n"
    b"\r\n"
    b"bodybeyond"
)


def test_a_request_is_read_with_compact_names_folded_lines_and_its_body() -> None:
    message = parse(INVITE)
    assert isinstance(message, SipRequest)
    assert (message.method, message.uri) == ("INVITE", "sip:100@127.0.0.1")
    assert message.get("via").endswith("rport")
    assert message.get("Subject") == "a long line"
    assert message.body == b"body"
    assert cseq(message) == (7, "INVITE")
    assert branch(message.get("Via")) == "z9hG4bK1"


def test_a_tag_is_looked_for_outside_names_and_addresses() -> None:
    message = parse(INVITE)
    assert tag(message.get("From")) == "yes"
    assert address(message.get("From")) == "sip:m@127.0.0.1;tag=no"
    assert tag(message.get("To")) == ""


def test_a_response_is_read() -> None:
    message = parse(b"SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n")
    assert isinstance(message, SipResponse)
    assert (message.status, message.reason) == (486, "Busy Here")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\r\n\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\n",
        b"OPTIONS sip:a HTTP/1.1\r\n\r\n",
        b"OPTIONS sip:a\r\n\r\n",
        b"OPT IONS sip:a SIP/2.0\r\n\r\n",
        b"SIP/2.0 99 Low\r\n\r\n",
        b"SIP/2.0 2OO OK\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nno colon\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\n: no name\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nfour",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: \xd9\xa3\r\n\r\n",
    ],
)
def test_garbage_is_refused_by_name(datagram: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(datagram)


@given(st.binary(max_size=400))
@example(INVITE)
@example(b"INVITE sip:\rx SIP/2.0\r\nA: b\rc\r\n\r\n")
def test_any_bytes_are_parsed_or_refused_and_what_is_parsed_can_be_sent_on(data: bytes) -> None:
    try:
        message = parse(data)
    except MalformedMessage:
        return
    again = parse(message.encode())
    assert type(again) is type(message)
    assert again.body == message.body


@given(st.integers(0, len(INVITE)), st.integers(0, 255))
def test_one_wrong_byte_in_an_invite_breaks_nothing_else(place: int, byte: int) -> None:
    data = INVITE[:place] + bytes([byte]) + INVITE[place + 1 :]
    try:
        cseq(parse(data))
    except MalformedMessage:
        return


@pytest.mark.parametrize("name", ["a\r\nEvil: 1", "a\nEvil: 1", "a\rb"])
def test_a_line_break_in_a_value_never_leaves(name: str) -> None:
    request = SipRequest(method="INVITE", uri="sip:a", headers=(("From", quoted(name)),))
    with pytest.raises(ValueError, match="line break"):
        request.encode()


def test_a_display_name_is_quoted() -> None:
    assert quoted('Eve "\\" <x>') == '"Eve \\"\\\\\\" <x>"'


def test_an_offer_comes_back_as_it_was_made() -> None:
    offer = MediaDescription(host="127.0.0.1", port=4000, codecs=(A_LAW, MU_LAW))
    assert parse_sdp(offer.encode()) == offer


def test_an_answer_of_asterisk_is_understood() -> None:
    answer = parse_sdp(
        b"v=0\r\no=- 1 3 IN IP4 10.0.0.1\r\ns=Asterisk\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
        b"m=audio 10234 RTP/AVP 8 96\r\nc=IN IP4 10.0.0.2\r\na=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\na=ptime:20\r\n"
        b"m=video 1 RTP/AVP 99\r\nc=IN IP4 10.0.0.3\r\n"
    )
    assert answer == MediaDescription(host="10.0.0.2", port=10234, codecs=(A_LAW,), event_type=96)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"c=IN IP4 10.0.0.1\nm=audio 1 RTP/AVP 3\n",
        b"c=IN IP4 evil.example\nm=audio 1 RTP/AVP 0\n",
        b"m=audio 1 RTP/AVP 0\n",
        b"c=IN IP4 10.0.0.1\nm=audio 70000 RTP/AVP 0\n",
        b"c=IN IP4 10.0.0.1\nm=audio 1 RTP/AVP\n",
        b"c=IN IP4 10.0.0.1\nm=\n",
    ],
)
def test_a_description_without_usable_sound_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedSdp):
        parse_sdp(body)


@given(st.binary(max_size=200) | st.text(alphabet="cma=INP4 .0123/:\n", max_size=200))
def test_any_description_is_parsed_or_refused(body: bytes | str) -> None:
    try:
        parse_sdp(body if isinstance(body, bytes) else body.encode())
    except MalformedSdp:
        return
