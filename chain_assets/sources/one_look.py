"""A source whose head stands still while one step of work looks at it.

Each part of a step asks for the head. One answer for all of them spares a real node most requests
of a block, and no part sees another chain than the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from chain_assets.sources.protocol import BlockSource, Header, RawBlock


class OneLook:
    """`source`, with the head and the finalized block that it had when they were first asked for.

    Blocks and headers are always the source's own of the moment.
    """

    def __init__(self, source: BlockSource) -> None:
        self._source = source

    def head(self) -> Header:
        """The newest block of then."""
        return self._head

    def finalized(self) -> Header | None:
        """The finalized block of then."""
        return self._finalized

    def header(self, number: int) -> Header:
        """The canonical block `number`. Raises BlockNotFound."""
        return self._source.header(number)

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The canonical blocks `numbers`, whole, in the order asked. Raises BlockNotFound."""
        return self._source.blocks(numbers)

    @cached_property
    def _head(self) -> Header:
        return self._source.head()

    @cached_property
    def _finalized(self) -> Header | None:
        return self._source.finalized()
