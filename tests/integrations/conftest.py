"""A secret that the environment knows."""

from __future__ import annotations

import pytest

from tests.integrations.asking import SECRET


@pytest.fixture
def known_secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BANK_SECRET", SECRET)
    return SECRET
