"""What is delivered is sound before anything is started; `make check` runs this."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ivr.settings import PROJECT

KINDS = (".cfg", ".list")


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


def delivered() -> str:
    """Every line of the configuration that says something."""
    files = [path for path in sorted((PROJECT / "kamailio").rglob("*")) if path.suffix in KINDS]
    lines = [line for path in files for line in path.read_text().splitlines()]
    return "\n".join(line for line in lines if not re.match(r"\s*#(?!!)", line))


def test_kamailio_is_delivered_without_a_secret() -> None:
    text = delivered()
    assert re.findall(r"\w+://[^\s\"@/]*:[^\s\"@/]*@", text) == [], "a password in an address"
    assert not re.search(r"passw|secret|BEGIN [A-Z ]*PRIVATE", text, re.IGNORECASE)
    kept = {path.name for path in (PROJECT / "kamailio").iterdir() if path.is_file()}
    assert all(Path(name).suffix in KINDS for name in kept), kept


def test_kamailio_is_delivered_on_loopback_only() -> None:
    text = delivered()
    listens = dict(re.findall(r"^#!(?:try)?def(?:ine)? (\w*LISTEN) (\S+)", text, re.MULTILINE))
    assert listens == {
        "IVR_LISTEN": "udp:127.0.0.1:5060",
        "IVR_TLS_LISTEN": "tls:127.0.0.1:5061",
    }
    named = set(re.findall(r"^listen=(\S+)", text, re.MULTILINE))
    assert named == {"IVR_LISTEN", "IVR_NODES_LISTEN", "IVR_TLS_LISTEN"}


def test_a_ban_lasts_five_minutes_as_delivered() -> None:
    assert "\n#!trydef IVR_BAN_S 300\n" in delivered()
