"""The figures of turn-taking. The rules themselves are small pure functions beside this file:
`endpointing` (when a turn is over), `interrupting` (when the bot falls silent), `rejoining` (when
an end was none).

Gaps between human turns have a mode near 200 ms, pauses within a turn are often longer (Levinson
and Torreira 2015, Frontiers in Psychology 6:731), so silence alone cannot tell an end from a
pause; what has been said can. The figures were chosen on the tuning half of the corpus: see
docs/turn-taking.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """The figures that the rules use, in ms where they are named so."""

    look_ms: float = 100
    """Silence after which the words so far are looked at."""
    stir_ms: float = 60
    """So much later at most, where the line stirs just then: that is mostly the next syllable, and
    a look for nothing has what was said decoded again."""
    endpoint_complete_ms: float = 120
    """Silence that ends a turn whose words are complete (a menu phrase, all the digits)."""
    endpoint_understood_ms: float = 240
    """Silence that ends a turn which the flow can go on with as it is, and such sentences end."""
    endpoint_doubtful_ms: float = 280
    """The same where such sentences more often go on."""
    endpoint_open_ms: float = 500
    """Silence that ends any other turn of free speech."""
    endpoint_unfinished_ms: float = 1400
    """Silence that ends a turn whose last words want another, or too few digits: hardly anybody
    stops there, and whoever does is asked again."""
    endpoint_unheard_ms: float = 600
    """Silence that ends a turn in which no word was made out."""
    ends_from: float = 0.5
    """Likelihood, 0..1, that sentences end with such words, from which they are taken to."""
    doubtful_from: float = 0.25
    """The same, from which they may."""
    goes_on_below: float = 0.1
    """The same, below which they are taken to go on."""
    speech_onset_ms: float = 60
    """Speech that opens the recogniser."""
    hold_ms: float = 80
    """Speech that makes the bot pause, and see who that is."""
    meant_ms: float = 100
    """A voice that words into the bot's have to have, to be meant for it."""
    commit_ms: float = 1200
    """Speech that interrupts the bot whatever it is."""
    release_ms: float = 200
    """Silence after which the bot takes up its words again, where it paused for nothing."""
    rejoin_ms: float = 1800
    """From the end of a turn: speech that begins so soon may go on with it."""
    rejoin_heard_ms: float = 1300
    """Whoever has heard so much of the answer answers that."""
    longest_turn_ms: float = 25_000
    """A turn is ended here whatever the caller does."""
    silence_rungs_ms: tuple[float, ...] = (5_000, 30_000, 60_000)
    """Silence of the caller after which the dialogue is told: rungs 1, 2, 3."""
