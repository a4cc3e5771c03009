"""A run with the tag `chain_assets/refresh: true`: what of it waits for a person's approval.

    decoded    open ranges: anew      closed ones: anew, if they are approved; else as they are
    enriched   the same, and at its end the approval is used up; or the run fails, and says which
               one it needs

It is the question of `chain-assets refresh --blocks A-B`, asked once for both layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ApprovalNeeded
from chain_assets.defs.assets.layer import ENRICHED_LAYER, Layer
from chain_assets.defs.names import asset_key
from chain_assets.layers.permission import Refresh, closed_ranges, may_refresh, use_up
from chain_assets.layers.pipeline import Writer
from chain_assets.layers.refreshing import present_version, stale_blocks

WriterOf = Callable[[BlockRange], Writer]


@contextmanager
def range_writers(
    context: dg.AssetExecutionContext,
    chain: Chain,
    layer: Layer,
    ranges: Sequence[BlockRange],
    writer: Writer,
    registry: Registry,
) -> Iterator[WriterOf]:
    """Who writes each range of this step: `writer`, but old rows of closed ranges stay where
    nobody has approved of making them anew.

    Raises ApprovalNeeded at the end of the run's last step, when all else is done.
    """
    if not writer.refreshes:
        yield lambda block_range: writer
        return
    last = layer is ENRICHED_LAYER or not _is_in_run(context, chain, ENRICHED_LAYER)
    layers = [layer.tables[-1].layer, *([] if last else [ENRICHED_LAYER.tables[-1].layer])]
    stale = stale_blocks(chain, ranges, writer.tables, registry, layers=layers)
    closed = closed_ranges(chain, list(stale), writer.ops)
    refused: ApprovalNeeded | None = None
    try:
        may = may_refresh(
            chain,
            closed,
            asked=f"blocks {ranges[0].start}-{ranges[-1].stop - 1}",
            version=present_version(chain, registry),
            ops=writer.ops,
        )
    except ApprovalNeeded as needed:
        refused, may = needed, Refresh((), later=closed)
    careful = replace(writer, refreshes=False)
    yield lambda block_range: careful if block_range in may.later else writer
    if may.later:
        keys = ", ".join(block_range.key for block_range in may.later)
        context.log.warning(f"old rows of closed ranges are left: {keys}")
    if last and refused is not None:
        raise refused
    if last:
        use_up(may.approval, writer.ops)


def _is_in_run(context: dg.AssetExecutionContext, chain: Chain, layer: Layer) -> bool:
    # Not the run's asset_selection: that is empty where nothing of the job was left out.
    return asset_key(chain, layer.asset) in context.job_def.asset_layer.selected_asset_keys
