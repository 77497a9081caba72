"""Who answers the terminal."""

from __future__ import annotations

import os
import subprocess
import sys


def test_ctrl_c_is_left_to_the_parent_in_its_own_session() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from ivr.processes import leave_ctrl_c_to_the_parent as leave\n"
            "leave(); leave(); print(os.getpgrp() == os.getpid(), os.getsid(0))",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert told == ["True", str(os.getsid(0))]
