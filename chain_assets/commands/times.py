"""Times of the ops store as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def utc(at: float) -> str:
    """`at` (Unix seconds) as date and time."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def until(at: float, *, now: float) -> str:
    """How long it is from `now` to `at` (Unix seconds): `now`, `in 40 s`, `in 3 min`."""
    seconds = round(at - now)
    if seconds <= 0:
        return "now"
    if seconds < 2 * _MINUTE:
        return f"in {seconds} s"
    if seconds < 2 * _HOUR:
        return f"in {round(seconds / _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"in {round(seconds / _HOUR)} h"
    return f"in {round(seconds / _DAY)} days"
