from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.synthesis.pieces import SHORTEST, Cutter, Piece, fixed_parts

FIXED = ["The balance of your account is", "Your account number is"]


def cut(sentence: str, *, clauses: bool = True) -> list[str]:
    return [piece.text for piece in Cutter(FIXED).cut(sentence, clauses=clauses)]


def test_fixed_parts_are_cut_out_and_the_rest_by_clause() -> None:
    assert cut("The balance of your account is one thousand rupees.") == [
        "The balance of your account is",
        "one thousand rupees.",
    ]
    assert cut("Good morning to you, and welcome, to us; what can I do?") == [
        "Good morning to you,",
        "and welcome, to us;",
        "what can I do?",
    ]
    assert cut("Good morning to you, and welcome.", clauses=False) == [
        "Good morning to you, and welcome."
    ]


def test_a_fixed_part_is_whole_words() -> None:
    assert cut("The balance of your account isolated.") == ["The balance of your account isolated."]
    assert cut("Sorry. Your account number is five.") == [
        "Sorry.",
        "Your account number is",
        "five.",
    ]


def test_a_mark_alone_is_no_piece() -> None:
    assert cut("The balance of your account is.") == ["The balance of your account is."]
    assert cut("…") == ["…"]


def test_what_goes_on_does_not_sound_like_an_end() -> None:
    assert Piece("The balance of your account is").spoken == "The balance of your account is,"
    assert Piece("one rupee.").spoken == "one rupee."
    assert Piece("नमस्ते।").spoken == "नमस्ते।"


def test_what_of_a_template_is_worth_keeping() -> None:
    literals = ("Hello ", ". The balance of your account is\n  ", " rupees. Anything else, please?")
    assert fixed_parts(literals) == ["The balance of your account is", "Anything else, please?"]


@given(st.text(alphabet="ab ,.;:—।", max_size=80), st.booleans())
def test_pieces_are_the_sentence_again(text: str, clauses: bool) -> None:
    sentence = " ".join(text.split())
    pieces = Cutter(["ab a", "b ba b"]).cut(sentence, clauses=clauses)
    together = "".join(piece.text for piece in pieces)
    assert together.replace(" ", "") == sentence.replace(" ", "")
    if len(pieces) > 1 and not any(piece.fixed for piece in pieces):
        assert all(len(piece.text) >= SHORTEST for piece in pieces[:-1])
