"""What block_changes tells, as its readers see it."""

from __future__ import annotations

from typing import Any

from chain_assets.core.reorgs import replay
from chain_assets.core.schemas import BLOCK_CHANGES, RAW_BLOCKS
from chain_assets_tests.lake_fixtures import Pipeline, read_all


def changes_of(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The changes in the order of their sequence."""
    rows = read_all(pipeline.tables, BLOCK_CHANGES.name).to_pylist()
    return sorted(rows, key=lambda row: row["sequence"])


def assert_replays(pipeline: Pipeline) -> None:
    """They replay to what is canonical, from a sequence without a gap."""
    changes = changes_of(pipeline)
    assert [row["sequence"] for row in changes] == list(range(1, len(changes) + 1))
    canonical = replay(((row["number"], row["hash"]), row["change"]) for row in changes)
    index = read_all(pipeline.tables, RAW_BLOCKS.name).to_pylist()
    assert canonical == {(row["number"], row["hash"]) for row in index if row["canonical"]}
