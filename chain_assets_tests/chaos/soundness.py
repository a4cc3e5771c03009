"""What holds of a lake in the middle of a storm, and what the scanner finds in it."""

from __future__ import annotations

from collections.abc import Sequence

from chain_assets.core.block_range import BlockRange
from chain_assets.core.reorgs import replay
from chain_assets.core.schemas import BLOCK_CHANGES, REORGS
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.findings import Finding
from chain_assets.layers.mending import find_gaps
from chain_assets.layers.pipeline import Parts, Writer
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.chaos.world import World
from chain_assets_tests.lake_fixtures import assert_no_duplicates, read_all, registry


def assert_tables_are_sound(tables: LakeTables) -> None:
    """At any moment: no key twice, and a dense sequence of changes that can be applied."""
    assert_no_duplicates(tables)
    replayed(tables)
    reorgs = read_all(tables, REORGS.name)["reorg_id"].to_pylist()
    assert len(reorgs) == len(set(reorgs)), "a reorg is told twice"


def replayed(tables: LakeTables) -> set[tuple[int, bytes]]:
    """What a reader holds that has applied all of block_changes."""
    rows = sorted(read_all(tables, BLOCK_CHANGES.name).to_pylist(), key=lambda r: r["sequence"])
    sequence = [row["sequence"] for row in rows]
    assert sequence == list(range(1, len(rows) + 1)), f"not dense: {sequence}"
    return replay(((row["number"], row["hash"]), row["change"]) for row in rows)


def gaps(world: World, ranges: Sequence[BlockRange] | None = None) -> list[Finding]:
    """What the scanner finds in `ranges`, by default in all."""
    with world.ops() as ops:
        writer = Writer(LakeTables(world.lake), ops, "scanner")
        parts = Parts(DevnetSource(world.net), writer, LocalEngine(1), registry())
        return find_gaps(world.chain, parts, ranges)


def assert_of_one_side(world: World, ranges: Sequence[BlockRange]) -> None:
    """After a run that has come through: no row of `ranges` is of a block that is not canonical,
    and each block has as many rows as it says."""
    kinds = ("orphaned", "doubled", "torn", "untold")
    wrong = [finding for finding in gaps(world, ranges) if finding.kind in kinds]
    assert not wrong, wrong
