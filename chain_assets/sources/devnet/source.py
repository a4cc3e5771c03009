"""A devnet as a source of blocks, in process: no network, no JSON text.

Faults show as the errors that the same faults would be over the network. `no_receipts_method` has
no effect here: over the network a reader then asks for single receipts and gets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chain_assets.core.errors import (
    BlockNotFound,
    MalformedAnswer,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from chain_assets.sources.devnet.blocks import BuiltBlock
from chain_assets.sources.devnet.controller import Devnet
from chain_assets.sources.devnet.faults import TransportFault
from chain_assets.sources.devnet.node import Node
from chain_assets.sources.devnet.render import block_json
from chain_assets.sources.protocol import Header, RawBlock, raw_block

_SOURCE = "devnet"

_ERRORS: dict[TransportFault, tuple[type[SourceError], str]] = {
    "refuse": (SourceUnavailable, "the devnet hung up"),
    "server_error": (SourceUnavailable, "the devnet answered HTTP 503"),
    "rate_limit": (RateLimited, "the devnet answered HTTP 429"),
    "time_out": (SourceUnavailable, "the devnet did not answer in time"),
    "truncated": (MalformedAnswer, "the devnet's answer ends in its middle"),
    "malformed": (MalformedAnswer, "the devnet's answer is not JSON"),
}


class DevnetSource:
    """Implements `sources.protocol.BlockSource` over a devnet."""

    def __init__(self, devnet: Devnet) -> None:
        self._node = Node(devnet)
        self._chain = devnet.spec.chain

    def head(self) -> Header:
        """The newest block."""
        self._travel(None)
        return self.header(self._node.head)

    def finalized(self) -> Header | None:
        """The newest final block, or None where the chain is still shorter than that."""
        self._travel(None)
        number = self._node.finalized
        return None if number is None else self.header(number)

    def header(self, number: int) -> Header:
        """The canonical block `number`. Raises BlockNotFound."""
        return self._header(self._block(number))

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The canonical blocks `numbers`, whole, in the order asked. Raises BlockNotFound."""
        for number in numbers:
            block = self._block(number)
            yield raw_block(
                block_json(block),
                self._node.receipts(block),
                chain=self._chain,
                source=_SOURCE,
            )

    def _block(self, number: int) -> BuiltBlock:
        self._travel(number)
        block = self._node.block(number)
        if block is None:
            raise BlockNotFound(
                "the devnet has no such block",
                chain=self._chain,
                block=number,
                todo=f"Its head is {self._node.head}; ask again later for a block above it",
            )
        return block

    def _travel(self, number: int | None) -> None:
        fault = self._node.devnet.dice.transport_fault(number)
        if fault is not None:
            error, what = _ERRORS[fault]
            raise error(what, chain=self._chain, block=number, todo="Ask again")

    def _header(self, block: BuiltBlock) -> Header:
        header = block.header
        return Header(header.number, block.hash, header.parent_hash, header.timestamp)
