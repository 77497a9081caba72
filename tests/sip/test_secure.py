"""TLS at the edge and SRTP on the node: the switches that docs/sip.md names, turned on."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.phone.sip import NotAnswered, SipPhone
from tests.prompts import render_tones
from tests.sip.secure_edge import SecureEdge
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskSwitch
from tests.tones import clearest, heard, tone

pytestmark = [pytest.mark.kamailio, pytest.mark.asterisk]

BOT_HZ, CALLER_HZ = 1100.0, 1700.0


@pytest.fixture(scope="module")
def secure_asterisk(unpacked_asterisk: Path) -> Iterator[AsteriskSwitch]:
    """One that takes no sound in the clear."""
    switch = AsteriskSwitch(unpacked_asterisk)
    render_tones(switch.sounds, "asterisk")
    with (switch.home / "etc" / "local" / "pjsip.conf").open("a") as file:
        file.write("[trunk](+)\nmedia_encryption = sdes\n")
    switch.start()
    yield switch
    switch.stop()


@pytest.fixture(scope="module")
def secure_edge(
    edge_programs: None, secure_asterisk: AsteriskSwitch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureEdge]:
    folder = tmp_path_factory.mktemp("secure")
    edge = SecureEdge(folder, {"asterisk-1": f"127.0.0.1:{secure_asterisk.sip_port}"})
    edge.start()
    yield edge
    edge.stop()


@pytest.fixture
def at_work(secure_asterisk: AsteriskSwitch, worker: ScriptedWorker) -> ScriptedWorker:
    """Calls go to `worker`."""
    secure_asterisk.use_workers(worker.port, menu_wait_s=1)
    return worker


def secure_phone(edge: SecureEdge) -> SipPhone:
    return SipPhone(f"sip:100@127.0.0.1:{edge.tls_port}", tls=edge.trusted, srtp=True)


async def test_a_call_through_tls_and_srtp(
    secure_edge: SecureEdge, at_work: ScriptedWorker
) -> None:
    """Nothing that the phone hears is in the clear: what it cannot decrypt it refuses."""
    phone = secure_phone(secure_edge)
    try:
        await phone.ring(10)
        await phone.press("1")
        call = await at_work.next_call()
        call.play(tone(BOT_HZ, 600).pcm)
        await phone.speak(tone(CALLER_HZ, 600))
        await heard(phone.handset, BOT_HZ)
        await call.heard_ms(300)
        assert clearest(bytes(call.heard), CALLER_HZ) > 0.8
        await phone.press("42")
        await call.digits_are("42")
        assert phone.media.packets_refused == 0
    finally:
        await phone.hang_up()
    assert phone.end_reason == "we hung up"
    async with asyncio.timeout(5):
        await call.ended.wait()


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_1, ""),
    ],
)
def test_tls_is_1_2_or_1_3(version: ssl.TLSVersion, spoken: str, secure_edge: SecureEdge) -> None:
    phone = ssl.create_default_context(cafile=str(secure_edge.etc / "local" / "tls.pem"))
    # OpenSSL itself would not offer 1.1 otherwise; the refusal has to be Kamailio's.
    phone.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        phone.minimum_version = phone.maximum_version = version
    with socket.create_connection(("127.0.0.1", secure_edge.tls_port), 5) as line:
        if spoken:
            with phone.wrap_socket(line, server_hostname="127.0.0.1") as secure:
                assert secure.version() == spoken
            return
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol version"):
            phone.wrap_socket(line, server_hostname="127.0.0.1")


async def test_the_nodes_bye_comes_back_over_tls(
    secure_edge: SecureEdge, secure_asterisk: AsteriskSwitch, at_work: ScriptedWorker
) -> None:
    phone = secure_phone(secure_edge)
    try:
        await phone.ring(10)
        await phone.press("1")
        await at_work.next_call()
        secure_asterisk.cli("channel request hangup all")
        async with asyncio.timeout(5):
            await phone.ended.wait()
        assert phone.end_reason.startswith("they hung up")
    finally:
        await phone.hang_up()


async def test_sound_in_the_clear_is_refused_where_srtp_is_asked_for(
    secure_edge: SecureEdge,
) -> None:
    phone = SipPhone(secure_edge.target())
    with pytest.raises(NotAnswered) as refused:
        await phone.ring(10)
    await phone.hang_up()
    assert refused.value.status == 488


async def test_who_does_not_know_the_certificate_does_not_talk(secure_edge: SecureEdge) -> None:
    phone = SipPhone(
        f"sip:100@127.0.0.1:{secure_edge.tls_port}", tls=ssl.create_default_context(), srtp=True
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        await phone.ring(10)
    await phone.hang_up()
