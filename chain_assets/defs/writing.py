"""How a Dagster run writes: under whose name, which blocks, and what it leaves alone.

dagster/sensor_name, …     nobody asked for this very run: blocks that failed lately rest
chain_assets/blocks        only these blocks are fetched: `5, 9-12`
chain_assets/refresh       `true`: rows of older versions are made anew (refresh_run.py)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from chain_assets.assembly import provider_names
from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, parse_spans
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Writer
from chain_assets.ops.store import OpsStore

BLOCKS_TAG = "chain_assets/blocks"
REFRESH_TAG = "chain_assets/refresh"


def run_writer(
    context: dg.AssetExecutionContext, chain: Chain, tables: LakeTables, ops: OpsStore
) -> Writer:
    """The writer of this run."""
    tags = context.run.tags
    unattended = SENSOR_NAME_TAG in tags or SCHEDULE_NAME_TAG in tags
    return Writer(
        tables,
        ops,
        run_id=context.run.run_id,
        patient=unattended,
        refreshes=is_refresh(tags),
        providers=provider_names(chain),
    )


def is_refresh(tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags makes rows of older versions anew."""
    return tags.get(REFRESH_TAG) == "true"


def run_numbers(
    context: dg.AssetExecutionContext, block_range: BlockRange, *, first: int, head: int
) -> Sequence[int] | None:
    """The blocks of the range that the run is about, from `first` to `head`; None: up to whatever
    head there is.

    A run of some blocks is about none of a range that has none of them: None would fetch all.
    """
    numbers = block_range.between(first, head)
    asked = context.run.tags.get(BLOCKS_TAG)
    if not asked:
        return numbers or None
    spans = parse_spans(asked)
    return [number for number in numbers if any(number in span for span in spans)]


def existing_spans(chain: Chain, ranges: Sequence[BlockRange], *, head: int) -> list[BlockRange]:
    """What of `ranges` the chain has by now, from its start block on."""
    numbers = [block_range.between(chain.start_block, head) for block_range in ranges]
    return [BlockRange(own.start, own.stop) for own in numbers if own]
