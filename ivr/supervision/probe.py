"""Asking a process over HTTP how it is."""

from __future__ import annotations

import asyncio

_LONGEST_ANSWER = 65536


async def status_of(host: str, port: int, path: str, deadline_s: float) -> int | None:
    """Return the status of a GET, None when no whole answer came within `deadline_s`."""
    try:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                # To its end: a connection closed with bytes unread is reset, and the server
                # takes that for a fault.
                answer = await reader.read(_LONGEST_ANSWER)
                while more := await reader.read(_LONGEST_ANSWER):
                    answer = (answer + more)[:_LONGEST_ANSWER]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    parts = answer.split(None, 2)
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None
