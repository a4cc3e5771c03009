"""The clock of tests: time passes when they say so."""

from __future__ import annotations

from dataclasses import dataclass

START = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


@dataclass
class Clock:
    """Unix seconds that stand still."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += seconds
