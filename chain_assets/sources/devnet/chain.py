"""The blocks of a devnet, on all its forks.

A header holds its parent's hash, so a block needs every hash below it, down to `first_block`:
the first look at a high block builds all blocks under it (about a millisecond each at 8
transactions, about 20 at mainnet's 200). Their hashes are kept for good, which makes every later
look at any of them the cost of one block, and the blocks looked at last are kept whole.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache

from chain_assets.core.keccak import keccak256
from chain_assets.sources.devnet.blocks import BuiltBlock, build_block
from chain_assets.sources.devnet.spec import DevnetSpec, Fork

_KEPT_TRANSACTIONS = 10_000
_LEAST_KEPT_BLOCKS = 64

_Place = tuple[str, int]  # name of the fork that holds the block, and the number


@lru_cache(maxsize=4)
def shared_chain(spec: DevnetSpec) -> Chain:
    """The process's one chain of `spec`: all of its devnets may share what is built."""
    return Chain(spec)


class Chain:
    """All blocks of `spec`. Safe to use from several threads."""

    def __init__(self, spec: DevnetSpec) -> None:
        self.spec = spec
        self.trunk = Fork("trunk", spec.first_block)
        self._lock = threading.RLock()
        self._hashes: dict[_Place, bytes] = {}
        self._forks: dict[bytes, tuple[int, Fork]] = {}
        self._blocks: OrderedDict[bytes, BuiltBlock] = OrderedDict()
        self._transactions: dict[bytes, tuple[bytes, int]] = {}
        self._keep = max(
            _LEAST_KEPT_BLOCKS, _KEPT_TRANSACTIONS // max(1, spec.transactions_per_block)
        )

    def hash_of(self, number: int, fork: Fork) -> bytes:
        """The 32-byte hash of block `number` of `fork`, which must not be below `first_block`."""
        with self._lock:
            place = (fork.holder(number).name, number)
            if place not in self._hashes:
                self._build_up_to(number, fork)
            return self._hashes[place]

    def parent_hash_of(self, number: int, fork: Fork) -> bytes:
        """The hash of the block below. The first block's is made up; a genesis's is zero."""
        if number > self.spec.first_block:
            return self.hash_of(number - 1, fork)
        if number == 0:
            return bytes(32)
        return keccak256(f"below block {number} of devnet {self.spec.chain_id}".encode())

    def block(self, number: int, fork: Fork) -> BuiltBlock:
        """Block `number` of `fork`, whole."""
        with self._lock:
            block = self._blocks.get(self.hash_of(number, fork))
            if block is None:
                return self._build(number, fork)
            self._blocks.move_to_end(block.hash)
            return block

    def locate(self, block_hash: bytes) -> tuple[int, Fork] | None:
        """Number and fork of the block with this hash, if that block was ever built."""
        with self._lock:
            return self._forks.get(block_hash)

    def locate_transaction(self, transaction_hash: bytes) -> tuple[bytes, int] | None:
        """Block hash and index of a transaction of one of the blocks that are kept whole."""
        with self._lock:
            return self._transactions.get(transaction_hash)

    def _build_up_to(self, number: int, fork: Fork) -> None:
        lowest = number
        while lowest > self.spec.first_block and (
            (fork.holder(lowest - 1).name, lowest - 1) not in self._hashes
        ):
            lowest -= 1
        # Upward in a loop, never by recursion: the gap may be hundreds of thousands of blocks.
        for unknown in range(lowest, number + 1):
            self._build(unknown, fork)

    def _build(self, number: int, fork: Fork) -> BuiltBlock:
        holder = fork.holder(number)
        parent_hash = self.parent_hash_of(number, holder)
        block = build_block(self.spec, number, holder, parent_hash=parent_hash)
        self._hashes[holder.name, number] = block.hash
        self._forks[block.hash] = (number, holder)
        self._keep_whole(block)
        return block

    def _keep_whole(self, block: BuiltBlock) -> None:
        self._blocks[block.hash] = block
        for index, sent in enumerate(block.transactions):
            self._transactions[sent.signed.hash] = (block.hash, index)
        while len(self._blocks) > self._keep:
            _, oldest = self._blocks.popitem(last=False)
            for sent in oldest.transactions:
                self._transactions.pop(sent.signed.hash, None)
