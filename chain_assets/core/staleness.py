"""How far a layer is behind the head of its chain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tip:
    """A newest block: its number, and its timestamp in Unix seconds."""

    number: int
    timestamp: float


@dataclass(frozen=True)
class Lag:
    """Blocks, and seconds of chain time, between a layer's newest block and the head."""

    blocks: int
    seconds: float


def lag_of(held: Tip, *, head: Tip) -> Lag:
    """The lag of a layer whose newest block is `held`.

    Never negative: after a reorg to a shorter chain the layer holds blocks above the head for a
    while, and is not ahead for it. The seconds are those between the two blocks' timestamps, so a
    chain that stands still makes no layer late: that is what freshness windows are for.
    """
    return Lag(
        blocks=max(0, head.number - held.number),
        seconds=max(0.0, head.timestamp - held.timestamp),
    )
