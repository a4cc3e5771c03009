"""A run with the tag `chain_assets/refresh: true`: what of it waits for a person's approval.

    decoded    open ranges: anew      closed ones: anew, if they are approved; else as they are
    enriched   the same, and at its end a look at what is old in either layer: nothing, then the
               approval is used up; else the run fails, and says what it needs

It is the question of `chain-assets refresh --blocks A-B`, asked once for both layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ApprovalNeeded, OpsError
from chain_assets.defs.assets.layer import DECODED_LAYER, ENRICHED_LAYER, Layer
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

    At the end of the run's last step, when all else is done: raises ApprovalNeeded where old rows
    wait for an approval, OpsError where they are left though it is there.
    """
    if not writer.refreshes:
        yield lambda block_range: writer
        return
    question = _Question(context, chain, ranges, writer, registry)
    closed = question.closed()
    try:
        may = question.ask(closed)
    except ApprovalNeeded:
        may = Refresh((), later=closed)
    careful = replace(writer, refreshes=False)
    yield lambda block_range: careful if block_range in may.later else writer
    if may.later:
        keys = ", ".join(block_range.key for block_range in may.later)
        context.log.warning(f"old rows of closed ranges are left: {keys}")
    if layer is ENRICHED_LAYER or not _is_in_run(context, chain, ENRICHED_LAYER):
        question.settle()


@dataclass(frozen=True)
class _Question:
    """What is old of the layers that the run makes, whichever of its steps asks."""

    context: dg.AssetExecutionContext
    chain: Chain
    ranges: Sequence[BlockRange]
    writer: Writer
    registry: Registry

    def closed(self) -> tuple[BlockRange, ...]:
        """The closed ranges with old rows."""
        made = [
            layer.tables[-1].layer
            for layer in (DECODED_LAYER, ENRICHED_LAYER)
            if _is_in_run(self.context, self.chain, layer)
        ]
        stale = stale_blocks(
            self.chain, self.ranges, self.writer.tables, self.registry, layers=made
        )
        return closed_ranges(self.chain, list(stale), self.writer.ops)

    def ask(self, closed: Sequence[BlockRange]) -> Refresh:
        """Which of `closed` may be made anew now. Raises ApprovalNeeded."""
        return may_refresh(
            self.chain,
            closed,
            asked=f"blocks {self.ranges[0].start}-{self.ranges[-1].stop - 1}",
            version=present_version(self.chain, self.registry),
            ops=self.writer.ops,
        )

    def settle(self) -> None:
        """Use the approval up, if all that it is for is done. Raises ApprovalNeeded, OpsError."""
        may = self.ask(self.closed())
        if not may.ranges:
            use_up(may.approval, self.writer.ops)
            return
        again = "Materialize the same ranges again, with the same tag"
        if not _is_in_run(self.context, self.chain, DECODED_LAYER):
            again += f", with {DECODED_LAYER.asset} among its assets: only that makes them anew"
        keys = ", ".join(block_range.key for block_range in may.ranges)
        raise OpsError(
            f"old rows of {keys} were left; that they may be made anew is approved by now, and "
            "stays so",
            chain=self.chain.name,
            todo=again,
        )


def _is_in_run(context: dg.AssetExecutionContext, chain: Chain, layer: Layer) -> bool:
    # Not the run's asset_selection: that is empty where nothing of the job was left out.
    return asset_key(chain, layer.asset) in context.job_def.asset_layer.selected_asset_keys
