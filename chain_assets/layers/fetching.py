"""Blocks from a source, one by one, where some of them cannot be had.

A block that the source does not give is held, and the others go on. Only where the source itself
gives nothing any more does the run fail: a node that is down is no property of its blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chain_assets.core.errors import RateLimited, SourceError, SourceUnavailable
from chain_assets.layers.report import HeldBlock
from chain_assets.sources.protocol import BlockSource, RawBlock

# So many blocks in a row that cannot be reached: it is the node, and asking on only burdens it.
_MOST_UNREACHABLE = 3


def fetch_blocks(source: BlockSource, numbers: Sequence[int]) -> Iterator[RawBlock | HeldBlock]:
    """Each block of `numbers`, in order, or why it is held.

    Raises SourceUnavailable and RateLimited where the source gives nothing any more.
    """
    left, unreachable = list(numbers), 0
    while left:
        done = 0
        try:
            for block in source.blocks(left):
                done, unreachable = done + 1, 0
                yield block
            return
        except SourceError as error:
            if isinstance(error, SourceUnavailable | RateLimited):
                unreachable += 1
                if unreachable == _MOST_UNREACHABLE:
                    raise
                if unreachable == len(numbers) and not _is_there(source):
                    raise
            yield HeldBlock(left[done], None, error.what, stage="fetch", missing=("provider",))
            left = left[done + 1 :]


def _is_there(source: BlockSource) -> bool:
    """Whether the source answers anything: where few blocks are asked for, they do not tell."""
    try:
        source.head()
    except SourceError:
        return False
    return True
