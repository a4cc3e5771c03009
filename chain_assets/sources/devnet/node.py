"""What one node of a devnet answers, its faults and its lag included, as JSON.

Both ways to a devnet ask here: `source.DevnetSource` in process and `server.serve` over HTTP.
"""

from __future__ import annotations

import copy

from chain_assets.sources.devnet.blocks import BuiltBlock
from chain_assets.sources.devnet.controller import Devnet
from chain_assets.sources.devnet.render import Json, receipts_json, transaction_json


class Node:
    """The answers of a node that may be behind, or wrong, as `devnet.faults` says."""

    def __init__(self, devnet: Devnet) -> None:
        self.devnet = devnet

    @property
    def head(self) -> int:
        """The newest block that this node knows; a lagging one knows the first at least."""
        devnet = self.devnet
        return max(devnet.spec.first_block, devnet.head - devnet.faults.lag_blocks)

    @property
    def finalized(self) -> int | None:
        """The newest block that this node knows to be final."""
        number = self.head - self.devnet.spec.finality_depth
        return number if number >= self.devnet.spec.first_block else None

    def block(self, number: int) -> BuiltBlock | None:
        """The answer to a request for block `number`, or None."""
        if not self.devnet.spec.first_block <= number <= self.head:
            return None
        if self.devnet.dice.strikes("null_block", number):
            return None
        if self.devnet.dice.strikes("foreign_block", number):
            return self.devnet.foreign_block(number)
        return self.devnet.canonical_block(number)

    def block_by_hash(self, block_hash: bytes) -> BuiltBlock | None:
        """The answer to a request for the block with this hash, on any fork, or None."""
        block = self.devnet.block_by_hash(block_hash)
        if block is None or block.header.number > self.head:
            return None
        return None if self.devnet.dice.strikes("null_block", block.header.number) else block

    def receipts(self, block: BuiltBlock) -> list[Json] | None:
        """The receipts that are answered for `block`: its own, or not quite."""
        dice, number = self.devnet.dice, block.header.number
        if dice.strikes("null_receipts", number):
            return None
        if dice.strikes("foreign_receipts", number):
            return receipts_json(self.devnet.foreign_block(number))
        receipts = receipts_json(block)
        if dice.strikes("altered_receipt", number):
            receipts = _altered(receipts)
        if dice.strikes("missing_log", number):
            receipts = _without_a_log(receipts)
        return receipts

    def transaction(self, transaction_hash: bytes) -> Json | None:
        """The canonical transaction with this hash, if its block was looked at lately."""
        place = self._canonical_place(transaction_hash)
        return None if place is None else transaction_json(*place)

    def receipt(self, transaction_hash: bytes) -> Json | None:
        """The receipt of the canonical transaction with this hash, likewise."""
        place = self._canonical_place(transaction_hash)
        if place is None:
            return None
        block, index = place
        receipts = self.receipts(block)
        return None if receipts is None or index >= len(receipts) else receipts[index]

    def _canonical_place(self, transaction_hash: bytes) -> tuple[BuiltBlock, int] | None:
        found = self.devnet.chain.locate_transaction(transaction_hash)
        if found is None:
            return None
        block = self.devnet.block_by_hash(found[0])
        if block is None or block.header.number > self.head:
            return None
        canonical = self.devnet.canonical_block(block.header.number)
        return (block, found[1]) if canonical and canonical.hash == block.hash else None


def _altered(receipts: list[Json]) -> list[Json]:
    """The same with one digit changed: the last of the first log's data, or the first status."""
    changed = copy.deepcopy(receipts)
    for receipt in changed:
        for log in receipt["logs"]:
            if log["data"] != "0x":
                log["data"] = log["data"][:-1] + ("1" if log["data"][-1] == "0" else "0")
                return changed
    for receipt in changed[:1]:
        receipt["status"] = "0x0" if receipt["status"] == "0x1" else "0x1"
    return changed


def _without_a_log(receipts: list[Json]) -> list[Json]:
    """The same without the last log of the first receipt that has one."""
    changed = copy.deepcopy(receipts)
    for receipt in changed:
        if receipt["logs"]:
            receipt["logs"].pop()
            break
    return changed
