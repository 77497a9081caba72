"""Fixtures that several rooms' tests share; the real Asterisk's are documented where they live."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

# How long an example takes is the machine's, and what else runs on it.
hypothesis.settings.register_profile("ivr", deadline=None)
hypothesis.settings.load_profile("ivr")

pytest_plugins = ["tests.telephony.asterisk.fixtures"]

_IN_REAL_TIME = (
    "e2e",
    "scenarios/test_sound_levels.py",
    "sip/test_limits.py",
    "sip/test_load.py",
    "worker/test_leaks.py",
)
"""What speaks, listens and answers by the clock on the wall: too many at once would disturb each
other."""

_ALONE = (
    "api/test_health.py",
    "freeswitch",
    "integrations/test_hostile.py",
    "integrations/test_hub.py",
    "integrations/test_restraint.py",
    "integrations/test_secrets.py",
    "phone",
    "speech/test_synthesis_process.py",
    "storage/test_embedded.py",
    "storage/test_redis_away.py",
    "storage/test_sessions.py",
    "storage/test_sound_files.py",
    "telephony/asterisk/test_ami_faults.py",
    "telephony/audiosocket",
)
"""What asserts that something takes no longer than a fraction of a second: beside other tests it
would measure them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that they can be run apart."""
    here = Path(__file__).parent
    gone = [name for name in (*_IN_REAL_TIME, *_ALONE) if not (here / name).exists()]
    assert not gone, f"tests/conftest.py names what there is not: {gone}"
    for item in items:
        path = item.path.relative_to(here).as_posix()
        if path.startswith(_IN_REAL_TIME):
            item.add_marker("realtime")
        elif path.startswith(_ALONE):
            item.add_marker("alone")
