"""A Kamailio with its switch for TLS turned on."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

from ivr.settings import PROJECT
from tests.sip.edge import Edge
from tests.telephony.asterisk.switch import free_port


class SecureEdge(Edge):
    """A Kamailio that also listens on TLS, with a certificate of its own."""

    def __init__(self, folder: Path, nodes: dict[str, str]) -> None:
        self.tls_port = free_port()
        defines = {
            "IVR_TLS": "1",
            "IVR_TLS_LISTEN": f"tls:127.0.0.1:{self.tls_port}",
            "IVR_TLS_CONFIG": f'"{folder}/etc/tls.cfg"',
        }
        super().__init__(folder, nodes, defines=defines)
        own = self.etc / "local"
        subprocess.run([PROJECT / "scripts" / "tls_certificate.sh", own], check=True)
        delivered = (self.etc / "tls.cfg").read_text()
        moved, count = re.subn("/etc/kamailio/local", str(own), delivered)
        assert count == 2
        (self.etc / "tls.cfg").write_text(moved)
        self.trusted = ssl.create_default_context(cafile=str(own / "tls.pem"))
