"""`chain-assets gaps`: what the tables lack, hold twice, or hold of another fork or version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from chain_assets import report_tables
from chain_assets.assembly import open_lake
from chain_assets.chains import Chain
from chain_assets.commands.options import (
    LEFT,
    AnyBlocks,
    ChainName,
    EngineName,
    LakePath,
    Recorded,
    console,
    parts_of_filled,
    ranges_of_text,
)
from chain_assets.config import load_settings
from chain_assets.core.block_range import BlockRange
from chain_assets.core.counted import counted
from chain_assets.core.schemas import RAW_BLOCKS, TABLES
from chain_assets.lake.checkpoints import set_aside_torn
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.findings import Finding
from chain_assets.layers.mending import find_gaps, mend
from chain_assets.layers.permission import closed_ranges, permitted_backfill, permitted_refresh
from chain_assets.layers.pipeline import Parts
from chain_assets.layers.refreshing import present_version
from chain_assets.layers.report import LayerReport
from chain_assets.ops.audit import spans_text

_SPANS_SHOWN = 4


def gaps(
    chain: ChainName,
    blocks: AnyBlocks = None,
    apply: Annotated[bool, typer.Option("--apply", help="Make those blocks anew.")] = False,
    lake: LakePath = None,
    recorded: Recorded = None,
    engine: EngineName = None,
) -> None:
    """Find missing, doubled, orphaned and stale rows; mend them with --apply.

    Prints the fewest partitions in which something has to be made anew; of those just the blocks
    that are wrong are. Blocks that are held are no gaps. Exit code 3: something is left to mend.
    """
    if apply:
        _set_torn_aside(open_lake(load_settings(), lake))
    record, parts = parts_of_filled(chain, lake=lake, recorded=recorded, engine=engine)
    with parts.writer.ops:
        found = find_gaps(record, parts, ranges_of_text(record, blocks, parts.writer.tables))
        _print(found)
        if found and apply:
            asked = f"blocks {blocks}" if blocks else "all blocks"
            _apply(record, found, parts, asked=asked)
            console.print("what is left:")
            found = find_gaps(record, parts, _ranges(found))
            _print(found)
    raise typer.Exit(LEFT if found else 0)


def _set_torn_aside(tables: LakeTables) -> None:
    """No table is read beyond a commit that is cut off; without it what it told is found to be
    missing."""
    for name in TABLES:
        for commit in set_aside_torn(tables.store, name):
            console.print(f"{name}: the commit {commit} was cut off, and is set aside")


def _apply(chain: Chain, found: Sequence[Finding], parts: Parts, *, asked: str) -> None:
    """Mend what needs no approval, then what has one."""
    ops = parts.writer.ops
    closed = closed_ranges(chain, _ranges([f for f in found if f.kind == "stale"]), ops)
    old = [f for f in found if f.kind == "stale" and f.block_range in closed]
    wrong = [f for f in found if f not in old]
    if wrong:
        absent = sum(
            len(f.numbers)
            for f in wrong
            if f.table == RAW_BLOCKS.name and f.kind in ("missing", "gone")
        )
        with permitted_backfill(chain, _ranges(wrong), ops, blocks=absent):
            _show(mend(chain, wrong, parts))
    version = present_version(chain, parts.registry)
    with permitted_refresh(chain, closed, asked=asked, version=version, ops=ops) as permitted:
        permitted_now = [f for f in old if f.block_range in permitted.ranges]
        if permitted_now:
            _show(mend(chain, permitted_now, parts))


def _ranges(found: Sequence[Finding]) -> list[BlockRange]:
    return sorted({finding.block_range for finding in found})


def _show(reports: Sequence[LayerReport]) -> None:
    for report in reports:
        if report.written or report.removed:
            count = counted(report.written, "block")
            console.print(f"{report.block_range.key} {report.layer}: {count}")
    held = report_tables.held_blocks(reports)
    if held:
        console.print(held)


def _print(found: Sequence[Finding]) -> None:
    if not found:
        console.print("nothing is missing, doubled, orphaned, torn or stale")
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("what", no_wrap=True)
    table.add_column("table", no_wrap=True)
    table.add_column("partition", no_wrap=True)
    table.add_column("blocks", overflow="fold")
    for finding in found:
        table.add_row(
            finding.kind, finding.table, finding.block_range.key, _blocks(finding.numbers)
        )
    console.print(table)
    console.print("partitions: " + ", ".join(r.key for r in _ranges(found)))


def _blocks(numbers: Sequence[int]) -> str:
    spans = spans_text(numbers).split(", ")
    if len(spans) <= _SPANS_SHOWN:
        return ", ".join(spans)
    return f"{', '.join(spans[:_SPANS_SHOWN])}, … ({len(numbers):,} blocks)"
