from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.synthesis.spoken_form import spoken_form


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("en", "Press 1 for your balance.", "Press one for your balance."),
        (
            "en",
            "You owe ₹1,250.50.",
            "You owe one thousand two hundred and fifty rupees and fifty paise.",
        ),
        ("en", "That is $5, 7 EUR or GBP 9.", "That is five dollars, seven euros or nine pounds."),
        (
            "en",
            "It was -5 degrees, 7.5% less.",
            "It was minus five degrees, seven point five percent less.",
        ),
        (
            "en",
            "On 2026-11-29 at 14:30.",
            "On the twenty ninth of november twenty twenty six at two thirty in the afternoon.",
        ),
        ("en", "On 29/11/2026.", "On the twenty ninth of november twenty twenty six."),
        (
            "en",
            "Call +91 98765 43210.",
            "Call plus nine one nine, eight seven six, five four three, two one zero.",
        ),
        (
            "en",
            "Account 447123, or 0042.",
            "Account four four seven, one two three, or zero zero four two.",
        ),
        ("en", "The 1st, 2nd and 23rd.", "The first, second and twenty third."),
        ("en", "Your ATM card and its PIN.", "Your A-T-M card and its PIN."),
        ("en", "The NASA OTP.", "The NASA O-T-P."),
        ("en", "PLEASE HOLD ON", "PLEASE HOLD ON"),
        ("en", "1,00,000 rupees", "one hundred thousand rupees"),
        ("hi", "आपके पास ₹1,250 हैं।", "आपके पास एक हज़ार दो सौ पचास रुपये हैं।"),
        ("hi", "ATM से 5% लें।", "A-T-M से पाँच प्रतिशत लें।"),
        ("es", "Son 1.250,50 €.", "Son mil doscientos cincuenta euros con cincuenta céntimos."),
        ("es", "Pulse 1.", "Pulse uno."),
        ("en-IN", "Press 2.", "Press two."),
        # What is no value, or has no words, stays.
        (
            "en",
            "Version 1.2.3, room 12-14, on 2026-13-45.",
            "Version 1.2.3, room 12-14, on 2026-13-45.",
        ),
        ("fr", "Tapez 1 pour 5%.", "Tapez 1 pour 5%."),
        ("en", "<b>Hello</b>  there", "Hello there"),
    ],
)
def test_values_are_said_as_people_say_them(language: str, text: str, spoken: str) -> None:
    assert spoken_form(text, language) == spoken


@given(
    st.text(alphabet="0123456789 .,:-/%₹$+ABCabc()") | st.text(),
    st.sampled_from(["en", "hi", "es", "xx"]),
)
def test_any_text_is_spoken_and_twice_is_once(text: str, language: str) -> None:
    spoken = spoken_form(text, language)
    assert spoken_form(spoken, language) == spoken
