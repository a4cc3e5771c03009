"""How a Dagster run writes: under whose name, which blocks, and what it leaves alone.

dagster/sensor_name, …     nobody asked for this very run: blocks that failed lately rest
chain_assets/blocks        only these blocks are fetched: `5, 9-12`
chain_assets/refresh       `true`: rows of older versions are made anew
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, parse_spans
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Writer
from chain_assets.ops.store import OpsStore

BLOCKS_TAG = "chain_assets/blocks"
REFRESH_TAG = "chain_assets/refresh"


def run_writer(context: dg.AssetExecutionContext, tables: LakeTables, ops: OpsStore) -> Writer:
    """The writer of this run."""
    tags = context.run.tags
    unattended = SENSOR_NAME_TAG in tags or SCHEDULE_NAME_TAG in tags
    return Writer(
        tables,
        ops,
        run_id=context.run.run_id,
        patient=unattended,
        refreshes=tags.get(REFRESH_TAG) == "true",
    )


def run_numbers(
    context: dg.AssetExecutionContext, block_range: BlockRange, *, first: int, head: int
) -> Sequence[int] | None:
    """The blocks of the range that the run is about, from `first` to `head`; None: up to whatever
    head there is."""
    asked = context.run.tags.get(BLOCKS_TAG)
    spans = parse_spans(asked) if asked else [block_range]
    wanted = [
        number
        for number in block_range.numbers()
        if first <= number <= head and any(number in span for span in spans)
    ]
    return wanted or None


def missing_blocks(
    chain: Chain, ranges: Sequence[BlockRange], tables: LakeTables, *, head: int
) -> int:
    """How many blocks of `ranges`, up to the head, are not stored: what a backfill would fetch."""
    files = tables.live_files(RAW_BLOCKS, chain=chain.name)
    stored = Counter[str]()
    for file in files:
        stored[file["partition.block_range"]] += file["num_records"]
    expected = {
        r.key: max(0, min(r.stop, head + 1) - max(r.start, chain.start_block)) for r in ranges
    }
    return sum(max(0, blocks - stored[key]) for key, blocks in expected.items())
