"""Fixtures for whole calls: what callers say, as sound."""

from __future__ import annotations

import asyncio

import pytest

from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from tests.e2e.talk import SENTENCES, Sounds


@pytest.fixture(scope="session")
def sounds() -> Sounds:
    """Each of `talk.SENTENCES`, in a voice that the recognition model was not trained on."""

    async def make() -> Sounds:
        voice = CallerVoice(Settings())
        try:
            return {text: await voice.speak(text) for text in SENTENCES}
        finally:
            await voice.close()

    return asyncio.run(make())
