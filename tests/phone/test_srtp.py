"""Keys in a session description, and sound under them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.g711 import MU_LAW
from ivr.phone.sdp import MalformedSdp, MediaDescription, parse_sdp
from ivr.phone.srtp import KEY_BYTES, MalformedCrypto, MasterKey, SecureSound, SrtpFault

PACKET = bytes.fromhex("8000000100000000deadbeef") + bytes(160)


@given(st.integers(1, 999_999_999), st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
def test_a_key_survives_its_line(tag: int, key: bytes) -> None:
    assert MasterKey.parse(MasterKey(tag, key).encode()) == MasterKey(tag, key)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_the_one_error(text: str) -> None:
    with contextlib.suppress(MalformedCrypto):
        assert len(MasterKey.parse(text).key) == KEY_BYTES


def test_a_key_is_never_shown() -> None:
    key = MasterKey.new()
    assert key.encode().split(":")[1] not in repr(key)
    assert repr(key.key) not in repr(
        MediaDescription(host="127.0.0.1", port=4000, codecs=(MU_LAW,), secured_by=key)
    )


def test_an_offer_of_secure_sound_is_read_back() -> None:
    offer = MediaDescription(
        host="127.0.0.1", port=4000, codecs=(MU_LAW,), secured_by=MasterKey.new()
    )
    assert b"RTP/SAVP 0" in offer.encode()
    assert parse_sdp(offer.encode()) == offer


def test_the_first_suite_that_is_known_is_taken() -> None:
    key = MasterKey(2, bytes(KEY_BYTES))
    offer = MediaDescription(host="127.0.0.1", port=4000, codecs=(MU_LAW,), secured_by=key)
    other = b"a=crypto:1 AEAD_AES_256_GCM inline:AAAA\r\na=crypto"
    assert parse_sdp(offer.encode().replace(b"a=crypto", other)).secured_by == key


def test_secure_sound_without_a_key_is_none() -> None:
    offer = MediaDescription(host="127.0.0.1", port=4000, codecs=(MU_LAW,))
    with pytest.raises(MalformedSdp, match="without a key"):
        parse_sdp(offer.encode().replace(b"RTP/AVP", b"RTP/SAVP"))


def test_what_one_side_encrypts_the_other_alone_understands() -> None:
    one, other, third = MasterKey.new(), MasterKey.new(), MasterKey.new()
    here, there = SecureSound(one, other), SecureSound(other, one)
    wire = here.protect(PACKET)
    assert wire[12:172] != PACKET[12:]
    assert there.unprotect(wire) == PACKET
    with pytest.raises(SrtpFault):  # once more
        there.unprotect(wire)
    with pytest.raises(SrtpFault):
        SecureSound(other, third).unprotect(wire)
    forged = wire[:20] + bytes([wire[20] ^ 1]) + wire[21:]
    with pytest.raises(SrtpFault):
        SecureSound(other, one).unprotect(forged)
    with pytest.raises(SrtpFault):
        here.unprotect(b"")
