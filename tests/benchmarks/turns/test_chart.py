"""The chart of strategies."""

from __future__ import annotations

import re
from dataclasses import fields
from xml.etree import ElementTree as ET

from ivr.benchmarks.turns.chart import Point, chart
from ivr.benchmarks.turns.strategies import STRATEGIES
from ivr.conversation.rules import TurnRules

POINTS = [
    Point("silence", "200 ms", 240, 0.3, 0.25, 0.36),
    Point("silence", "700 ms", 740, 0.05, 0.03, 0.09),
    Point("words <&>", "by words", 200, 0.02, 0.01, 0.05),
]


def test_it_is_a_drawing_with_a_place_for_each_strategy() -> None:
    root = ET.fromstring(chart(POINTS, "A & B"))
    circles = root.findall("{http://www.w3.org/2000/svg}circle")
    places = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in circles]
    assert len(places) == 3
    # Sooner is further left, more cut-offs higher up.
    assert places[0][0] < places[1][0]
    assert places[0][1] < places[1][1] < places[2][1]
    assert all(0 < x < 760 and 0 < y < 460 for x, y in places)
    assert "words &lt;&amp;&gt;" in chart(POINTS, "") or re.search("by words", chart(POINTS, ""))


def test_strategies_differ_in_rules_that_there_are() -> None:
    known = {field.name for field in fields(TurnRules)}
    for members in STRATEGIES.values():
        for figures in members.values():
            assert set(figures) <= known
            TurnRules(**figures)  # type: ignore[arg-type]
