"""What can be wrong with the tables of a range, and what mends it.

missing    a block that the layer before has and this one has not, nor holds back
doubled    a key that stands twice
orphaned   rows of a block that is not canonical, or of one whose witness row is not there
torn       another number of rows than the block's own row says
stale      rows that an older decoder, verifier, enricher or other ABIs made
unlinked   neighbours of which one is not the parent of the other
lost       a blob that is not there, or not whole
gone       rows whose data file is not there, or not whole: then nothing else is looked at there
untold     block_changes does not replay to raw_blocks
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange
from chain_assets.lake.tables import LakeTables

Kind = Literal[
    "missing", "doubled", "orphaned", "torn", "stale", "unlinked", "lost", "gone", "untold"
]
LayerName = Literal["raw", "decoded", "enriched"]


@dataclass(frozen=True)
class Finding:
    """Blocks of one table of a range that are not as they should be."""

    kind: Kind
    layer: LayerName
    table: str
    block_range: BlockRange
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Scan:
    """What a range is looked at with.

    `top` is the chain's highest canonical block; `held_back` are blocks that are held, by layer:
    they are no gaps.
    """

    chain: Chain
    tables: LakeTables
    registry: Registry
    top: int
    held_back: dict[LayerName, frozenset[int]]
