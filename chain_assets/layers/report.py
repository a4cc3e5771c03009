"""What a layer did to one range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from chain_assets.core.block_range import BlockRange
from chain_assets.lake.tables import Commit

# Called with the number of blocks done since the last call.
Progress = Callable[[int], None]


def no_progress(blocks: int) -> None:
    """For callers that show none."""


@dataclass(frozen=True)
class HeldBlock:
    """A block that its layer holds back, and why; it keeps no other block from going on.

    `hash` is None for a block that could not be fetched. `missing` names what would heal it:
    `provider` (another one, or the same later), `price:native`, `token:0x…`.
    """

    number: int
    hash: bytes | None
    reason: str
    stage: Literal["fetch", "prove", "decode", "enrich"]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerReport:
    """`present` are the blocks that the range now holds; `written` and `removed` how many this run
    changed.

    `held` are all blocks of the range that are held back, by this run or by one before it, and
    `failed` those of them that this run has tried.
    `data_version` is a digest of what the layer now holds for the range: equal contents, equal
    version. `bytes_read` are compressed bytes of the layer before, or the size of the JSON.
    """

    layer: str
    chain: str
    block_range: BlockRange
    present: frozenset[int]
    written: int
    removed: int
    commits: tuple[Commit, ...]
    bytes_read: int
    seconds: float
    data_version: str
    unknown_fields: Counter[str] = field(default_factory=Counter)
    held: tuple[HeldBlock, ...] = ()
    failed: tuple[HeldBlock, ...] = ()

    @property
    def blocks(self) -> int:
        """How many blocks the range now holds."""
        return len(self.present)

    @property
    def changed(self) -> bool:
        """Whether any table got a new version."""
        return any(commit.changed for commit in self.commits)

    @property
    def rows_added(self) -> int:
        """Rows added, over all tables of the layer."""
        return sum(commit.rows_added for commit in self.commits)

    @property
    def bytes_added(self) -> int:
        """Bytes of the Parquet files added."""
        return sum(commit.bytes_added for commit in self.commits)
