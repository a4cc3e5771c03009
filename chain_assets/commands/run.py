"""`chain-assets run`: blocks of a chain through all three layers."""

from __future__ import annotations

import time

import typer

from chain_assets import report_tables
from chain_assets.commands.options import (
    LEFT,
    Blocks,
    ChainName,
    EngineName,
    LakePath,
    Recorded,
    console,
    parts_of,
    reference_of,
    spans_of_text,
)
from chain_assets.layers.catching_up import clear_above
from chain_assets.layers.permission import permitted_backfill
from chain_assets.layers.pipeline import LAYERS, run_blocks, write_reference
from chain_assets.layers.standing import to_be_done


def run(
    chain: ChainName,
    blocks: Blocks,
    recorded: Recorded = None,
    lake: LakePath = None,
    engine: EngineName = None,
) -> None:
    """Materialize all three layers for some blocks, and show what was done.

    Held blocks among them are tried now. Rows that are there are left as they are: an older
    version's are made anew by `refresh`. Exit code 3: done, but for blocks that are held.
    """
    spans = spans_of_text(blocks)
    record, parts = parts_of(chain, lake=lake, recorded=recorded, engine=engine)
    reference = reference_of(record, head=spans[-1].stop - 1)
    started = time.monotonic()
    with parts.writer.ops as ops:
        to_do = to_be_done(record, spans, parts.writer.tables)
        with permitted_backfill(record, spans, ops, blocks=to_do):
            write_reference(record, reference, parts.writer)
            total = sum(len(span) for span in spans)
            with report_tables.progress_bars(console, LAYERS, total) as progress:
                reports = run_blocks(record, spans, parts, progress=progress)
            clear_above(record, parts)
    console.print(report_tables.run_table(reports, seconds=time.monotonic() - started))
    unknown = report_tables.unknown_fields(reports)
    if unknown:
        console.print(unknown)
    held = report_tables.held_blocks(reports)
    if held:
        console.print(held)
        raise typer.Exit(LEFT)
