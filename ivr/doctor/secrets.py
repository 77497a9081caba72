"""Secrets that everybody knows: shipped with a product, or written in its manual."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

KNOWN = frozenset(
    """cluecon avr amp111 amp109 asterisk freeswitch kamailio kamailiorw kamailioro openser
    openserrw opensipsrw admin administrator root password passw0rd secret changeme default test
    guest ivr postgres redis rasa mysecretpassword mysecret letmein qwerty 1234 12345 123456
    12345678 0000 1111 foobar foobared""".split()
)

SHORTEST = 12
"""A secret of fewer characters can be tried out."""

_IN_FILES = (
    re.compile(r"^\s*secret\s*=\s*(?P<secret>\S+)", re.M),
    re.compile(r'(?:event_socket_password=|name="password"\s+value=")(?P<secret>[^"$]+)"'),
    re.compile(r"postgres://[^:@/\s]+:(?P<secret>[^@\s\"]+)@"),
    re.compile(r"^\s*requirepass\s+(?P<secret>\S+)", re.M),
)


def fault_of(secret: str) -> str:
    """What is wrong with a secret; an empty text where nothing is."""
    if not secret:
        return "is empty"
    if secret.strip().lower() in KNOWN:
        return "is one that everybody knows"
    if len(secret) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    return ""


def password_of(url: str) -> str | None:
    """The password in a URL, decoded; None where it holds none."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return None if password is None else unquote(password)


def in_files(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Secrets written in configuration files of Asterisk, FreeSWITCH, Kamailio and Redis."""
    found = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found += [(path, match["secret"]) for form in _IN_FILES for match in form.finditer(text)]
    return found
