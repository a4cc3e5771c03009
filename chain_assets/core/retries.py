"""When a block that failed is tried again, and when nobody tries any more.

    attempts made   1      2      3      …   6       7 and more      12
    wait            30 s   60 s   120 s  …   960 s   about 1,500 s   dead letter

Each wait is drawn from ±20 % around these: a node that comes back is not asked for all of its
failed blocks in the same second. No wait is longer than 30 minutes. Clock and randomness belong to
the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

# 2^this is far beyond any cap; without a bound the power itself would overflow a float.
_LARGEST_EXPONENT = 64


@dataclass(frozen=True)
class RetryPolicy:
    """Waits in seconds. `spread` is the part of a wait by which it is drawn longer or shorter.

    After `most_attempts` failures a block is a dead letter: only a person, or what it misses,
    has it tried again.
    """

    first_wait: float = 30.0
    longest_wait: float = 1800.0
    spread: float = 0.2
    most_attempts: int = 12

    def __post_init__(self) -> None:
        if not 0 < self.first_wait <= self.longest_wait:
            raise ValueError(f"first_wait {self.first_wait} is not in (0, longest_wait]")
        if not 0 <= self.spread < 1:
            raise ValueError(f"spread {self.spread} is not in [0, 1)")
        if self.most_attempts < 1:
            raise ValueError(f"most_attempts {self.most_attempts} is not at least 1")


DEFAULT_POLICY = RetryPolicy()


def wait_after(attempts: int, *, draw: float, policy: RetryPolicy = DEFAULT_POLICY) -> float:
    """Seconds from the failure of attempt `attempts` (1 is the first) to the next try.

    `draw` is a random number of [0, 1). Raises ValueError for an attempt or a draw that is none.
    """
    if attempts < 1:
        raise ValueError(f"not a number of attempts: {attempts}")
    if not 0 <= draw < 1:
        raise ValueError(f"not a draw from [0, 1): {draw}")
    # Capped below the longest wait by the spread, not cut off after the draw: half of the blocks
    # that wait longest would otherwise all wait exactly as long, and come back together.
    middle_limit = policy.longest_wait / (1 + policy.spread)
    middle = min(policy.first_wait * 2.0 ** min(attempts - 1, _LARGEST_EXPONENT), middle_limit)
    return middle * (1 + policy.spread * (2 * draw - 1))


def is_dead(attempts: int, *, policy: RetryPolicy = DEFAULT_POLICY) -> bool:
    """Whether so many failures are enough."""
    return attempts >= policy.most_attempts
