"""How much sound is decoded at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.recognition.pace import Pace


def test_before_anything_is_known_sound_hardly_waits() -> None:
    assert Pace().portion_ms == 200


def test_a_fast_model_waits_for_as_much_as_it_decodes_in_ten_ms() -> None:
    pace = Pace()
    pace.note(1000, 8.0)
    assert pace.portion_ms == 1250


def test_what_waits_is_counted_by_what_it_takes() -> None:
    pace = Pace()
    assert pace.work_ms(1000) == 50
    pace.note(4000, 20)
    assert pace.work_ms(1000) == 5


def test_a_slow_model_keeps_up_with_the_caller() -> None:
    pace = Pace()
    pace.note(1000, 400.0)
    assert pace.portion_ms == 200


def test_one_hiccup_is_no_slow_model_but_what_lasts_is() -> None:
    pace = Pace()
    for _ in range(20):
        pace.note(1000, 5.0)
    pace.note(1000, 15.0)
    assert pace.portion_ms > 1600
    for _ in range(40):
        pace.note(1000, 100.0)
    assert pace.portion_ms == 200


@given(st.lists(st.tuples(st.floats(0, 60_000), st.floats(0, 60_000))))
def test_a_portion_is_never_nothing_and_never_long(noted: list[tuple[float, float]]) -> None:
    pace = Pace()
    for sound_ms, took_ms in noted:
        pace.note(sound_ms, took_ms)
    assert 200 <= pace.portion_ms <= 2000
