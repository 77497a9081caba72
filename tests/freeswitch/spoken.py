"""FreeSWITCH's prompts as callers hear them, made by the command that operators use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def render_spoken(sounds: Path) -> None:
    """Render the project's prompts into a sounds folder."""
    command = [sys.executable, "-m", "ivr.cli.main", "prompts", "render"]
    subprocess.run(
        [*command, "--switch", "freeswitch", "--to", sounds], check=True, stdout=subprocess.DEVNULL
    )
