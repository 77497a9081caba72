"""`ivrctl calls`, as an operator runs it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


async def ivrctl_calls(environment: Mapping[str, str], *arguments: str) -> tuple[int, Any, str]:
    """Exit status, what it says as JSON, and on stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli.main", "calls", *arguments, "--json"),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, json.loads(out or b"null"), err.decode()
