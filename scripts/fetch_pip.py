"""Put pip into the environment of the Python that runs this, from the package index alone.

For systems whose Python comes without ensurepip. The newest wheel of the index's simple page
(PEP 503) is fetched, checked against the SHA-256 that the page gives, and asked to install itself.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
LINK = re.compile(
    r'href="([^"#]+/(pip-(\d+)\.(\d+)(?:\.(\d+))?-py3-none-any\.whl))#sha256=(\w{64})"'
)


def main() -> None:
    """Fetch, check, install."""
    page_url = f"{INDEX.rstrip('/')}/pip/"
    with urllib.request.urlopen(page_url, timeout=60) as response:  # noqa: S310
        page = response.read().decode()
    found = [
        (tuple(int(part or 0) for part in match.group(3, 4, 5)), match)
        for match in LINK.finditer(page)
    ]
    if not found:
        sys.exit(f"The package index {page_url} lists no pip. Set PIP_INDEX_URL to one that does.")
    link = max(found, key=lambda pair: pair[0])[1]
    with urllib.request.urlopen(  # noqa: S310
        urllib.parse.urljoin(page_url, link.group(1)), timeout=120
    ) as response:
        wheel = response.read()
    if hashlib.sha256(wheel).hexdigest() != link.group(6):
        sys.exit("The pip that the package index sent does not match its hash.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / link.group(2)
        path.write_bytes(wheel)
        subprocess.run(  # noqa: S603
            [sys.executable, f"{path}/pip", "install", "--quiet", "--no-index", str(path)],
            check=True,
        )


if __name__ == "__main__":
    main()
