"""`chain-assets follow`: each new block through all layers, in this process, as it comes."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Annotated, Literal

import typer
from rich.logging import RichHandler

from chain_assets.assembly import read_chain_reference
from chain_assets.chains import Chain
from chain_assets.commands.options import ChainName, LakePath, console, parts_of
from chain_assets.config import load_settings, ws_urls
from chain_assets.core.enrich import ReferenceTables
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.follow_reports import Tell, tell_nobody
from chain_assets.layers.following import Bell, FollowPolicy, follow
from chain_assets.layers.report import LayerReport
from chain_assets.sources.rpc.heads import HeadCalls


def follow_command(
    chain: ChainName,
    lake: LakePath = None,
    engine: Annotated[
        Literal["spark", "local"], typer.Option(help="Who decodes: a block is soonest done here.")
    ] = "local",
    blocks: Annotated[
        int, typer.Option(help="Blocks taken at once where the lake lags behind.", min=1)
    ] = 50,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for another follower to leave.", min=0)
    ] = 0.0,
    report: Annotated[
        bool | None,
        typer.Option(
            "--report/--no-report",
            help="Show it in Dagster; by default where DAGSTER_HOME is set.",
        ),
    ] = None,
) -> None:
    """Follow the head of a chain until stopped (SIGTERM, Ctrl-C): it ends once its block is done.

    It begins with the range of the lowest block that is not final, and goes on where it stood. Each
    block is written as it comes; a line a minute, for each range and layer, says what was done.
    """
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False)],
    )
    settings = load_settings()
    record, parts = parts_of(chain, lake=lake, engine=engine)
    parts = replace(parts, writer=replace(parts.writer, patient=True))
    bell, tell = Bell(), _tell(record, parts.writer.tables, report=report)

    def reference(head: int) -> ReferenceTables:
        return read_chain_reference(settings, record, head=head)

    def show(done: LayerReport) -> None:
        tell(done)
        console.print(
            f"{done.layer} {done.block_range.key}: {done.blocks} blocks, {done.written} written, "
            f"{done.removed} removed, {len(done.held)} held",
            markup=False,
            highlight=False,
        )

    urls = ws_urls(record) if record.source == "rpc" else ()
    heads = HeadCalls(record.name, urls, block_time=record.block_time_seconds, on_head=bell.ring)
    with parts.writer.ops, _stopped_by_signals(bell), heads:
        follow(
            record,
            parts,
            bell,
            pause=heads.pause,
            reference=reference,
            tell=show,
            policy=FollowPolicy(most_blocks=blocks, lease_wait=wait),
        )
    console.print("stopped; the next follower goes on from here")


def _tell(chain: Chain, tables: LakeTables, *, report: bool | None) -> Tell:
    """What tells Dagster, where that is wanted. Dagster takes seconds to import, so only there."""
    if report is False:
        return tell_nobody
    from chain_assets.defs.following_report import DagsterReport, open_instance

    instance = open_instance(needed=report is True)
    return tell_nobody if instance is None else DagsterReport(chain, tables, instance)


@contextmanager
def _stopped_by_signals(bell: Bell) -> Iterator[None]:
    """SIGTERM and Ctrl-C let the follower finish its block, and leave."""

    def stop(number: int, frame: FrameType | None) -> None:
        bell.stop()

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
