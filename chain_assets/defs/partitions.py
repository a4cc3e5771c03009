"""A chain's block ranges as Dagster partitions, and the ranges that a run is about."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, ranges_between
from chain_assets.core.errors import PartitionError
from chain_assets.core.opened_ranges import chain_ranges, ranges_to_open, stray_keys
from chain_assets.defs.names import partitions_name

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# Said of ranges; who does it all the same takes the sentence on.
NO_PARTITION = (
    "are no partitions, and Dagster takes none in front of newer ones: chain-assets catch-up"
)


@cache
def block_ranges(chain: Chain) -> dg.DynamicPartitionsDefinition:
    """The partitions that all layers of the chain share; keys are `BlockRange.key`."""
    return dg.DynamicPartitionsDefinition(name=partitions_name(chain))


def registered_keys(chain: Chain, instance: dg.DagsterInstance) -> list[str]:
    """The keys of the chain's open ranges, in the order in which they were opened."""
    return list(instance.get_dynamic_partitions(partitions_name(chain)))


def open_up_to(chain: Chain, last: int, instance: dg.DagsterInstance) -> None:
    """Open all ranges from the chain's start to that of block `last` that are not open yet.

    All of them, also where only the last is wanted: they are kept in the order of opening.
    """
    ranges = list(ranges_between(chain.start_block, last, chain.ranges))
    opened = chain_ranges(registered_keys(chain, instance), chain.ranges)
    opening = [block_range.key for block_range in ranges_to_open(ranges, opened)]
    if opening:
        instance.add_dynamic_partitions(partitions_name(chain), opening)


def range_tags(ranges: list[BlockRange] | tuple[BlockRange, ...]) -> dict[str, str]:
    """The tags that make one run of all partitions from the first of `ranges` to the last."""
    return {RANGE_START: ranges[0].key, RANGE_END: ranges[-1].key}


def run_ranges(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, chain: Chain
) -> list[BlockRange]:
    """The ranges of `chain` that this run is about, ascending.

    Raises PartitionError unless they go from the first asked for to the last without a hole:
    Dagster slices the order in which partitions were added, and a reversed range, or keys added
    in another order, would be a run over nothing that ends well. And where one is no range of the
    chain, though Dagster lets people add any: its blocks would stand in two ranges.
    """
    operation = context.op_execution_context
    if not operation.has_partition_key and not operation.has_partition_key_range:
        raise PartitionError(
            "the run names no block range", todo="Choose partitions to materialize"
        )
    keys = operation.partition_keys
    for stray in stray_keys(keys, chain.ranges)[:1]:
        raise PartitionError(
            f"the partition {stray!r} is no range of blocks of {chain.name}",
            todo="Delete this partition; the chain's sensor opens those that are",
        )
    ranges = chain_ranges(keys, chain.ranges)
    if operation.has_partition_key:
        return ranges
    asked = operation.partition_key_range
    whole = ranges and (ranges[0].key, ranges[-1].key) == (asked.start, asked.end)
    linked = all(low.stop == high.start for low, high in pairwise(ranges))
    if not (whole and linked):
        raise PartitionError(
            f"asked for {asked.start} to {asked.end}, got {len(ranges)} ranges that are not these",
            todo="Ask for an ascending range of partitions that were opened in ascending order",
        )
    return ranges
