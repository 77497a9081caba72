"""Values in languages whose number words are data."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.languages.known import known_languages, language
from ivr.languages.spoken_values import digits, money, number
from ivr.nlu.language_values import find_language_values
from ivr.nlu.words import split_words

TODAY = date(2026, 11, 20)


def found(text: str, code: str) -> list[tuple[str, str]]:
    return [
        (entity.kind, entity.value) for entity in find_language_values(text, language(code), TODAY)
    ]


@pytest.mark.parametrize(
    ("code", "text", "values"),
    [
        ("hi", "चार चार सात एक दो तीन", [("digits", "447123")]),
        ("hi", "डबल चार सात", [("digits", "447")]),
        ("hi", "प्रिया को पचास रुपये भेजो", [("amount", "50.00")]),
        ("hi", "दो सौ पचास रुपये और पचास पैसे", [("amount", "250.50")]),
        ("hi", "एक लाख पचास हज़ार", [("digits", "150000"), ("amount", "150000.00")]),
        ("hi", "priya ko pachas rupaye bhej do", [("amount", "50.00")]),
        ("hi", "do sau", [("digits", "200"), ("amount", "200.00")]),
        ("hi", "दो", [("digits", "2"), ("amount", "2.00")]),
        ("hi", "कार्ड ब्लॉक कर दो", []),
        ("hi", "४४७१२३", [("digits", "447123"), ("amount", "447123.00")]),
        ("hi", "तीन नवंबर को", [("date", "2027-11-03")]),
        ("hi", "20 नवंबर", [("date", "2026-11-20")]),
        ("hi", "जी हाँ", [("yes_no", "yes")]),
        ("hi", "नहीं साठ रुपये", [("yes_no", "no"), ("amount", "60.00")]),
        ("es", "cuatro cuatro siete uno dos tres", [("digits", "447123")]),
        ("es", "doscientas cincuenta rupias", [("amount", "250.00")]),
        ("es", "mil doscientos euros con cincuenta céntimos", [("amount", "1200.50")]),
        ("es", "1.250,50 euros", [("amount", "1250.50")]),
        ("es", "treinta y uno", [("digits", "31"), ("amount", "31.00")]),
        ("es", "quiero bloquear una tarjeta", []),
        ("es", "una rupia", [("amount", "1.00")]),
        ("es", "el 3 de diciembre", [("date", "2026-12-03")]),
        ("es", "0471", [("digits", "0471"), ("amount", "471.00")]),
        ("es", "sí claro", [("yes_no", "yes")]),
        ("xx", "one two three", []),
    ],
)
def test_values(code: str, text: str, values: list[tuple[str, str]]) -> None:
    assert found(text, code) == values


@given(st.integers(1, 10**7), st.sampled_from(["hi", "es"]))
def test_what_we_say_we_understand(value: int, code: str) -> None:
    told = found(number(value, code), code)
    assert ("digits", str(value)) in told or ("digits", str(value)) in found(
        f"{number(value, code)} ", code
    )


@given(st.from_regex(r"[0-9]{2,8}", fullmatch=True), st.sampled_from(["hi", "es"]))
def test_digits_said_one_by_one_are_those_digits(value: str, code: str) -> None:
    assert found(digits(value, code).replace(",", ""), code)[0] == ("digits", value)


@given(st.integers(1, 10**6), st.sampled_from(["hi", "es"]))
def test_sums_we_say_we_understand(value: int, code: str) -> None:
    assert ("amount", f"{value}.00") in found(money(str(value), "INR", code), code)


@given(st.text(max_size=200), st.sampled_from(sorted(known_languages())))
def test_any_text_is_read(text: str, code: str) -> None:
    for entity in find_language_values(text, language(code), TODAY):
        assert text[entity.start : entity.end] == entity.text


def test_words_keep_their_vowel_signs() -> None:
    assert [word.text for word in split_words("मेरा बैलेंस, हाँ!")] == [
        "मेरा",
        "बैलेंस",
        ",",
        "हाँ",
        "!",
    ]
