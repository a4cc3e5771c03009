"""A devnet under control: where its head is, and which fork is canonical.

devnet = Devnet(DevnetSpec(transactions_per_block=8))
devnet.advance(10)          ten more blocks
devnet.reorg(3)             the last three are replaced by four others
devnet.faults = Faults(rules=(Fault(kind="missing_log", blocks=frozenset({42})),))
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from chain_assets.sources.devnet.blocks import BuiltBlock
from chain_assets.sources.devnet.chain import shared_chain
from chain_assets.sources.devnet.faults import FaultDice, Faults
from chain_assets.sources.devnet.spec import DevnetSpec, Fork


class Tip(NamedTuple):
    """The newest block's number, and the fork on which it stands."""

    head: int
    fork: Fork


class Devnet:
    """A chain with a head that moves. Safe to use from several threads.

    Without a `clock` the head stands at the last of `spec.blocks` until it is moved. With one (a
    function that gives Unix seconds) there is a block every `spec.block_time_seconds` since
    genesis, and `spec.blocks` has no meaning. What was moved and reorganized is known to this
    object alone: other processes see it over HTTP (`server.serve`).
    """

    def __init__(
        self,
        spec: DevnetSpec,
        *,
        clock: Callable[[], float] | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.spec = spec
        self.chain = shared_chain(spec)
        self._clock = clock
        self._lock = threading.Lock()
        self._fork = self.chain.trunk
        self._moved = 0
        self._tops: dict[str, int] = {}
        self._dice = FaultDice(faults or Faults())

    @property
    def tip(self) -> Tip:
        """Head and fork, read together."""
        with self._lock:
            return Tip(self._head(), self._fork)

    @property
    def head(self) -> int:
        """The newest block's number."""
        return self.tip.head

    @property
    def finalized(self) -> int | None:
        """The newest final block's number, `spec.finality_depth` below the head, if there is."""
        number = self.head - self.spec.finality_depth
        return number if number >= self.spec.first_block else None

    @property
    def faults(self) -> Faults:
        """What is wrong with the node. Setting it starts all its draws anew."""
        return self._dice.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._dice = FaultDice(faults)

    @property
    def dice(self) -> FaultDice:
        """The draws of the faults that are set now."""
        return self._dice

    def advance(self, blocks: int = 1) -> int:
        """Put `blocks` more blocks on the head. Returns the new head."""
        if blocks < 0:
            raise ValueError(f"a chain cannot advance by {blocks} blocks")
        with self._lock:
            self._moved += blocks
            return self._head()

    def reorg(self, depth: int, new_blocks: int | None = None) -> int:
        """Replace the newest `depth` blocks by `new_blocks` others (one more than `depth`, unless
        given otherwise). Returns the new head.

        The replaced blocks stay retrievable by their hash. Nothing stops at `finalized`: a reorg
        below it is what a reader has to be tested against. Raises ValueError where the first
        block would be replaced or the new fork would be empty.
        """
        count = depth + 1 if new_blocks is None else new_blocks
        with self._lock:
            start = self._head() - depth + 1
            if depth < 1 or count < 1 or start <= self.spec.first_block:
                raise ValueError(
                    f"cannot replace {depth} blocks by {count}: the head is {self._head()}, "
                    f"the first block is {self.spec.first_block}"
                )
            # A block is found by its hash only once it was built, and after the reorg nothing
            # would build the replaced side any more.
            self.chain.hash_of(self._head(), self._fork)
            self._tops[self._fork.name] = self._head()
            self._fork = self._fork.branch(start, purpose="reorg")
            self._moved += count - depth
            return self._head()

    def switch(self, fork: Fork) -> int:
        """Make `fork`, on which this devnet has stood, canonical again at the head it had then.

        Returns that head. What was canonical stays retrievable by its hash.
        """
        with self._lock:
            self.chain.hash_of(self._head(), self._fork)
            self._tops[self._fork.name] = self._head()
            self._moved += self._tops[fork.name] - self._head()
            self._fork = fork
            return self._head()

    def canonical_block(self, number: int) -> BuiltBlock | None:
        """Block `number` of the canonical fork, or None above the head or below the first."""
        tip = self.tip
        if not self.spec.first_block <= number <= tip.head:
            return None
        return self.chain.block(number, tip.fork)

    def block_by_hash(self, block_hash: bytes) -> BuiltBlock | None:
        """The block with this hash, on any fork that this devnet ever had, or None."""
        tip = self.tip
        self.chain.hash_of(tip.head, tip.fork)
        place = self.chain.locate(block_hash)
        if place is None:
            return None
        number, fork = place
        # The chain is shared: it may hold blocks that only other devnets have reached.
        top = tip.head if fork.name == tip.fork.name else self._tops.get(fork.name, -1)
        return self.chain.block(number, fork) if number <= top else None

    def foreign_block(self, number: int) -> BuiltBlock:
        """A sibling of the canonical block `number`, on a fork that nobody follows."""
        fork = self.tip.fork.branch(number, purpose="foreign")
        self._tops[fork.name] = number
        return self.chain.block(number, fork)

    def _head(self) -> int:
        if self._clock is None:
            start = self.spec.first_block + self.spec.blocks - 1
        else:
            start = self.spec.number_at(self._clock())
        return start + self._moved
