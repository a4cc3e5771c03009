"""Times as a person reads them."""

from __future__ import annotations

import pytest

from chain_assets.commands.times import until, utc


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "now"),
        (0.2, "now"),
        (1, "in 1 s"),
        (119, "in 119 s"),
        (120, "in 2 min"),
        (1_795, "in 30 min"),
        (7_199, "in 120 min"),
        (7_200, "in 2 h"),
        (172_799, "in 48 h"),
        (604_799, "in 7 days"),
    ],
)
def test_what_lies_ahead_is_told_in_the_unit_that_suits(seconds: float, text: str) -> None:
    assert until(1_000_000 + seconds, now=1_000_000) == text


def test_a_time_is_utc() -> None:
    assert utc(0.0) == "1970-01-01 00:00:00 UTC"
