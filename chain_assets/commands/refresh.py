"""`chain-assets refresh`: rows of older decoders, enrichers, ABIs or references are made anew."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from chain_assets.chains import Chain
from chain_assets.commands.options import (
    LEFT,
    AnyBlocks,
    ChainName,
    EngineName,
    LakePath,
    console,
    parts_of_filled,
    ranges_of_text,
    reference_of,
)
from chain_assets.core.block_range import BlockRange
from chain_assets.core.counted import counted
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.layers import refreshing
from chain_assets.layers.forks import stored_ranges
from chain_assets.layers.permission import closed_ranges, permitted_refresh
from chain_assets.layers.pipeline import Parts, write_reference


def refresh(
    chain: ChainName,
    blocks: AnyBlocks = None,
    lake: LakePath = None,
    engine: EngineName = None,
) -> None:
    """Make rows of an older decoder, enricher, ABI or reference anew.

    Range by range, and resumable; a range where something is wrong is left, and the others go on.
    Where that would rewrite ranges that are final, a person has to approve it first. Exit code 3:
    more is stale than was approved.
    """
    record, parts = parts_of_filled(chain, lake=lake, engine=engine)
    with parts.writer.ops as ops:
        tables = parts.writer.tables
        asked = ranges_of_text(record, blocks, tables) or stored_ranges(record, tables)
        write_reference(record, _reference(record, parts), parts.writer)
        stale = refreshing.stale_blocks(record, asked, parts.writer.tables, parts.registry)
        if not stale:
            console.print("every row is of the present version")
            return
        closed = closed_ranges(record, list(stale), ops)
        console.print(
            f"stale: {counted(sum(map(len, stale.values())), 'block')} in "
            f"{counted(len(stale), 'range')}, "
            f"{len(closed):,} of them closed"
        )
        failed = _refresh(record, [r for r in stale if r not in closed], parts)
        permission = permitted_refresh(
            record,
            closed,
            asked=f"blocks {blocks}" if blocks else "all blocks",
            version=refreshing.present_version(record, parts.registry),
            ops=ops,
        )
        with permission as permitted:
            # One that is approved and was left is not used up: the next call goes on.
            _raise(_refresh(record, permitted.ranges, parts))
        _raise(failed)
    if permitted.later:
        console.print(
            f"{len(permitted.later):,} closed ranges came on top of those that were approved: "
            "run it again to ask for them"
        )
        raise typer.Exit(LEFT)


def _reference(chain: Chain, parts: Parts) -> ReferenceTables:
    files = parts.writer.tables.live_files(RAW_BLOCKS, chain=chain.name)
    return reference_of(chain, head=max(file["max.number"] for file in files))


def _refresh(chain: Chain, ranges: Sequence[BlockRange], parts: Parts) -> list[ChainAssetsError]:
    """Refresh them; what went wrong in some of them."""
    failed = []
    for done in refreshing.refresh(chain, ranges, parts):
        held = f", {done.held:,} held" if done.held else ""
        console.print(
            f"{done.block_range.key}: {counted(done.decoded, 'block')} decoded, "
            f"{done.enriched:,} enriched{held}"
        )
        if done.error is not None:
            failed.append(done.error)
            console.print(f"  left: {done.error}", markup=False, highlight=False, soft_wrap=True)
    return failed


def _raise(failed: Sequence[ChainAssetsError]) -> None:
    if failed:
        raise failed[0]
