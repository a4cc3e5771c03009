"""How many of what, as a person says it."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 block`, `2,000 blocks`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
