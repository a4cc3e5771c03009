"""The randomness of one block: a stream that its key alone decides.

Only operations that give the same result everywhere are used: bits, integers and products of
doubles. (Logarithms and powers differ in the last digit from one C library to the next, and one
digit changes every hash above it.)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")

_POWERS: list[int] = [10**exponent for exponent in range(32)]


class Draws:
    """A stream of draws; equal keys give equal streams."""

    def __init__(self, *key: int | str) -> None:
        # A text seed goes through SHA-512, so neighbouring block numbers share nothing.
        self._random = random.Random("/".join(map(str, key)))
        self.fraction = self._random.random
        self.bits = self._random.getrandbits
        self.bytes = self._random.randbytes

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1, for limits below 2^50."""
        return int(self.fraction() * limit)

    def chance(self, probability: float) -> bool:
        """True as often as `probability` says."""
        return self.fraction() < probability

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of `choices`, each as likely."""
        return choices[int(self.fraction() * len(choices))]

    def favourite(self, choices: Sequence[_T]) -> _T:
        """One of `choices`, the first ones far more often: half fall on the first eighth."""
        fraction = self.fraction()
        return choices[int(fraction * fraction * fraction * len(choices))]

    def geometric(self, again: float) -> int:
        """How often in a row `again` comes true: `again` / (1 - `again`) on average."""
        count = 0
        while self.fraction() < again:
            count += 1
        return count

    def around(self, mean: int) -> int:
        """A count about `mean`, from 0 to twice of it, bell-shaped."""
        return int((self.fraction() + self.fraction() + self.fraction()) * mean * 2 / 3 + 0.5)

    def amount(self, decimals: int) -> int:
        """A token amount in its smallest unit: a thousandth to some hundred thousand whole tokens.

        Some are round, as people type them; most have digits down to the last, as swaps give.
        """
        digits = 1 + self.below(999)
        scale = _POWERS[max(0, decimals - 3 + self.below(6))]
        return digits * scale + (self.below(scale) if self.chance(0.7) else 0)
