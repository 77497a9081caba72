"""What is delivered is sound before anything is started; `make check` runs this."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ivr.settings import PROJECT


@pytest.mark.kamailio
@pytest.mark.parametrize("switches", [(), ("IVR_STRANGERS",), ("IVR_TLS",)], ids=str)
def test_kamailio_reads_its_configuration(
    switches: tuple[str, ...], edge_programs: None, tmp_path: Path
) -> None:
    folder = PROJECT / "kamailio"
    defines = {
        "IVR_DISPATCHER_LIST": f'"{folder}/dispatcher.list"',
        "IVR_TRUNKS_LIST": f'"{folder}/trunks.list"',
        "IVR_TLS_CONFIG": f'"{folder}/tls.cfg"',
        "IVR_RPC_SOCKET": f'"{tmp_path}/ivr.sock"',
        **dict.fromkeys(switches, "1"),
    }
    arguments = [word for name, value in defines.items() for word in ("-A", f"{name}={value}")]
    done = subprocess.run(
        ["kamailio", "-c", "-f", str(folder / "kamailio.cfg"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "config file ok" in done.stderr + done.stdout
    assert "ERROR" not in done.stderr


def test_kamailio_is_delivered_without_a_secret_and_on_loopback_only() -> None:
    text = "".join(path.read_text() for path in sorted((PROJECT / "kamailio").glob("*.cfg")))
    assert "IVR_LISTEN udp:127.0.0.1:5060" in text
    assert "postgres://ivr@" in text
