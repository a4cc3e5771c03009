"""The three layers for some blocks of a chain: what `chain-assets run` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange, ranges_between
from chain_assets.engine.protocol import Engine
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.enriched import materialize_enriched
from chain_assets.layers.raw import materialize_raw
from chain_assets.layers.report import LayerReport, Progress
from chain_assets.sources.protocol import BlockSource

LAYERS = ("raw", "decoded", "enriched")


@dataclass(frozen=True)
class Parts:
    """What the layers work with."""

    source: BlockSource
    tables: LakeTables
    engine: Engine
    registry: Registry


def split_by_range(
    chain: Chain, spans: Sequence[BlockRange]
) -> Iterator[tuple[BlockRange, list[int]]]:
    """The chain's ranges that hold blocks of `spans`, ascending, each with its blocks."""
    wanted: dict[BlockRange, list[int]] = {}
    for span in spans:
        for block_range in ranges_between(span.start, span.stop - 1, chain.ranges):
            shared = block_range.intersection(span)
            if shared is not None:
                wanted.setdefault(block_range, []).extend(shared.numbers())
    yield from sorted(wanted.items())


def run_blocks(
    chain: Chain,
    spans: Sequence[BlockRange],
    parts: Parts,
    *,
    progress: Callable[[str], Progress],
) -> list[LayerReport]:
    """Materialize all layers for the blocks of `spans`; reports come layer by layer.

    Each layer goes over all ranges before the next begins. `progress(layer)` gives what to call
    with the number of blocks done. Raises the errors of the layers.
    """
    ranges = list(split_by_range(chain, spans))
    reports = [
        materialize_raw(
            chain,
            block_range,
            source=parts.source,
            tables=parts.tables,
            numbers=numbers,
            progress=progress("raw"),
        )
        for block_range, numbers in ranges
    ]
    reports += [
        materialize_decoded(
            chain,
            block_range,
            tables=parts.tables,
            engine=parts.engine,
            registry=parts.registry,
            progress=progress("decoded"),
        )
        for block_range, _ in ranges
    ]
    reports += [
        materialize_enriched(
            chain,
            block_range,
            tables=parts.tables,
            engine=parts.engine,
            progress=progress("enriched"),
        )
        for block_range, _ in ranges
    ]
    return reports
