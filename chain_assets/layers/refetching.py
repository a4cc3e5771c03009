"""Decoding where a blob may prove damaged or lost: its block is fetched anew, and it goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import BlobCorrupt
from chain_assets.layers.pipeline import Parts, write_decoded, write_enriched, write_raw
from chain_assets.layers.report import LayerReport


def decode_or_refetch(
    chain: Chain, block_range: BlockRange, parts: Parts, *, repair: Collection[int] = ()
) -> Iterator[LayerReport]:
    """The decoded tables of the range: a report of each block fetched anew, then that of the layer.

    A damaged blob is out of the way by now. Each block is fetched once, lest a disk that damages
    whatever is written is written to for ever. Raises BlobCorrupt, and what both layers raise.
    """
    fetched_again: set[int] = set()
    while True:
        try:
            yield write_decoded(
                chain, block_range, parts.engine, parts.registry, parts.writer, repair=repair
            )
            return
        except BlobCorrupt as error:
            if error.block is None or error.block in fetched_again:
                raise
            fetched_again.add(error.block)
            numbers = [error.block]
        yield write_raw(chain, block_range, parts.source, parts.writer, numbers=numbers)


def layers_above(chain: Chain, block_range: BlockRange, parts: Parts) -> Iterator[LayerReport]:
    """What follows raw_blocks of the range: reports as of `decode_or_refetch`, then that of the
    enriched tables. Raises what the layers raise."""
    yield from decode_or_refetch(chain, block_range, parts)
    yield write_enriched(chain, block_range, parts.engine, parts.writer)
