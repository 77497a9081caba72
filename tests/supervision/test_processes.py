"""Who answers the terminal, and who gives way."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ivr.processes import do_gently


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


def test_what_is_done_gently_leaves_the_process_as_it_was() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert do_gently(lambda: os.getpriority(os.PRIO_PROCESS, 0)) == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    with ThreadPoolExecutor(1) as later:
        assert later.submit(os.getpriority, os.PRIO_PROCESS, 0).result() == before


def test_what_fails_gently_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        do_gently(lambda: 1 // 0)
