from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.synthesis.text import speakable


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hello,  world.\n", "Hello, world."),
        ('<speak>One <break time="9s"/>two</speak>', "One two"),
        ("\x0150S fast \x01y", "50S fast y"),
        ("is 3 < 4 and 5 > 4?", "is 3 < 4 and 5 > 4?"),
        ("a\x00b\ud800c", "a b c"),
        ("क्षमा कीजिए", "क्षमा कीजिए"),
        ("cafe\u0301", "café"),
        ("<!-- x --><?xml?>", ""),
    ],
)
def test_what_may_be_spoken(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@given(st.text())
def test_no_text_brings_commands_to_an_engine(text: str) -> None:
    spoken = speakable(text)
    assert all(ord(character) >= 32 and not "\x7f" <= character <= "\x9f" for character in spoken)
    assert "<speak" not in spoken
    spoken.encode("utf-8")
